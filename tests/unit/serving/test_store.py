"""The reader sees one whole generation, follows the pointer, and reaches nothing but its file."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from serving.generations import NothingPublished, generation_folder
from serving.leases import leased_generations
from serving.publish import publish_warehouse
from serving.store import Store

MARKERS = "select marker, count(*) as n from marts.fct_orders group by marker"


def test_a_store_before_the_first_publish_says_so(published):
    with Store(published) as store, pytest.raises(NothingPublished, match="run the pipeline first"):
        store.query("select 1")


def test_queries_bind_their_values(warehouse, published, run):
    publish_warehouse(warehouse(), published, run=run(1))
    with Store(published) as store:
        sql = "select sku, rank from serving.bundles where sku = $sku"
        assert store.query(sql, {"sku": "sku-3"}) == [{"sku": "sku-3", "rank": 4}]
        assert store.query(sql, {"sku": "' or true --"}) == []
        assert store.query("select ? + ? as total", [1, 2]) == [{"total": 3}]
        assert store.tables()["serving.bundles"] == 40
        assert store.arrow(MARKERS).to_pylist() == [{"marker": 1, "n": 40}]


def test_the_store_follows_each_publish(warehouse, published, run):
    publish_warehouse(warehouse(marker=1), published, run=run(1))
    with Store(published) as store:
        assert store.query(MARKERS) == [{"marker": 1, "n": 40}]
        publish_warehouse(warehouse(marker=2, rows=50), published, run=run(2))
        assert store.query(MARKERS) == [{"marker": 2, "n": 50}]
        assert store.generation == 2


def test_a_snapshot_stays_on_its_generation_through_later_publishes(warehouse, published, run):
    publish_warehouse(warehouse(marker=1), published, run=run(1))
    with Store(published) as store, store.snapshot() as cursor:
        for number in (2, 3, 4, 5, 6, 7, 8):
            publish_warehouse(warehouse(marker=number), published, run=run(number))
            assert store.query(MARKERS)[0]["marker"] == number
        assert cursor.execute(MARKERS).fetchall() == [(1, 40)]
        assert leased_generations(published) == {1, 8}
    assert leased_generations(published) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/hostname')",
        "select * from glob('/*')",
        "copy marts.fct_orders to 'out.csv'",
        "attach ':memory:' as other",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set threads = 8",
        "create table marts.mine as select 1",
        "delete from marts.fct_orders",
    ],
)
def test_the_connection_reaches_nothing_but_its_file(warehouse, published, run, statement):
    publish_warehouse(warehouse(), published, run=run(1))
    with Store(published) as store, pytest.raises(duckdb.Error):
        store.query(statement)


def test_threads_never_see_two_generations_in_one_answer(warehouse, published, run):
    publish_warehouse(warehouse(marker=1), published, run=run(1))
    done = threading.Event()

    def read(store: Store) -> list[int]:
        seen = []
        while not done.is_set() or not seen:
            rows = store.query(f"{MARKERS} union all select marker, 40 from marts.dim_markers")
            assert len(set(map(str, rows))) == 1, rows
            seen.append(rows[0]["marker"])
        return seen

    with Store(published) as store, ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read, store) for _ in range(4)]
        try:
            for number in range(2, 6):
                publish_warehouse(warehouse(marker=number), published, run=run(number))
        finally:
            done.set()
        for reader in readers:
            seen = reader.result(timeout=30)
            assert seen == sorted(seen)
        assert store.query(MARKERS) == [{"marker": 5, "n": 40}]


def flip(path, position):
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)


def test_a_damaged_live_file_is_not_read_and_the_newest_intact_one_is(warehouse, published, run):
    for number in (1, 2):
        publish_warehouse(warehouse(marker=number), published, run=run(number))
    flip(generation_folder(published, 2) / "serve.duckdb", 5000)
    with Store(published) as store:
        assert store.query(MARKERS) == [{"marker": 1, "n": 40}]


def test_a_damaged_pointer_does_not_stop_readers(warehouse, published, run):
    publish_warehouse(warehouse(marker=1), published, run=run(1))
    flip(published / "CURRENT", 30)
    with Store(published) as store:
        assert store.query(MARKERS) == [{"marker": 1, "n": 40}]


def test_when_every_generation_is_damaged_the_error_names_the_files(warehouse, published, run):
    publish_warehouse(warehouse(), published, run=run(1))
    flip(generation_folder(published, 1) / "serve.duckdb", 5000)
    with (
        Store(published) as store,
        pytest.raises(NothingPublished, match=r"Generation 1: serve.duckdb was changed"),
    ):
        store.query("select 1")
