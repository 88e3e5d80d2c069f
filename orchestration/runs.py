"""One run of the main job on any shop: what ``shopwright run`` does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
from dagster._core.execution.api import execute_run_iterator  # what the public execute_job runs to its end

from orchestration.arrivals import has_files, pending_days
from orchestration.event_log import keep_connections
from orchestration.executor import main_job, start_server, stop_server
from orchestration.instance import open_instance
from orchestration.partitions import range_tags
from orchestration.progress import told
from orchestration.spark_standby import standing_by
from orchestration.turns import BY_COMMAND, clear_up, only_run
from orchestration.usage import PeakMemory
from orchestration.workspace import Workspace


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended: metadata of what was materialised by asset key, failed steps and checks, cost."""

    run_id: str
    success: bool
    seconds: float
    peak_memory_mb: float
    materialised: Mapping[str, Mapping[str, Any]]
    failed_checks: tuple[str, ...]
    failed_steps: Mapping[str, str] = field(default_factory=dict)
    days: tuple[date, date] | None = None


class CannotStart(RuntimeError):
    """The run has nothing to work on; the message says what to do."""


def run_shop(
    workspace: Workspace, days: tuple[date, date] | None = None, *, fork_this_process: bool = False
) -> RunOutcome:
    """Run the main job once over these days, or every day that is new.

    With ``fork_this_process``, for processes that do nothing else, steps are forks of this one. The previous
    generation stays live when the run fails. Raises ``CannotStart`` or ``AnotherRun``.
    """
    started = time.perf_counter()
    with only_run(workspace.folder):
        days = days or pending_days(workspace)
        fork_this_process &= has_files(workspace)
        if not fork_this_process:
            # It may look into the lake, whose library must not be in use when a process is forked.
            _check_sources(workspace)
        with standing_by(workspace) if fork_this_process else nullcontext():
            start_server(fork_this_process)
            with PeakMemory() as peak:
                run_id, events = _execute(workspace, days)
    return _outcome(run_id, events, time.perf_counter() - started, peak.megabytes, days)


def _execute(workspace: Workspace, days: tuple[date, date] | None) -> tuple[str, list[dg.DagsterEvent]]:
    """Run the main job; gives the run's identifier and what happened, after telling it step by step."""
    keep_connections()
    try:
        with open_instance(workspace) as instance:
            clear_up(instance)
            job = dg.reconstructable(main_job)
            run = instance.create_run_for_job(
                job_def=main_job(),
                run_config={"loggers": {"console": {}}},
                tags={**BY_COMMAND, **range_tags(*(days or (datetime.now(UTC).date(),) * 2))},
                job_code_origin=job.get_python_origin(),
            )
            return run.run_id, list(told(execute_run_iterator(job, run, instance)))
    finally:
        stop_server()


def _check_sources(workspace: Workspace) -> None:
    """Refuse to start where no file was ever given: a wrong path must not look like a quiet day."""
    if workspace.lake.names("raw") or has_files(workspace):
        return
    sources = workspace.shop.sources
    exists = any(source.exists for source in sources)
    tried = sorted({str(path) for source in sources for path in source.paths})
    raise CannotStart(
        f"{'No file lies in' if exists else 'None exists of'} the sources of shop "
        f"{workspace.shop.name!r}; tried {', '.join(tried[:4])}{' and others' if len(tried) > 4 else ''}. "
        "Give the folder of its feeds with --feeds"
        f"{', or make one with: shopwright simulate' if workspace.shop.name == 'demo' else ''}."
    )


def _outcome(
    run_id: str,
    events: list[dg.DagsterEvent],
    seconds: float,
    megabytes: float,
    days: tuple[date, date] | None,
) -> RunOutcome:
    materialised: dict[str, dict[str, Any]] = {}
    failed_checks: list[str] = []
    failed_steps: dict[str, str] = {}
    success = False
    for event in events:
        kind = event.event_type_value
        if kind == "ASSET_MATERIALIZATION":
            data = event.step_materialization_data.materialization
            values = {name: getattr(value, "value", value) for name, value in data.metadata.items()}
            materialised["/".join(data.asset_key.path)] = values
        elif kind == "ASSET_CHECK_EVALUATION":
            check = event.asset_check_evaluation_data
            if not check.passed:
                failed_checks.append(f"{'/'.join(check.asset_key.path)}: {check.check_name}")
        elif kind == "STEP_FAILURE":
            failed_steps[event.step_key or ""] = _cause(event)
        success = success or kind == "PIPELINE_SUCCESS"
    return RunOutcome(
        run_id=run_id,
        success=success,
        seconds=seconds,
        peak_memory_mb=megabytes,
        materialised=materialised,
        failed_checks=tuple(failed_checks),
        failed_steps=failed_steps,
        days=days,
    )


def _cause(event: dg.DagsterEvent) -> str:
    """The innermost message of a failed step."""
    error = event.step_failure_data.error
    if event.step_failure_data.user_failure_data and event.step_failure_data.user_failure_data.description:
        return str(event.step_failure_data.user_failure_data.description)
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error else "unknown"
