"""The large shop that speed is measured on keeps the contracts, and is the same at every making."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from benchmarks.large_shop import MONTHLY, NAME, ONCE, TRACKED, ShopSize, make_shop
from data_quality.contract import Contract, load_contract
from feeds.lake import Lake
from feeds.shop import load_shop

SIZE = ShopSize(lines=3_000, days=100, connected_days=30, tracked_days=10)
FEEDS = (*ONCE, *MONTHLY, *TRACKED)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    make_shop(folder, SIZE, threads=1)
    return folder


@pytest.fixture(scope="module")
def lake(home: Path) -> duckdb.DuckDBPyConnection:
    return _open(home)


def _open(home: Path) -> duckdb.DuckDBPyConnection:
    connection, tables = duckdb.connect(), Lake(home / NAME / "lake")
    connection.execute("set TimeZone = 'UTC'")
    for feed in FEEDS:
        files = tables.files("raw", feed)
        connection.execute(
            f"create view {feed} as select * from read_parquet({files}, hive_partitioning = true)"
        )
    return connection


def _broken(contract: Contract) -> list[str]:
    """One condition for each promise of the contract; a row that meets it breaks the promise."""
    conditions = []
    for c in contract.columns:
        conditions += [f"{c.name} is null"] if c.required else []
        conditions += [f"{c.name} not in {c.allowed}"] if c.allowed else []
        conditions += [f"{c.name} < {c.minimum}"] if c.minimum is not None else []
        conditions += [f"{c.name} > {c.maximum}"] if c.maximum is not None else []
        conditions += [f"length({c.name}) > {c.max_length}"] if c.max_length else []
        conditions += [f"not regexp_matches({c.name}, '{c.pattern}')"] if c.pattern else []
    return conditions


@pytest.mark.parametrize("feed", FEEDS)
def test_every_feed_keeps_its_contract(lake: duckdb.DuckDBPyConnection, feed: str) -> None:
    contract = load_contract(feed)
    n_rows = lake.execute(f"select count(*) from {feed}").fetchall()[0][0]
    assert n_rows > 0
    for condition in _broken(contract):
        found = lake.execute(f"select count(*) from {feed} where {condition}").fetchall()[0][0]
        assert found == 0, condition
    key = ", ".join([*contract.key, *([contract.version_column] if contract.version_column else [])])
    repeated = lake.execute(f"select {key} from {feed} group by {key} having count(*) > 1").fetchall()
    assert repeated == []


def test_orders_agree_with_their_lines_and_payments(lake: duckdb.DuckDBPyConnection) -> None:
    differing = lake.execute("""
        select o.order_id
        from orders as o
        inner join (
            select order_id, sum(units * unit_price_amount) as gross, sum(discount_amount) as discount
            from order_lines group by order_id
        ) as l on o.order_id = l.order_id
        where o.gross_amount <> l.gross or o.discount_amount <> l.discount
            or o.total_amount <> o.gross_amount - o.discount_amount + o.shipping_amount
    """).fetchall()
    unpaid = lake.execute(
        "select order_id from orders where order_status in ('paid', 'shipped', 'delivered', 'returned') "
        "and order_id not in (select order_id from payments where payment_status = 'captured')"
    ).fetchall()
    assert (differing, unpaid) == ([], [])


def test_its_size_is_what_was_asked_for_and_it_has_several_currencies(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    lines, currencies, days = lake.execute(
        "select count(*), count(distinct currency), count(distinct ordered_at::date) from order_lines"
    ).fetchall()[0]
    assert SIZE.lines * 0.95 < lines < SIZE.lines * 1.05
    assert (currencies, days) == (3, SIZE.days)


def test_the_same_seed_makes_the_same_shop_on_any_number_of_threads(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    make_shop(tmp_path, SIZE, threads=3)
    again = _open(tmp_path)
    for feed in FEEDS:
        columns = ", ".join(load_contract(feed).column_names)
        query = f"select {columns} from {feed} order by all"
        assert lake.execute(query).fetchall() == again.execute(query).fetchall()


def test_its_file_is_one_that_shops_are_read_from(home: Path) -> None:
    shop = load_shop(NAME, home)
    assert (shop.currency, shop.missing_reason("orders")) == ("EUR", None)
