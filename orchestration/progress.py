"""What a person sees while a run goes on: one line a finished step, and every warning."""

import logging
import sys
from collections.abc import Iterator

import dagster as dg


def told(events: Iterator[dg.DagsterEvent]) -> Iterator[dg.DagsterEvent]:
    """The same events, with a line on standard error for each step that ended or is tried again."""
    for event in events:
        line = _line(event)
        if line:
            print(line, file=sys.stderr, flush=True)
        yield event


def _line(event: dg.DagsterEvent) -> str | None:
    """``  done   12.3 s  core_tables``."""
    if event.event_type_value == "STEP_SUCCESS":
        return f"  done {event.step_success_data.duration_ms / 1000:7.1f} s  {event.step_key}"
    if event.event_type_value in {"STEP_FAILURE", "STEP_UP_FOR_RETRY"}:
        return f"  {event.event_type_value.lower():15} {event.step_key}"
    return None


class _Warnings(logging.Filter):
    """Lets through warnings and errors that are not events: those are told by the process of the run."""

    def filter(self, record: logging.LogRecord) -> bool:
        event = getattr(record, "dagster_event", None) or getattr(record, "dagster_meta", {}).get(
            "dagster_event"
        )
        # A step that cannot run because another failed adds nothing to that failure.
        return (
            event is None
            and record.levelno >= logging.WARNING
            and "Dependencies for step" not in record.getMessage()
        )


class _Note(logging.Formatter):
    """``  note            what was said``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"  note            {record.getMessage()}"


@dg.logger
def progress_log(init_context: dg.InitLoggerContext) -> logging.Logger:
    """A console log short enough to read."""
    log = logging.Logger("shopwright", level=logging.DEBUG)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Warnings())
    handler.setFormatter(_Note())
    log.addHandler(handler)
    return log
