"""A batch of events is stored once and whole, and Dagster reads it back as its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, StepMaterializationData

from orchestration.event_log import BatchingSqliteEventLogStorage
from orchestration.instance import open_instance
from orchestration.settings import Settings
from orchestration.workspace import Workspace

KEY = dg.AssetKey(["raw", "orders"])
DAYS = [f"2026-03-{day:02}" for day in range(1, 32)]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(Workspace.of(Settings(home=tmp_path, shop="demo"))) as opened:
        yield opened


def materialised(run_id: str, day: str) -> dg.EventLogEntry:
    """The event of one day's partition."""
    event = DagsterEvent(
        event_type_value="ASSET_MATERIALIZATION",
        job_name="main",
        event_specific_data=StepMaterializationData(dg.AssetMaterialization(KEY, partition=day)),
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
    store_one, seen = BatchingSqliteEventLogStorage.store_event, []

    def full_disk_at_the_third(self: BatchingSqliteEventLogStorage, event: dg.EventLogEntry) -> Any:
        seen.append(event)
        if len(seen) == 3:
            raise OSError("no space left on device")
        return store_one(self, event)

    with monkeypatch.context() as patch:
        patch.setattr(BatchingSqliteEventLogStorage, "store_event", full_disk_at_the_third)
        with pytest.raises(OSError, match="no space"):
            instance.event_log_storage.store_event_batch([materialised(run.run_id, day) for day in DAYS])
    assert stored(instance, run.run_id) == []
    assert instance.get_materialized_partitions(KEY) == set()
    instance.event_log_storage.store_event_batch([materialised(run.run_id, day) for day in DAYS])
    assert stored(instance, run.run_id) == DAYS


def job_of_nothing() -> dg.JobDefinition:
    @dg.op
    def load() -> None: ...

    @dg.job(name="main")
    def main() -> None:
        load()

    return main
