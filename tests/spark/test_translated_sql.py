"""DuckDB's SQL, translated, gives on Spark what DuckDB gives: each construct that the two read otherwise."""

from __future__ import annotations

import math
from datetime import UTC
from decimal import Decimal

import duckdb
import pytest
from pyspark.sql import SparkSession

from transforms.warehouse.cursor import MARK, TranslatingCursor
from transforms.warehouse.tables import Sources
from transforms.warehouse.translation import translate

SETUP = """
create schema shop;
create table shop.numbers as select * from (values
    (1, 2.5::double, 1.005::double, 12.50::decimal(18, 2), 3::bigint),
    (2, -0.5::double, 0.125::double, -0.05::decimal(18, 2), 2::bigint),
    (3, 0.5::double, 2.675::double, 7.45::decimal(18, 2), null)) as t (id, half, amount, money, units);
create table shop.moments as select * from (values
    ('a', timestamptz '2026-03-29 00:30:00+00', date '2026-03-29', 'x'),
    ('a', timestamptz '2026-03-29 01:30:00+00', date '2026-04-02', null),
    ('b', timestamptz '2025-10-25 23:59:59.5+00', date '2025-10-26', 'y'),
    ('b', timestamptz '2025-10-26 01:30:00+00', null, 'z')) as t (who, happened_at, day, note);
create table shop.prices as select * from (values
    ('a', timestamptz '2026-03-29 00:00:00+00', 1), ('a', timestamptz '2026-03-29 01:30:00+00', 2),
    ('b', timestamptz '2025-10-26 00:00:00+00', 3)) as t (who, valid_from, price);
create table shop.links as select * from (values
    ('a', 'b'), ('b', 'a'), ('b', 'c'), ('c', 'b'), ('d', 'd')) as t (one, other);
"""
QUERIES = {
    "a cast to a whole number rounds: doubles to even, decimals away from zero": (
        "select id, cast(half as bigint), cast(money as bigint), cast(amount as decimal(18, 2)) "
        "from shop.numbers"
    ),
    "a double is rounded as the number it is": (
        "select id, round(amount, 2), round(amount, 1) from shop.numbers"
    ),
    "a product of decimals keeps its digits until it is rounded": (
        "select id, round(sum(money) over (order by id) * cast(1.0123456789 as decimal(18, 10)), 2) "
        "from shop.numbers"
    ),
    "division is of doubles, whatever is divided": (
        "select id, 7 / 2, money / 3, units / 2, 5 * units // 2 from shop.numbers"
    ),
    "whole numbers beyond 64 bits": (
        "select id, cast(id as hugeint) * 295147905179352825856 + cast(units as hugeint) * 17592186044416 "
        "from shop.numbers"
    ),
    "means and percentiles are doubles": (
        "select avg(money), median(units), quantile_cont(half, 0.3), stddev_samp(half) from shop.numbers"
    ),
    "nulls come last in both directions": (
        "select id, row_number() over (order by units), row_number() over (order by units desc) "
        "from shop.numbers"
    ),
    "a filter over a window counts only what passes it": (
        "select id, sum(money) filter (where money > 0) over (order by id), "
        "count(*) filter (where units is null) over () from shop.numbers"
    ),
    "a running product": "select id, product(1 - half) over (order by id) from shop.numbers",
    "any_value passes over nulls": (
        "select any_value(units) filter (where id = 3), any_value(case when id = 2 then money end) "
        "from shop.numbers"
    ),
    "the latest value passes over rows without one": (
        "select who, arg_max(note, (happened_at, who)), "
        "max_by(note, happened_at) filter (where day is not null) from shop.moments group by who"
    ),
    "days are told by the clocks of the zone, on the days they change": (
        "select who, happened_at, cast(timezone('Europe/Berlin', happened_at) as date), "
        "timezone('UTC', happened_at), make_timestamp(epoch_us(happened_at)) from shop.moments"
    ),
    "a clock's time becomes a moment": (
        "select timezone('Europe/Berlin', cast(date '2026-03-29' + 1 as timestamp)), "
        "timezone('UTC', timezone('Asia/Shanghai', timestamp '2026-03-29 12:00:00'))"
    ),
    "a day less a day is a number": (
        "select who, day - cast(timezone('UTC', happened_at) as date), max(day) over () - day, "
        "date_diff('day', date '2026-02-28', day), date_diff('month', date '2025-12-31', day), "
        "last_day(day), dayofweek(day), cast(date_trunc('week', day) as date), day + 7 from shop.moments"
    ),
    "infinity is later than all": (
        "select who, happened_at < coalesce(case when who = 'a' then happened_at end, 'infinity') "
        "from shop.moments"
    ),
    "seconds between moments count boundaries, an epoch keeps fractions": (
        "with plain as (select who, timezone('UTC', happened_at) as moment from shop.moments) "
        "select who, moment, date_diff('second', timestamp '2025-10-25 00:00:00.7', moment), "
        "epoch(moment - timestamp '2025-10-25 00:00:00'), epoch_us(moment - moment), "
        "moment + to_hours(2) - interval 30 day, moment + to_seconds(cast(90.5 as bigint)) from plain"
    ),
    "series of days and months, empty where they end before they start": (
        "select who, cast(unnest(generate_series(day, date '2026-03-30', interval 1 day)) as date) as day "
        "from shop.moments union all select who, "
        "cast(unnest(generate_series(date_trunc('month', happened_at), "
        "timestamptz '2026-03-30 00:00:00+00', interval 1 month)) as date) as day from shop.moments"
    ),
    "one row an element of a list": "select id, unnest([id, id - 10]) as element from shop.numbers",
    "qualify chooses rows by a window": (
        "select who, note from shop.moments window latest as (partition by who order by happened_at desc) "
        "qualify row_number() over latest = 1 "
        "and row(note, who) is distinct from lag(row(note, who)) over latest"
    ),
    "an as-of join finds the latest before, or nothing": (
        "select moments.who, moments.happened_at, prices.price from shop.moments as moments "
        "asof left join shop.prices as prices "
        "on moments.who = prices.who and moments.happened_at >= prices.valid_from"
    ),
    "what a star leaves out or replaces": (
        "select numbers.* exclude (amount) replace (coalesce(units, 0) as units) from shop.numbers as numbers"
    ),
    "an anti join": "select one, other from shop.links anti join shop.prices on links.other = prices.who",
    "a recursive union reaches all and ends in circles": (
        "with recursive pairs as (select one, other from shop.links), "
        "reached as (select one, other from pairs union select reached.one, pairs.other "
        "from reached inner join pairs on reached.other = pairs.one) "
        "select one, min(other) as first from reached group by one"
    ),
    "text": (
        r"select lower(regexp_replace(trim('  A  b   C '), '\s+', ' ', 'g')), 'it''s' || ' ' || 'ok', "
        r"cast(null as varchar) || 'x'"
    ),
    "lists of values": (
        "select * from (values ('a', 1, 2.5), ('b', null, 3.5)) as listed (name, position, weight)"
    ),
    "a setting is put in as a value": (
        "select (select settings.as_of + 1 from shop.settings as settings), "
        "(select settings.as_of from shop.settings as settings) - day from shop.moments"
    ),
}
SETTINGS = {"shop.settings": {"as_of": "cast('2026-04-01' as date)"}}


