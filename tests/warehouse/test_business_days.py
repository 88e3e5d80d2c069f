"""Business days are the zone's: 23 and 25 hours when the clocks change, Shanghai's midnight at 16:00 UTC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from orchestration.sources import bind_sources

RunDbt = Callable[..., dict[str, str]]
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
AROUND = [
    datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)
    for day in (SPRING, AUTUMN)
    for hour in range(-36, 60)
]
EDGES = [
    # Berlin's 29 March begins in winter time and ends in summer time
    datetime(2026, 3, 28, 22, 59, 59, tzinfo=UTC),
    datetime(2026, 3, 28, 23, 0, 0, tzinfo=UTC),
    datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC),
    datetime(2026, 3, 29, 22, 0, 0, tzinfo=UTC),
    # Shanghai knows no summer time: its midnight is 16:00 UTC on every day of the year
    datetime(2026, 10, 25, 15, 59, 59, tzinfo=UTC),
    datetime(2026, 10, 25, 16, 0, 0, tzinfo=UTC),
]


@dataclass(frozen=True)
class Hours:
    """Orders of one euro, hourly around both changes of the clocks and at some edges, seen from a zone."""

    zone: str
    orders: dict[str, datetime]
    days: dict[str, date]
    per_day: dict[date, int]


@pytest.fixture(scope="module", params=["Europe/Berlin", "Asia/Shanghai"])
def hours(
    request: pytest.FixtureRequest,
    dbt: RunDbt,
    write_lake_table: Callable[..., list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Hours:
    folder = tmp_path_factory.mktemp("hours")
    orders = {f"o{number:03}": moment for number, moment in enumerate([*AROUND, *EDGES])}
    rows = [
        {
            "order_id": order_id,
            "ordered_at": moment.isoformat(),
            "updated_at": moment.isoformat(),
            "order_status": "placed",
            "currency": "EUR",
            "gross_amount": 1,
            "total_amount": 1,
        }
        for order_id, moment in orders.items()
    ]
    settings: dict[str, object] = {
        "shop": "hours",
        "time_zone": request.param,
        "currency": "EUR",
        "default_location": "main",
        "home_country": "DE",
        "demand_period_days": 1,
        "as_of": AUTUMN,
        "run_id": "run-1",
    }
    warehouse = folder / "warehouse.duckdb"
    bind_sources(warehouse, {"raw/orders": write_lake_table(folder, "raw/orders", rows)}, settings)
    assert set(dbt(warehouse, "run", "--select", "+agg_sales_daily").values()) == {"success"}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        days = dict(connection.execute("select order_id, ordered_date from marts.fct_orders").fetchall())
        per_day = connection.execute(
            "select ordered_date, sum(n_orders) from marts.agg_sales_daily group by all"
        ).fetchall()
    return Hours(request.param, orders, days, {day: int(count) for day, count in per_day})


def expected_days(hours: Hours) -> dict[str, date]:
    """Python's own zone rules; what comes after as_of in the zone is not yet known."""
    zone = ZoneInfo(hours.zone)
    days = {order_id: moment.astimezone(zone).date() for order_id, moment in hours.orders.items()}
    return {order_id: day for order_id, day in days.items() if day <= AUTUMN}


def test_every_order_is_on_the_day_that_the_zone_says_and_none_is_after_as_of(hours: Hours) -> None:
    expected = expected_days(hours)
    assert hours.days == expected
    assert len(expected) < len(hours.orders)


def test_daily_totals_are_those_of_the_zones_days(hours: Hours) -> None:
    assert hours.per_day == Counter(expected_days(hours).values())


def test_a_day_has_23_hours_in_spring_and_25_in_autumn_where_clocks_change(hours: Hours) -> None:
    hourly = Counter(
        hours.days[order_id]
        for order_id, moment in hours.orders.items()
        if moment in AROUND and order_id in hours.days and int(order_id[1:]) < len(AROUND)
    )
    by_zone = {"Europe/Berlin": (23, 25), "Asia/Shanghai": (24, 24)}
    assert (hourly[SPRING], hourly[AUTUMN]) == by_zone[hours.zone]
    assert hourly[SPRING + timedelta(days=1)] == 24


def test_the_seconds_around_midnight_fall_on_either_side(hours: Hours) -> None:
    edges = [hours.days.get(f"o{len(AROUND) + number:03}") for number in range(len(EDGES))]
    spring_before, spring_after = date(2026, 3, 28), date(2026, 3, 30)
    by_zone: dict[str, list[Any]] = {
        "Europe/Berlin": [spring_before, SPRING, SPRING, spring_after, AUTUMN, AUTUMN],
        # in Shanghai 16:00 UTC on the 25th is the 26th, which is after as_of
        "Asia/Shanghai": [SPRING, SPRING, spring_after, spring_after, AUTUMN, None],
    }
    assert edges == by_zone[hours.zone]
