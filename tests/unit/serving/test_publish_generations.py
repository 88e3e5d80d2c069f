"""A generation is built aside, goes live in one step, and can be taken back."""

from __future__ import annotations

import json
import os
import stat
from datetime import timedelta

import duckdb
import pyarrow.parquet as pq
import pytest

from data_quality.contract import all_contracts
from data_quality.examples import FIRST_DATE
from serving.generations import NothingPublished, generation_folder, read_manifest
from serving.leases import Lease
from serving.publish import (
    AuditFailed,
    AuditPolicy,
    PublishRefused,
    RunInfo,
    build_generation,
    collect,
    publish,
    publish_warehouse,
    recover,
    rollback,
    status,
)
from serving.store import Store


def test_a_published_generation_holds_the_marts_and_served_tables_and_nothing_else(warehouse, published, run):
    manifest = publish_warehouse(warehouse(), published, run=run(1), versions={"shopwright": "0.1.0"})

    expected = {f"serving.{c.name}" for c in all_contracts("served")} | {
        "marts.fct_orders",
        "marts.dim_markers",
    }
    assert {entry.name for entry in manifest.tables} == expected
    assert manifest.generation == 1
    assert manifest.versions == {"duckdb": duckdb.__version__, "shopwright": "0.1.0"}
    assert manifest.table("marts.fct_orders").rows == 40
    assert manifest.table("marts.fct_orders").columns == {"order_id": "BIGINT", "marker": "INTEGER"}


def test_the_parquet_files_hold_the_rows_of_the_duckdb_file(warehouse, published, run):
    publish_warehouse(warehouse(), published, run=run(1))
    folder = generation_folder(published, 1)
    with Store(published) as store:
        for entry in read_manifest(folder).tables:
            served = store.arrow(f"select * from {entry.name} order by all")
            exported = duckdb.execute(f"select * from '{folder / entry.file}' order by all").fetchall()
            assert exported == [tuple(row.values()) for row in served.to_pylist()], entry.name
            assert pq.ParquetFile(folder / entry.file).metadata.row_group(0).column(0).compression == "ZSTD"


def test_published_files_are_read_only_and_leave_no_write_ahead_log(warehouse, published, run):
    publish_warehouse(warehouse(), published, run=run(1))
    files = [path for path in generation_folder(published, 1).rglob("*") if path.is_file()]
    assert {path.name for path in files if path.suffix != ".parquet"} == {"serve.duckdb", "manifest.json"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o444 for path in files)


def test_the_stable_file_is_the_live_generation(warehouse, published, run):
    for number in (1, 2):
        publish_warehouse(warehouse(marker=number), published, run=run(number))
        with duckdb.connect(str(published / "serve.duckdb"), read_only=True) as connection:
            assert connection.execute("select run_number from meta.publication").fetchone() == (number,)
            assert connection.execute("select distinct marker from marts.fct_orders").fetchone() == (number,)


def test_the_pointer_names_the_live_file_and_its_checksum(warehouse, published, run):
    manifest = publish_warehouse(warehouse(), published, run=run(7))
    pointer = json.loads((published / "CURRENT").read_text())
    assert pointer["path"] == "generations/1/serve.duckdb"
    assert pointer["sha256"] == manifest.serve_sha256
    assert (pointer["generation"], pointer["run_number"]) == (1, 7)


def test_an_older_run_cannot_publish_over_a_newer_one(warehouse, published, run):
    publish_warehouse(warehouse(), published, run=run(5))
    for number in (3, 4):
        with pytest.raises(
            PublishRefused, match=f"has number {number}, but run number 5 was published already"
        ):
            publish_warehouse(warehouse(), published, run=run(number))
    another = RunInfo("another", 5, FIRST_DATE, "demo")
    with pytest.raises(PublishRefused, match="Run another has number 5"):
        publish_warehouse(warehouse(), published, run=another)
    assert status(published).live == 1
    assert not list((published / "generations").glob(".tmp-*"))


def test_a_retry_of_the_same_run_may_publish_again(warehouse, published, run):
    publish_warehouse(warehouse(), published, run=run(5))
    assert publish_warehouse(warehouse(), published, run=run(5)).generation == 2