@pytest.fixture(scope="module")
def both(spark: SparkSession):
    """The same tables in both engines; runs a query in each and gives the rows of both."""
    spark.conf.set("spark.sql.decimalOperations.allowPrecisionLoss", "false")
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(SETUP)
        connection.execute("create table shop.settings as select date '2026-04-01' as as_of")
        names = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]
        for name in names:
            table = connection.execute(f"select * from shop.{name}").to_arrow_table()
            spark.createDataFrame(table).createOrReplaceTempView(f"shop__{name}")
        sources = Sources({f"shop.{name}": f"shop__{name}" for name in names}, SETTINGS)

        def run(query: str):
            cursor = TranslatingCursor(spark, sources)
            cursor.execute(f"{MARK} {query}")
            here, there = connection.execute(query).fetchall(), cursor.fetchall()
            cursor.close()
            return sorted(map(plain, here), key=repr), sorted(map(plain, there), key=repr)

        yield run
    spark.conf.unset("spark.sql.decimalOperations.allowPrecisionLoss")


def plain(row):
    """A row whose values compare: moments in UTC without a zone, decimals without their scale."""
    return tuple(value_of(value) for value in row)


def value_of(value):
    if isinstance(value, Decimal):
        return ("number", f"{value.normalize():f}")
    if isinstance(value, float) and math.isfinite(value):
        return ("double", f"{value:.10g}")
    if isinstance(value, int) and not isinstance(value, bool):
        return ("number", str(value))
    if getattr(value, "tzinfo", None) is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_translated_query_gives_the_rows_of_the_original(both, query: str) -> None:
    duckdb_rows, spark_rows = both(query)
    assert spark_rows == duckdb_rows
    assert duckdb_rows


def test_what_a_query_reads_too_often_is_made_once_and_let_go(both, spark: SparkSession, monkeypatch) -> None:
    monkeypatch.setattr("transforms.warehouse.common_tables.MOST_READS", 3)
    made = []
    monkeypatch.setattr(
        "transforms.warehouse.cursor.translate",
        lambda sql, known: made.append(translate(sql, known)) or made[-1],
    )
    duckdb_rows, spark_rows = both(
        "with plain as (select * from shop.numbers), "
        "sums as (select sum(units) as n, max(id) as id from plain), "
        "twice as (select plain.id, sums.n from plain inner join sums on plain.id <= sums.id) "
        "select one.id, one.n + other.n as n from twice as one "
        "inner join twice as other on one.id = other.id union all select id, n from sums"
    )
    assert spark_rows == duckdb_rows
    assert [part.view.partition("__")[0] for part in made[0].before] == ["sums", "twice"]
    assert [table.name for table in spark.catalog.listTables() if "twice" in table.name] == []
