"""Dagster's storage is set up once, and then opened without its migrations being read."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

from orchestration.dagster_storage import RunStorage, ScheduleStorage, is_set_up


def run_of(run_id: str) -> dg.DagsterRun:
    return dg.DagsterRun(job_name="main", run_id=run_id, tags={"shop": "corner"})


def test_what_one_process_stored_the_next_one_reads_without_reading_migrations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = {"base_dir": str(tmp_path)}
    run_id = "5f2c1c9e-3a1e-4a55-9d5b-0d9b8a1f0c11"
    RunStorage.from_config_value(None, folder).add_run(run_of(run_id))
    ScheduleStorage.from_config_value(None, folder)

    def refused(*arguments: object) -> None:
        raise AssertionError("the migrations were read")

    for module in (sqlite_run_storage, sqlite_schedule_storage):
        monkeypatch.setattr(module, "check_alembic_revision", refused)
    (stored,) = RunStorage.from_config_value(None, folder).get_runs()
    assert (stored.run_id, stored.tags["shop"]) == (run_id, "corner")
    assert ScheduleStorage.from_config_value(None, folder).all_instigator_state() == []


def test_a_file_that_a_killed_process_left_unfinished_is_set_up_again(tmp_path: Path) -> None:
    (tmp_path / "runs.db").touch()
    assert not is_set_up(tmp_path / "runs.db")
    storage = RunStorage.from_config_value(None, {"base_dir": str(tmp_path)})
    assert storage.get_runs() == []
    assert is_set_up(tmp_path / "runs.db")