def test_rollback_returns_to_the_generation_before_and_keeps_the_fence(warehouse, published, run):
    for number in (1, 2, 3):
        publish_warehouse(warehouse(marker=number), published, run=run(number))

    assert rollback(published).generation == 2
    with Store(published) as store:
        assert store.query("select marker from marts.dim_markers") == [{"marker": 2}]
        assert rollback(published, to=1).generation == 1
        assert store.query("select marker from marts.dim_markers") == [{"marker": 1}]
    with pytest.raises(PublishRefused, match="run number 3 was published already"):
        publish_warehouse(warehouse(), published, run=run(2))
    assert publish_warehouse(warehouse(), published, run=run(4)).generation == 4


def test_rollback_names_the_generations_there_are(warehouse, published, run):
    with pytest.raises(NothingPublished, match="Nothing was published yet"):
        rollback(published)
    publish_warehouse(warehouse(), published, run=run(1))
    with pytest.raises(PublishRefused, match=r"no generation 9\. Kept generations: 1"):
        rollback(published, to=9)
    with pytest.raises(NothingPublished):
        rollback(published)


def test_rollback_to_a_damaged_generation_is_refused(warehouse, published, run):
    for number in (1, 2):
        publish_warehouse(warehouse(), published, run=run(number))
    parquet = next(generation_folder(published, 1).rglob("fct_orders.parquet"))
    parquet.chmod(0o644)
    parquet.write_bytes(parquet.read_bytes()[:-1])
    with pytest.raises(PublishRefused, match="Generation 1 is damaged"):
        rollback(published, to=1)
    assert status(published).live == 2


def test_only_the_newest_generations_are_kept_and_the_live_and_leased_ones(warehouse, published, run):
    path = warehouse()
    publish_warehouse(path, published, run=run(1))
    lease = Lease(published, 1)
    for number in range(2, 9):
        publish_warehouse(path, published, run=run(number))
    assert [g.generation for g in status(published, verify=False).generations] == [1, 4, 5, 6, 7, 8]
    lease.release()
    rollback(published, to=4)
    assert collect(published, keep=2) == [1, 5, 6]
    assert [g.generation for g in status(published, verify=False).generations] == [4, 7, 8]


def test_a_lease_that_was_not_renewed_holds_nothing_back(warehouse, published, run):
    publish_warehouse(warehouse(), published, run=run(1))
    Lease(published, 1)
    for path in (published / "leases").glob("*/*"):
        os.utime(path, (0, 0))
    publish_warehouse(warehouse(), published, run=run(2))
    assert collect(published, keep=1) == [1]


def test_a_failed_audit_keeps_the_old_generation_and_marks_it_stale(warehouse, published, run):
    publish_warehouse(warehouse(marker=1), published, run=run(1))
    with pytest.raises(AuditFailed) as failure:
        publish_warehouse(warehouse("delete from serving.similar_items"), published, run=run(2))

    assert [finding.table for finding in failure.value.findings] == ["serving.similar_items"]
    found = status(published)
    assert found.live == 1
    assert found.stale == tuple(str(finding) for finding in failure.value.findings)
    with Store(published) as store:
        assert store.stale == list(found.stale)
        publish_warehouse(warehouse(), published, run=run(3))
        assert store.stale == []
    assert status(published).is_healthy


def test_a_warehouse_still_open_for_writing_is_refused_with_the_remedy(warehouse, published, run):
    path = warehouse()
    with duckdb.connect(str(path)), pytest.raises(PublishRefused, match="close its writer first"):
        publish_warehouse(path, published, run=run(1))
    with pytest.raises(PublishRefused, match="run the pipeline first"):
        publish_warehouse(path.with_name("none.duckdb"), published, run=run(1))
    assert not list((published / "generations").glob(".tmp-*"))


def test_an_older_as_of_goes_live_only_on_purpose(warehouse, published, run):
    publish_warehouse(warehouse(), published, run=run(1, FIRST_DATE + timedelta(days=3)))
    with pytest.raises(AuditFailed, match="as_of_not_older"):
        publish_warehouse(warehouse(), published, run=run(2))
    publish_warehouse(warehouse(), published, run=run(3), policy=AuditPolicy(allow_older_as_of=True))
    assert status(published).live == 2


def test_recovery_leaves_a_candidate_of_a_living_process_alone(warehouse, published, run):
    candidate = build_generation(warehouse(), published, run=run(1))
    abandoned = published / "generations" / ".tmp-0-dead"
    abandoned.mkdir()
    assert recover(published) == ["deleted the left-over .tmp-0-dead"]
    assert publish(candidate, published).generation == 1
