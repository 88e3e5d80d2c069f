"""What a person sees while a run goes on: one line a finished step, and every warning."""

import logging
import sys

import dagster as dg


class _StepsOnly(logging.Filter):
    """Lets through finished and failed steps, and records of level warning and above that carry no event."""

    def filter(self, record: logging.LogRecord) -> bool:
        event = getattr(record, "dagster_event", None) or getattr(record, "dagster_meta", {}).get(
            "dagster_event"
        )
        if event is None:
            # A step that cannot run because another failed adds nothing to that failure.
            return record.levelno >= logging.WARNING and "Dependencies for step" not in record.getMessage()
        return event.event_type_value in {"STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"}


class _Line(logging.Formatter):
    """``  done   12.3 s  core_tables``."""

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "dagster_event", None) or getattr(record, "dagster_meta", {}).get(
            "dagster_event"
        )
        if event is None:
            return f"  note            {record.getMessage()}"
        if event.event_type_value == "STEP_SUCCESS":
            return f"  done {event.step_success_data.duration_ms / 1000:7.1f} s  {event.step_key}"
        return f"  {event.event_type_value.lower():15} {event.step_key}"


@dg.logger
def progress_log(init_context: dg.InitLoggerContext) -> logging.Logger:
    """A console log short enough to read."""
    log = logging.Logger("shopwright", level=logging.DEBUG)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_StepsOnly())
    handler.setFormatter(_Line())
    log.addHandler(handler)
    return log
