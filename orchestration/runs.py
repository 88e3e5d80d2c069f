"""One run of the main job in this process, on any shop: what ``shopwright run`` does."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from orchestration.arrivals import has_files, pending_days
from orchestration.instance import open_instance
from orchestration.partitions import range_tags
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


def run_shop(workspace: Workspace) -> RunOutcome:
    """Run the main job once over every day that is new; the previous generation stays live when it fails."""
    days = pending_days(workspace)
    _check_sources(workspace)
    from orchestration.definitions import (
        build_defs,
    )  # dbt and Dagster definitions load here, after the cheap checks

    job = build_defs().resolve_job_def("main")
    span = days or (datetime.now(UTC).date(),) * 2
    started = time.perf_counter()
    with open_instance(workspace) as instance:
        result = job.execute_in_process(
            instance=instance,
            tags=range_tags(*span),
            run_config={"loggers": {"console": {}}},
            raise_on_error=False,
        )
        outcome = _outcome(result, time.perf_counter() - started, days)
    return outcome


def _check_sources(workspace: Workspace) -> None:
    """Refuse to start where no file was ever given: a wrong path must not look like a quiet day."""
    if workspace.lake.names("raw") or has_files(workspace):
        return
    sources = workspace.shop.sources
    exists = any(source.path.exists() for source in sources)
    tried = sorted({str(path) for source in sources for path in source.paths})
    raise CannotStart(
        f"{'No file lies in' if exists else 'None exists of'} the sources of shop "
        f"{workspace.shop.name!r}; tried {', '.join(tried[:4])}{' and others' if len(tried) > 4 else ''}. "
        "Give the folder of its feeds with --feeds"
        f"{', or make one with: shopwright simulate' if workspace.shop.name == 'demo' else ''}."
    )


def _outcome(result: dg.ExecuteInProcessResult, seconds: float, days: tuple[date, date] | None) -> RunOutcome:
    materialised: dict[str, dict[str, Any]] = {}
    for event in result.get_asset_materialization_events():
        data = event.step_materialization_data.materialization
        values = {name: getattr(value, "value", value) for name, value in data.metadata.items()}
        materialised["/".join(data.asset_key.path)] = values
    checks = [
        e.asset_check_evaluation_data
        for e in result.all_events
        if e.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    failed_checks = tuple(f"{'/'.join(c.asset_key.path)}: {c.check_name}" for c in checks if not c.passed)
    failed_steps = {
        e.step_key or "": _cause(e) for e in result.all_events if e.event_type_value == "STEP_FAILURE"
    }
    usage = [
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return RunOutcome(
        run_id=result.run_id,
        success=result.success,
        seconds=seconds,
        peak_memory_mb=sum(usage),
        materialised=materialised,
        failed_checks=failed_checks,
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
