"""A batch of events is stored once and whole, and Dagster reads it back as its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent, StepMaterializationData
from dagster._core.storage.event_log import SqliteEventLogStorage

from orchestration import event_log
from orchestration.event_log import BatchingSqliteEventLogStorage
from orchestration.instance import open_instance
from orchestration.settings import Settings
from orchestration.workspace import Workspace

KEY = dg.AssetKey(["raw", "orders"])
DAYS = [f"2026-03-{day:02}" for day in range(1, 32)]


@pytest.fixture(autouse=True, params=[False, True], ids=["of a server", "of a run's process"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both manners: the files opened for each event, and kept open."""
    monkeypatch.setattr(event_log, "_kept_in_this_process", request.param)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(Workspace.of(Settings(home=tmp_path, shop="demo"))) as opened:
        yield opened


def materialised(run_id: str, day: str) -> dg.EventLogEntry:
    """The event of one day's partition."""
    event = DagsterEvent(
        event_type_value="ASSET_MATERIALIZATION",
        job_name="main",
        event_specific_data=StepMaterializationData(
            dg.AssetMaterialization(KEY, partition=day, tags={"dagster/data_version": f"v{day}"})
        ),
    )
    return dg.EventLogEntry(None, "debug", "", run_id, 1_770_000_000.0, "load", "main", event)


def stored(instance: dg.DagsterInstance, run_id: str) -> list[str | None]:
    logs = instance.get_records_for_run(run_id).records
    return [record.partition_key for record in logs]


def test_the_shops_instance_uses_the_batching_log_and_sends_nothing_home(
    instance: dg.DagsterInstance,
) -> None:
    assert isinstance(instance.event_log_storage, BatchingSqliteEventLogStorage)
    assert not instance.telemetry_enabled


def test_a_batch_is_stored_once_in_order_and_read_back(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(job_of_nothing())
    instance.event_log_storage.store_event_batch([materialised(run.run_id, day) for day in DAYS])
    assert stored(instance, run.run_id) == DAYS
    assert instance.get_materialized_partitions(KEY) == set(DAYS)
    latest = instance.get_latest_materialization_event(KEY)
    assert latest is not None
    assert latest.asset_materialization.partition == DAYS[-1]


def test_events_after_a_batch_are_stored_as_ever(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(job_of_nothing())
    instance.event_log_storage.store_event_batch([materialised(run.run_id, DAYS[0])])
    instance.event_log_storage.store_event(materialised(run.run_id, DAYS[1]))
    assert stored(instance, run.run_id) == DAYS[:2]


def test_a_batch_with_an_event_that_cannot_be_stored_leaves_nothing(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = instance.create_run_for_job(job_of_nothing())

    def full_disk(*_: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        # the last thing that is written, when the events stand in both files already
        patch.setattr(BatchingSqliteEventLogStorage, "_store_asset_event", full_disk)
        with pytest.raises(OSError, match="no space"):
            instance.event_log_storage.store_event_batch([materialised(run.run_id, day) for day in DAYS])
    assert stored(instance, run.run_id) == []
    assert instance.get_materialized_partitions(KEY) == set()
    instance.event_log_storage.store_event_batch([materialised(run.run_id, day) for day in DAYS])
    assert stored(instance, run.run_id) == DAYS


def test_a_batch_leaves_what_dagsters_own_storage_would(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """The same events, told one by one to the class that this one derives from: every table is equal."""
    run = instance.create_run_for_job(job_of_nothing())
    check = dg.AssetCheckKey(KEY, "whole")
    events = [
        *[planned(run.run_id, day) for day in DAYS],
        check_event(
            run.run_id,
            "ASSET_CHECK_EVALUATION_PLANNED",
            AssetCheckEvaluationPlanned(asset_key=KEY, check_name="whole"),
        ),
        *[materialised(run.run_id, day) for day in DAYS],
        check_event(run.run_id, "ASSET_CHECK_EVALUATION", evaluation(check)),
        materialised(run.run_id, DAYS[3]),
    ]
    batched = BatchingSqliteEventLogStorage(str(tmp_path / "batched"))
    batched.store_event_batch(events)
    one_by_one = SqliteEventLogStorage(str(tmp_path / "one_by_one"))
    for event in events:
        one_by_one.store_event(event)
    for file in (f"{run.run_id}.db", "index.db"):
        assert contents(tmp_path / "batched" / file) == contents(tmp_path / "one_by_one" / file)


def planned(run_id: str, day: str) -> dg.EventLogEntry:
    """The event that a day's partition is going to be made."""
    return check_event(run_id, "ASSET_MATERIALIZATION_PLANNED", AssetMaterializationPlannedData(KEY, day))


def check_event(run_id: str, kind: str, data: Any) -> dg.EventLogEntry:
    """An event of that kind."""
    event = DagsterEvent(event_type_value=kind, job_name="main", event_specific_data=data)
    return dg.EventLogEntry(None, "debug", "", run_id, 1_770_000_000.0, "load", "main", event)


def evaluation(check: dg.AssetCheckKey) -> AssetCheckEvaluation:
    """A check that passed."""
    return AssetCheckEvaluation(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=True,
        metadata={},
        severity=dg.AssetCheckSeverity.ERROR,
    )


def contents(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of each table that tells of events, without the columns that say when the row was written."""
    moments = {"create_timestamp", "evaluation_event_timestamp", "last_materialization_timestamp"}
    told = {}
    with sqlite3.connect(file) as connection:
        for table in ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions"):
            names = [
                row[1] for row in connection.execute(f"pragma table_info({table})") if row[1] not in moments
            ]
            told[table] = connection.execute(f"select {', '.join(names)} from {table} order by id").fetchall()
    return told


def job_of_nothing() -> dg.JobDefinition:
    @dg.op
    def load() -> None: ...

    @dg.job(name="main")
    def main() -> None:
        load()

    return main
