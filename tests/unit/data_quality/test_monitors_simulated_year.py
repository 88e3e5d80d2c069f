"""Clean years of the simulated shop raise few alarms, and a loss of 40 % of a table's rows is caught."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from data_quality.monitors import Series, incidents, judge
from data_quality.watched import WATCHED, measure_all
from feeds.simulator import SimulationParams, simulate

pytestmark = pytest.mark.slow

FIRST, WARM_UP = date(2025, 1, 1), 35
LAST = FIRST + timedelta(days=WARM_UP + 364)
# as the warehouse makes them, in the columns watched: business days of Berlin, the latest version of a
# record; text is cast by the measures, because DuckDB takes 50 ms a file to find the types of each
TABLES = """
create schema marts;
create macro business_date(moment) as cast(timezone('Europe/Berlin', cast(moment as timestamptz)) as date);
create table marts.fct_orders as
    select *, business_date(ordered_at) as ordered_date, if(currency = 'EUR', 1, 2) as exchange_rate
    from read_csv('{feeds}/orders/*.csv', all_varchar = true)
    qualify row_number() over (partition by order_id order by updated_at desc) = 1;
create table marts.fct_order_lines as
    select *, business_date(ordered_at) as ordered_date, 1 as exchange_rate,
        cast(units as double) * cast(unit_price_amount as double) as gross_amount
    from read_csv('{feeds}/order_lines/*.csv', all_varchar = true);
create table marts.fct_payments as
    select *, business_date(paid_at) as paid_date, 1 as exchange_rate from read_json('{feeds}/payments/*.jsonl');
create table marts.fct_shipments as
    select *, business_date(dispatched_at) as dispatched_date from read_csv('{feeds}/shipments/*.csv', all_varchar = true)
    qualify row_number() over (partition by shipment_id order by updated_at desc) = 1;
create table marts.fct_sessions as
    select source_session_id, business_date(min(cast(occurred_at as timestamptz))) as session_date,
        max(customer_id) as customer_id, any_value(channel) as channel, any_value(device_type) as device_type,
        any_value(country) as country, count(*) as n_events
    from read_csv('{feeds}/events/*.csv', all_varchar = true)
    group by source_session_id;
create table marts.fct_stock_daily as select * from read_parquet('{feeds}/stock_levels/*.parquet');
create table calendar as
    select distinct event_date from read_csv('{feeds}/calendar_events/*.csv')
    where kind <> 'make_up_workday' and (kind <> 'closure' or country = 'DE');
"""  # noqa: E501


# the limits were chosen on the years of 11 and 31
@pytest.fixture(scope="module", params=[7, 47, 59])
def series(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Series]]:
    """The series of a clean year with the demo shop's customers, whose assortment is a third of it."""
    feeds: Path = tmp_path_factory.mktemp("feeds")
    days = (LAST - FIRST).days + 1
    simulate(SimulationParams(days=days, skus=200, seed=request.param, start=FIRST), feeds)
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(TABLES.format(feeds=feeds))
        events = {row[0] for row in connection.execute("select event_date from calendar").fetchall()}
        window = {"first": FIRST, "last": LAST}
        yield measure_all(lambda sql: connection.execute(sql, window).df(), FIRST, LAST, events)


def test_no_table_raises_more_than_one_alarm_in_any_month(series: list[Series]) -> None:
    readings = judge(series, FIRST, 365)
    assert set(readings["table_name"]) == {watched.table for watched in WATCHED}
    alarms = incidents(readings)
    months = alarms.assign(month=pd.to_datetime(alarms["first_date"]).dt.to_period("M"))
    print("alarms in a year:", alarms.groupby("table_name").size().to_dict())
    assert not months.duplicated(["table_name", "month"]).any()


def test_a_loss_of_forty_per_cent_of_a_tables_rows_is_caught_in_the_run_of_the_day(
    series: list[Series],
) -> None:
    chance = np.random.default_rng(1)
    for watched in WATCHED:
        mine = [s for s in series if s.table_name == watched.table and s.monitor in ("volume", "companion")]
        rows = next(s for s in mine if s.monitor == "volume")
        days = [
            day for day in range(126, len(rows.values), 4)
            if rows.values[day] and FIRST + timedelta(days=day) not in rows.event_days
        ]  # fmt: skip
        caught = sum(lossy_day_is_unusual(mine, day, chance) for day in days)
        print(watched.table, f"{caught} of {len(days)}")
        assert caught / len(days) >= 0.8, watched.table


def lossy_day_is_unusual(series: list[Series], day: int, chance: np.random.Generator) -> bool:
    """Whether anything tells when each row of the day is lost with 40 %; later days are not known yet."""
    rows = next(s for s in series if s.monitor == "volume").values[day]
    kept = chance.binomial(int(rows), 0.6) / rows
    lossy = []
    for one in series:
        values = one.values[: day + 1].copy()
        values[day] *= kept
        lossy.append(replace(one, values=values, noise=one.noise[: day + 1]))
    readings: pd.DataFrame = judge(lossy, FIRST, 1)
    return bool((readings["state"] == "unusual").any())
