"""Dagster's own home for a shop: where runs and events are kept, with telemetry off."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import yaml

from orchestration.workspace import Workspace


def dagster_home(workspace: Workspace) -> Path:
    """The shop's Dagster home, with its ``dagster.yaml`` written; ``DAGSTER_HOME`` points at it then."""
    home = workspace.folder / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(yaml.safe_dump(_configuration(home), sort_keys=False))
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def open_instance(workspace: Workspace) -> dg.DagsterInstance:
    """The Dagster instance of the shop."""
    dagster_home(workspace)
    return dg.DagsterInstance.get()


def _configuration(home: Path) -> dict[str, object]:
    history = home / "history"
    return {
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        "python_logs": {"python_log_level": "INFO"},  # Dagster's own events are kept whatever this says
        "run_storage": _stored("orchestration.dagster_storage", "RunStorage", history),
        "event_log_storage": _stored(
            "orchestration.event_log", "BatchingSqliteEventLogStorage", history / "runs"
        ),
        "schedule_storage": _stored("orchestration.dagster_storage", "ScheduleStorage", home / "schedules"),
        "compute_logs": _stored("orchestration.step_logs", "FileStepLogs", home / "storage"),
        "concurrency": {"pools": {"default_limit": 1, "granularity": "op"}},
        "run_monitoring": {"enabled": True, "free_slots_after_run_end_seconds": 300},
        "retention": {
            "schedule": {"purge_after_days": 90},
            "sensor": {"purge_after_days": {"skipped": 7, "failure": 30}},
        },
    }


def _stored(module: str, name: str, folder: Path) -> dict[str, object]:
    return {"module": module, "class": name, "config": {"base_dir": str(folder)}}
