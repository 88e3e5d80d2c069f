"""Day by day, late, out of order or at once: however the rows arrive, the tables are the same."""

from __future__ import annotations

import random
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from data_quality.contract import all_contracts, load_contract
from feeds.lake import Lake
from orchestration.core_state import mark_now
from orchestration.core_tables import CoreTables
from orchestration.spark_runs import plan_document
from transforms.jobs import run_jobs
from transforms.plan import JOBS, parse_plan

FEEDS = ("events", "order_lines")
ZONE = "Europe/Berlin"
FIRST = datetime(2026, 1, 28, tzinfo=UTC)
# The settings make bots, caps and ties frequent among a few hundred actions.
SETTINGS = {
    "bots": {"max_events": 8, "max_hours": 2},
    "pairs": {"half_life_days": 2, "max_session_skus": 3, "max_order_skus": 3, "max_paired": 6},
    "run": {"rebuild_share": 1, "output_files": 1},
}
N_DAYS = 6
INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
}


class Shop:
    """A lake that rows are loaded into, and its core tables, built in the tests' own Spark session."""

    def __init__(self, folder, spark):
        self.folder, self.spark = folder, spark
        self.lake, self.tables = Lake(folder / "lake"), CoreTables.under(folder)
        self.n_loads = self.n_builds = 0

    def load(self, **rows_of_feed):
        self.n_loads += 1
        for feed, rows in rows_of_feed.items():
            at = load_contract(feed).partition_by_month_of
            origin = {"_load_number": self.n_loads, "_file_id": "f", "_line": 1}
            fields = [pa.field(name, pa.scalar(value).type) for name, value in origin.items()]
            schema = pa.schema(
                [*load_contract(feed).arrow_schema(), *fields, pa.field("_month", pa.string())]
            )
            filled = [origin | {"_month": f"{row[at]:%Y-%m}"} | row for row in rows]
            self.lake.append(
                "raw", feed, pa.Table.from_pylist(filled, schema),
                partition_by=["_month"], load_number=self.n_loads,
            )  # fmt: skip
        return self

    def build(self, as_of, commit=CoreTables.commit):
        """What a launch does, but for the process; gives the days rebuilt (``None``: all) and why."""
        self.n_builds += 1
        scratch = self.folder / f"build{self.n_builds}"
        present = [feed for feed in FEEDS if self.lake.exists("raw", feed)]
        mark = mark_now(self.lake, FEEDS, as_of, ZONE)
        before, reason = self.tables.before(mark)
        document = plan_document(
            self.lake, {feed: self.lake.files("raw", feed) for feed in present}, scratch, as_of, ZONE,
            self.tables.since(before) if before else None,
        )  # fmt: skip
        plan = parse_plan(document | {"settings": SETTINGS})
        summary = run_jobs(plan, JOBS, lambda _: None, session=lambda _: nullcontext(self.spark))
        self.spark.catalog.clearCache()
        commit(self.tables, scratch / "out", summary["days"], mark)
        return summary["business_days"], reason

    def rows(self):
        """Every core table, in the order of its key."""
        return {c.name: self.table(c) for c in all_contracts("core")}

    def table(self, contract):
        table = self.lake.read("core", contract.name, columns=list(contract.column_names))
        table = table.select(contract.column_names).cast(contract.arrow_schema())
        return table.sort_by([(key, "ascending") for key in contract.key])


