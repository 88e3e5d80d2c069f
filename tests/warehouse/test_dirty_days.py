"""Only dirty days are rebuilt, and what that leaves equals a build from nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_quality.contract import all_contracts
from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.shop import load_shop
from feeds.simulator import SimulationParams, simulate
from orchestration.sources import bind_sources

RunDbt = Callable[..., dict[str, str]]
SETTINGS: dict[str, object] = {
    "shop": "increments",
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
    "default_location": "main",
    "home_country": "DE",
    "demand_period_days": 1,
    "run_id": "run-1",
}


@pytest.fixture(autouse=True)
def digest_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPWRIGHT_PROJECT_DIGEST", "the same all the time")


@dataclass
class StockShop:
    """A warehouse of stock counts only, built after each load."""

    dbt: RunDbt
    write_table: Callable[..., list[str]]
    folder: Path
    files: list[str] = field(default_factory=list)

    def load(self, *rows: tuple[str, int, int]) -> None:
        """One more load: SKU, day of March, units on hand."""
        number = len(self.files) + 1
        counted = [
            {
                "_load_number": number,
                "sku": sku,
                "location_id": "main",
                "stock_date": date(2026, 3, day),
                "on_hand_units": units,
                "is_in_stock": units > 0,
            }
            for sku, day, units in rows
        ]
        self.files += self.write_table(self.folder / str(number), "raw/stock_levels", counted)

    def build(self, as_of: int, warehouse: str = "daily") -> list[tuple[Any, ...]]:
        """Rows of the mart; ``rebuilt`` tells about the days."""
        path = self.folder / warehouse / "warehouse.duckdb"
        bind_sources(path, {"raw/stock_levels": self.files}, SETTINGS | {"as_of": date(2026, 3, as_of)})
        statuses = self.dbt(path, "run", "--select", "+fct_stock_daily")
        assert set(statuses.values()) == {"success"}
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute("select * from marts.fct_stock_daily order by all").fetchall()

    def rebuilt(self) -> tuple[int, int]:
        """Days rebuilt by the last build, and days of the table."""
        with duckdb.connect(str(self.folder / "daily" / "warehouse.duckdb"), read_only=True) as connection:
            [row] = connection.execute("select n_days_rebuilt, n_days from control.day_models").fetchall()
        return (row[0], row[1])


@pytest.fixture
def stock_shop(dbt: RunDbt, write_lake_table: Callable[..., list[str]], tmp_path: Path) -> StockShop:
    shop = StockShop(dbt, write_lake_table, tmp_path)
    shop.load(*((sku, day, 5) for sku in ("mug", "jug") for day in range(1, 13)))
    shop.build(12)
    return shop


def test_a_first_build_makes_every_day_and_one_without_news_makes_none(stock_shop: StockShop) -> None:
    assert stock_shop.rebuilt() == (12, 12)
    before = stock_shop.build(12)
    assert stock_shop.rebuilt() == (0, 12)
    assert stock_shop.build(12) == before


def test_new_late_and_corrected_rows_dirty_their_days_and_no_other(stock_shop: StockShop) -> None:
    stock_shop.load(("mug", 13, 4), ("pan", 3, 7), ("jug", 5, 0))
    daily = stock_shop.build(13)
    assert stock_shop.rebuilt() == (3, 13)
    assert daily == stock_shop.build(13, "from_nothing")
    assert [row[:4] for row in daily if row[0] == "pan" or row[3] in (0, 4)] == [
        ("jug", "main", date(2026, 3, 5), 0),
        ("mug", "main", date(2026, 3, 13), 4),
        ("pan", "main", date(2026, 3, 3), 7),
    ]


def test_a_count_from_the_future_appears_on_its_day_without_another_load(stock_shop: StockShop) -> None:
    stock_shop.load(("mug", 14, 3))
    stock_shop.build(13)
    assert stock_shop.rebuilt() == (0, 12)
    assert stock_shop.build(14) == stock_shop.build(14, "from_nothing")
    assert stock_shop.rebuilt() == (1, 13)


def test_an_earlier_as_of_forgets_the_days_after_it(stock_shop: StockShop) -> None:
    assert stock_shop.build(6) == stock_shop.build(6, "from_nothing")
    assert stock_shop.rebuilt() == (6, 6)


def test_many_dirty_days_are_one_whole_build(stock_shop: StockShop) -> None:
    stock_shop.load(*(("mug", day, 1) for day in range(1, 6)))
    assert stock_shop.build(12) == stock_shop.build(12, "from_nothing")
    assert stock_shop.rebuilt() == (12, 12)


def test_a_changed_project_is_built_anew(stock_shop: StockShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPWRIGHT_PROJECT_DIGEST", "another")
    stock_shop.build(12)
    assert stock_shop.rebuilt() == (12, 12)


def test_a_backfill_rebuilds_the_days_it_names(
    stock_shop: StockShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOPWRIGHT_REBUILD_FROM", "2026-03-02")
    monkeypatch.setenv("SHOPWRIGHT_REBUILD_TO", "2026-03-04")
    assert stock_shop.build(12) == stock_shop.build(12, "from_nothing")
    assert stock_shop.rebuilt() == (3, 12)


# --- thirty days of a simulated shop -----------------------------------------------------------------------

PARAMS = SimulationParams(days=30, skus=24, customers=60)
LATE_DAY, LATE_BY = 8, 6
LATE_FEEDS = ("order_lines", "orders", "refunds", "stock_levels")
CORRECTED_DAY, CORRECTION_DAY = 12, 20


def deliveries(feeds: Path, folder: Path) -> Iterator[date]:
    """Deliver a day's files at a time; some come late, and one day's stock is corrected by a later file."""
    for number in range(PARAMS.days):
        day = PARAMS.date_of(number)
        for path in sorted(feeds.glob(f"*/{day}.*")):
            is_late = number == LATE_DAY and path.parent.name in (
                "order_lines",
                "orders",
                "stock_levels",
                "refunds",
            )
            if not is_late:
                deliver(path, folder)
        if number == LATE_DAY + LATE_BY:
            for path in sorted(feeds.glob(f"*/{PARAMS.date_of(LATE_DAY)}.*")):
                deliver(path, folder)
        if number == CORRECTION_DAY:
            correct_stock(feeds, folder)
        yield day


def deliver(path: Path, folder: Path) -> None:
    target = folder / path.parent.name / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)


def correct_stock(feeds: Path, folder: Path) -> None:
    """A count of an earlier day again, with three units more of everything."""
    [counted] = sorted((feeds / "stock_levels").glob(f"{PARAMS.date_of(CORRECTED_DAY)}.*"))
    corrected = folder / "stock_levels" / f"{PARAMS.date_of(CORRECTION_DAY)}-corrected.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * replace (on_hand_units + 3 as on_hand_units) from read_parquet('{counted}')) "
            f"to '{corrected}' (format parquet)"
        )


def every_table(warehouse: Path) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        names = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where schema_name in ('intermediate', 'marts', 'features')"
        ).fetchall()
        return {
            name: connection.execute(f"select * from {name} order by all").fetchall() for (name,) in names
        }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thirty_daily_increments_equal_one_build_from_nothing(dbt: RunDbt, tmp_path: Path) -> None:
    feeds, given, home = tmp_path / "feeds", tmp_path / "given", tmp_path / "home"
    simulate(PARAMS, feeds)
    shop = load_shop("demo", home, data=given)
    lake = Lake(home / shop.name / "lake")
    warehouse, from_nothing = (tmp_path / name / "warehouse.duckdb" for name in ("daily", "from_nothing"))
    rebuilt: list[int] = []
    bound: dict[str, object] = {}
    for day in deliveries(feeds, given):
        for contract in all_contracts("feeds"):
            ingest_feed(shop, contract.name, home, key=b"a key for tests only")
        bound = SETTINGS | {"as_of": day, "default_location": "WH-EU"}
        bind_sources(warehouse, files_of(lake), bound)
        assert set(dbt(warehouse, "run", "--exclude", "fqn:shopwright.serving").values()) == {"success"}
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            rebuilt += connection.execute("select n_days_rebuilt from control.day_models").fetchall()[0]

    bind_sources(from_nothing, files_of(lake), bound)
    dbt(from_nothing, "run", "--exclude", "fqn:shopwright.serving")
    scratch, increments = every_table(from_nothing), every_table(warehouse)

    assert sorted(scratch) == sorted(increments)
    assert [name for name in scratch if scratch[name] != increments[name]] == []
    assert len(scratch["marts.fct_order_lines"]) > 30
    # each new day; the late one comes with the day it comes on, the corrected one with its correction
    expected = [1] * PARAMS.days
    expected[LATE_DAY], expected[LATE_DAY + LATE_BY], expected[CORRECTION_DAY] = 0, 2, 2
    assert rebuilt[3:] == expected[3:]


def files_of(lake: Lake) -> dict[str, list[str]]:
    return {f"raw/{name}": lake.files("raw", name) for name in lake.names("raw")}
