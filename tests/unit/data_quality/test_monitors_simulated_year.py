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
        any_value(country) as country, count(*) as n_events, max(order_id) as order_id
    from read_csv('{feeds}/events/*.csv', all_varchar = true)
    group by source_session_id;
create table marts.fct_order_states as
    select order_id, order_status, 'history' as evidence, business_date(status_at) as entered_date
    from read_csv('{feeds}/order_status_events/*.csv', all_varchar = true);
create table marts.fct_stock_daily as select * from read_parquet('{feeds}/stock_levels/*.parquet');
create table calendar as
    select distinct event_date from read_csv('{feeds}/calendar_events/*.csv')
    where kind <> 'make_up_workday' and (kind <> 'closure' or country = 'DE');
"""  # noqa: E501


# the limits were chosen on the years of 11 and 31
@pytest.fixture(scope="module", params=[7, 47, 59])
def year(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The marts of a clean year with the demo shop's customers, whose assortment is a third of it."""
    feeds: Path = tmp_path_factory.mktemp("feeds")
    days = (LAST - FIRST).days + 1
    simulate(SimulationParams(days=days, skus=200, seed=request.param, start=FIRST), feeds)
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(TABLES.format(feeds=feeds))
        yield connection


def measured(connection: duckdb.DuckDBPyConnection) -> list[Series]:
    """All series of the year."""
    events = {row[0] for row in connection.execute("select event_date from calendar").fetchall()}
    window = {"first": FIRST, "last": LAST}
    return measure_all(lambda sql: connection.execute(sql, window).df(), FIRST, LAST, events)


@pytest.fixture(scope="module")
def series(year: duckdb.DuckDBPyConnection) -> list[Series]:
    """The series of the clean year."""
    return measured(year)


def test_no_table_raises_more_than_one_alarm_in_any_month(series: list[Series]) -> None:
    readings = judge(series, FIRST, 365)
    assert set(readings["table_name"]) == {watched.table for watched in WATCHED}
    alarms = incidents(readings)
    months = alarms.assign(month=pd.to_datetime(alarms["first_date"]).dt.to_period("M"))
    print("alarms in a year:", alarms.groupby("table_name").size().to_dict())
    assert not months.duplicated(["table_name", "month"]).any()


def test_a_loss_of_forty_per_cent_of_a_tables_rows_is_caught_in_the_run_of_the_day(
    year: duckdb.DuckDBPyConnection, series: list[Series]
) -> None:
    for watched in WATCHED:
        clean = of_rows(series, watched.table)
        lossy = of_rows(measured_after_loss(year, watched.table), watched.table)
        rows = next(one for one in clean if one.monitor == "volume")
        days = [
            day for day in range(126, len(rows.values), 2)
            if rows.values[day] and FIRST + timedelta(days=day) not in rows.event_days
        ]  # fmt: skip
        caught = sum(lossy_day_is_unusual(clean, lossy, day) for day in days)
        print(watched.table, f"{caught} of {len(days)}")
        assert caught == len(days) > 60, watched.table


def of_rows(series: list[Series], table: str) -> list[Series]:
    """Those that tell of lost rows."""
    telling = ("volume", "companion", "unmatched_ratio")
    return [one for one in series if one.table_name == table and one.monitor in telling]


def measured_after_loss(connection: duckdb.DuckDBPyConnection, table: str) -> list[Series]:
    """The series where each row of a table is lost with 40 %, on all days."""
    connection.execute("begin")
    connection.execute(f"delete from {table} where hash(rowid, 'a loss') % 10 < 4")
    lossy = measured(connection)
    connection.execute("rollback")
    return lossy


def lossy_day_is_unusual(clean: list[Series], lossy: list[Series], day: int) -> bool:
    """Whether anything tells when the day, and none before it, lost rows; later days are not known yet."""
    told = []
    for one, after in zip(clean, lossy, strict=True):
        assert (one.monitor, one.measure) == (after.monitor, after.measure)
        values = np.append(one.values[:day], after.values[day])
        told.append(replace(one, values=values, noise=one.noise[: day + 1]))
    readings: pd.DataFrame = judge(told, FIRST, 1)
    return bool((readings["state"] == "unusual").any())