def world(seed, n_events=1_000, n_lines=300):
    """Actions that crowd around a few evenings, some across midnight and the end of a month, and orders."""
    draw = random.Random(seed)
    kinds = ("view", "view", "view", "add_to_cart", "search", "purchase", "favourite")

    def moment():
        evening = FIRST + timedelta(days=draw.randrange(N_DAYS), hours=22)
        return evening + timedelta(minutes=draw.randrange(-600, 360) // draw.choice((1, 8)))

    events = [
        {"event_id": f"e{n}", "visitor_id": f"v{draw.randrange(10)}", "event_type": draw.choice(kinds),
         "customer_id": draw.choice((None, "c1", "c2")), "source_session_id": draw.choice((None, None, "s")),
         "occurred_at": moment(), "sku": f"k{draw.randrange(12)}", "device_type": draw.choice((None, "app"))}
        for n in range(n_events)
    ]  # fmt: skip
    orders = [(f"o{n}", moment()) for n in range(90)]
    lines = [
        {"order_id": order_id, "sku": f"k{draw.randrange(12)}", "line_number": n, "units": 1,
         "line_kind": draw.choice(("product", "product", "shipping")),
         "ordered_at": ordered_at + timedelta(minutes=draw.randrange(30)), "unit_price_amount": 1,
         "currency": "EUR"}
        for n, (order_id, ordered_at) in enumerate(draw.choices(orders, k=n_lines), start=1)
    ]  # fmt: skip
    return events, lines


def assert_same(shop, other):
    ours, theirs = shop.rows(), other.rows()
    for name, table in theirs.items():
        assert table.num_rows > (5 if name == "bot_sessions" else 90), name
        assert ours[name].equals(table), name


LAST = date(2026, 2, 3)


LATE = {
    "event_id": "late", "visitor_id": "v1", "event_type": "view", "sku": "k1",
    "occurred_at": FIRST + timedelta(days=2, hours=4),
}  # fmt: skip


@pytest.fixture(scope="module")
def without_compiling(spark):
    """Queries as Spark interprets them: to compile each costs more than to run it on so few rows."""
    before = {name: spark.conf.get(name) for name in INTERPRETED}
    for name, value in INTERPRETED.items():
        spark.conf.set(name, value)
    yield
    for name, value in before.items():
        spark.conf.set(name, value)


@pytest.fixture(scope="module")
def at_once(tmp_path_factory, spark, without_compiling):
    events, lines = world(7)
    shop = Shop(tmp_path_factory.mktemp("at_once"), spark).load(events=[*events, LATE], order_lines=lines)
    assert shop.build(LAST) == (None, "first build")
    return shop


def split(events, lines, seed):
    """Loads by day, but every tenth row up to three days late; some actions are delivered twice."""
    draw = random.Random(seed)
    loads = [{"events": [], "order_lines": []} for _ in range(N_DAYS + 1)]
    for feed, at, rows in (("events", "occurred_at", events), ("order_lines", "ordered_at", lines)):
        for row in rows:
            day = max(0, (row[at] - FIRST).days)
            late = draw.randrange(1, 4) if draw.random() < 0.1 else 0
            loads[min(day + late, N_DAYS)][feed].append(row)
            if feed == "events" and draw.random() < 0.05:
                loads[min(day + late + 1, N_DAYS)][feed].append(row)
    return loads


def test_late_and_unordered_loads_give_the_tables_of_one_load(at_once, tmp_path, spark):
    loads = split(*world(7), seed=3)
    shop = Shop(tmp_path, spark).load(**loads[0]).load(**loads[2]).load(**loads[1]).load(**loads[4])
    shop.load(**loads[3])
    assert shop.build(date(2026, 1, 31)) == (None, "first build")
    shop.load(**loads[6]).load(**loads[5]).load(events=[LATE])
    days, reason = shop.build(LAST)
    assert reason == "new rows"
    # The first evening has had all its rows, the late action's has not, and the last was not reached.
    assert "2026-01-28" not in days
    assert {"2026-01-30", "2026-02-03"} <= set(days)
    assert_same(shop, at_once)


@pytest.mark.slow
def test_a_build_after_every_load_gives_the_tables_of_one_load(at_once, tmp_path, spark):
    shop = Shop(tmp_path, spark)
    for number, load in enumerate(split(*world(7), seed=11)):
        shop.load(**load).build(date(2026, 1, 28) + timedelta(days=number))
    shop.load(events=[LATE])
    assert shop.build(LAST) == (["2026-01-30"], "new rows")
    assert_same(shop, at_once)


def stopped_after(n_tables):
    """A commit that is killed once so many tables are written."""

    def commit(tables, folder, days, mark):
        places = tables.places()[:n_tables]
        CoreTables.commit(type("Cut", (), {"places": lambda self: places})(), folder, days, mark)

    return commit


@pytest.mark.slow
def test_a_run_killed_between_two_tables_is_repaired_by_the_next(tmp_path, spark, at_once):
    loads = split(*world(7), seed=5)
    shop = Shop(tmp_path, spark)
    for load in loads[:4]:
        shop.load(**load)
    shop.build(date(2026, 1, 31))
    for load in loads[4:]:
        shop.load(**load)
    shop.load(events=[LATE])
    shop.build(LAST, commit=stopped_after(3))
    assert shop.build(LAST) == (None, "a run was stopped between two tables")
    assert_same(shop, at_once)


@pytest.mark.slow
def test_what_cannot_be_added_to_is_rebuilt_whole(tmp_path, spark, at_once):
    events, lines = world(7)
    extra = {
        "event_id": "extra",
        "visitor_id": "gone",
        "event_type": "view",
        "sku": "k1",
        "occurred_at": FIRST,
    }
    shop = Shop(tmp_path, spark).load(events=[*events, extra, LATE], order_lines=lines)
    shop.build(LAST)
    DeltaTable(str(shop.lake.path("raw", "events"))).delete("visitor_id = 'gone'")
    assert shop.build(LAST) == (None, "rows of raw/events were changed or removed")
    assert_same(shop, at_once)
    mark = mark_now(shop.lake, FEEDS, date(2026, 1, 30), ZONE)
    assert shop.tables.before(mark) == (None, "the day went back from 2026-02-03 to 2026-01-30")
    moved = mark_now(shop.lake, FEEDS, LAST, "Asia/Shanghai")
    assert shop.tables.before(moved) == (None, "settings or rules changed")
