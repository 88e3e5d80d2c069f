"""Monitors catch a planted change at once, keep quiet on a clean year, and say nothing without history."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from data_quality.monitors import READING_COLUMNS, MonitorParams, Series, incidents, judge, trailing_median
from data_quality.watched import (
    Watched,
    Witness,
    feed_series,
    measure_all,
    trailing,
    volume_and_freshness,
    witness_series,
    witness_sql,
)

START = date(2025, 1, 1)
FESTIVAL = START + timedelta(days=200)


def clean_year(seed: int, level: float = 1500.0, scatter: float = 0.08) -> np.ndarray:
    """Growth of 40 %, a weekly pattern, a yearly wave, and noise on top of counting noise."""
    chance = np.random.default_rng(seed)
    days = np.arange(365)
    weekday = np.array([1.0, 0.95, 0.9, 1.0, 1.15, 1.5, 1.3])[days % 7]
    season = (1 + 0.4 * days / 365) * (1 + 0.2 * np.sin(2 * math.pi * days / 365))
    return chance.poisson(level * weekday * season * chance.lognormal(0, scatter, 365)).astype(float)


def volume(rows: np.ndarray, events: frozenset[date] = frozenset()) -> Series:
    return next(s for s in volume_and_freshness("t", rows, START, events) if s.monitor == "volume")


def last_state(series: Series) -> str:
    return judge([series], START, 1)["state"].iloc[-1]


@pytest.mark.parametrize("level", [60.0, 1500.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_clean_year_raises_at_most_one_alarm_a_month(seed: int, level: float) -> None:
    readings = judge(volume_and_freshness("t", clean_year(seed, level), START, []), START, 365)
    alarms = incidents(readings)
    assert (readings["state"] == "usual").sum() > 600
    assert len(alarms) <= 6
    assert not pd.to_datetime(alarms["first_date"]).dt.to_period("M").duplicated().any()


@pytest.mark.parametrize("factor", [0.6, 0.1, 0.0, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_change_of_rows_is_caught_on_its_first_day(seed: int, factor: float) -> None:
    year = clean_year(seed)
    caught = 0
    for day in range(60, 365, 5):
        planted = year[: day + 1].copy()
        planted[day] = int(planted[day] * factor)
        caught += last_state(volume(planted)) == "unusual"
    assert caught / 61 >= 0.95


def test_too_little_history_is_no_verdict() -> None:
    readings = judge([volume(np.full(20, 100.0))], START, 20)
    assert set(readings["state"]) == {"not_judged"}
    assert readings["expected_value"].isna().all()


def test_a_reading_says_what_was_expected() -> None:
    rows = np.full(60, 1000.0)
    rows[59] = 600
    reading = judge([volume(rows)], START, 1).iloc[0]
    assert tuple(reading.index) == READING_COLUMNS
    assert (reading["observed_value"], reading["state"]) == (600, "unusual")
    assert reading["expected_value"] == pytest.approx(1000)
    # 1000 rows scatter by one over their root, and 15 % more as the expectation does; a fifth matters
    assert reading["lower_value"] == pytest.approx(800)
    assert reading["deviations"] == pytest.approx(math.log(0.6) / (1.15 / math.sqrt(1000)))


def test_a_festival_raises_no_alarm_and_teaches_nothing() -> None:
    rows = clean_year(1)
    around = [FESTIVAL + timedelta(days=d) for d in range(3)]
    rows[200:203] *= 3.5
    unaware, aware = volume(rows), volume(rows, frozenset(around))
    told = judge([aware], START, 365).set_index("reading_date")["state"]
    naive = judge([unaware], START, 365).set_index("reading_date")["state"]
    assert set(told[around]) == {"usual"}
    assert set(naive[around]) == {"unusual"}
    untouched = judge([volume(clean_year(1), frozenset(around))], START, 100)
    after = judge([aware], START, 100)
    pd.testing.assert_series_equal(after["expected_value"], untouched["expected_value"])


def test_no_rows_at_all_are_unusual_even_at_a_festival() -> None:
    rows = clean_year(2)[:201]
    rows[200] = 0.5  # a zero would tell that the table rests at times
    assert last_state(volume(rows, frozenset([FESTIVAL]))) == "unusual"


def test_a_table_that_rests_on_sundays_may_rest_on_a_holiday() -> None:
    rows = clean_year(3)[:201]
    rows[::7] = 0
    assert 200 % 7 != 0
    rows[200] = 0
    assert last_state(volume(rows)) == "unusual"
    assert last_state(volume(rows, frozenset([FESTIVAL]))) == "usual"


def test_a_table_is_stale_beyond_its_longest_gap_and_a_day() -> None:
    weekly = np.array([1.0 if day % 7 == 0 else 0.0 for day in range(106)])  # the last row on day 105
    ages = volume_and_freshness("t", weekly, START, [])
    assert [series.monitor for series in ages] == ["freshness"]
    stopped = np.concatenate([weekly, np.zeros(20)])
    states = judge(volume_and_freshness("t", stopped, START, []), START, 20)["state"].tolist()
    assert states == ["usual"] * 6 + ["unusual"] * 14
    daily = np.concatenate([np.full(60, 5.0), np.zeros(3)])
    readings = judge(volume_and_freshness("t", daily, START, [])[:1], START, 3)
    assert readings["state"].tolist() == ["usual", "unusual", "unusual"]
    assert readings["observed_value"].tolist() == [1, 2, 3]


def test_days_of_events_do_not_make_a_table_old() -> None:
    daily = np.concatenate([np.full(60, 5.0), np.zeros(3)])
    holidays = [START + timedelta(days=day) for day in (60, 61)]
    assert volume_and_freshness("t", daily, START, holidays)[0].values[-3:].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("observed", "state"), [(0.05, "usual"), (0.075, "usual"), (0.15, "unusual"), (0.0, "unusual")]
)
def test_a_share_of_empty_values_is_judged_by_its_chance_and_by_what_matters(
    observed: float, state: str
) -> None:
    chance = np.random.default_rng(5)
    n = 2000
    values = chance.binomial(n, 0.05, 120) / n
    values[-1] = observed
    noise = np.full(120, 1 / math.sqrt(n))
    series = Series("t", "null_ratio", "c", values, noise)
    assert last_state(series) == state
    # the same share of a hundredth of the rows says little
    if observed == 0.15:
        few = replace(
            series, values=chance.binomial(20, 0.05, 120) / 20, noise=np.full(120, 1 / math.sqrt(20))
        )
        few.values[-1] = observed
        assert last_state(few) == "usual"


def test_the_trailing_median_is_the_median_of_what_is_known() -> None:
    chance = np.random.default_rng(9)
    values = np.where(chance.random(80) < 0.2, np.nan, chance.normal(size=80))
    offsets = [1, 2, 3, 7, 14]
    medians = trailing_median(values, offsets)
    for day in range(80):
        known = [values[day - back] for back in offsets if day >= back and not np.isnan(values[day - back])]
        assert (medians[day] == pytest.approx(statistics.median(known))) if known else np.isnan(medians[day])


def test_the_level_follows_a_lasting_change_within_the_days_that_set_it() -> None:
    rows = clean_year(4, scatter=0.03)
    rows[200:] *= 0.6
    states = judge([volume(rows)], START, 165)["state"].tolist()
    assert states[0] == "unusual"
    assert states[MonitorParams().level_days : 60].count("unusual") <= 2


def reading(table: str, day: int, deviations: float, state: str = "unusual") -> dict[str, object]:
    when = START + timedelta(days=day)
    told = {"table_name": table, "monitor": "volume", "measure": f"m{deviations}", "reading_date": when}
    return told | {"deviations": deviations, "state": state}


def test_unusual_days_of_a_table_that_follow_each_other_are_one_alarm() -> None:
    readings = pd.DataFrame(
        [
            reading("a", 1, -4.0),
            reading("a", 1, 5.0),
            reading("a", 2, -3.0),
            reading("a", 3, 0.0, "usual"),
            reading("a", 4, -6.0),
            reading("b", 4, 4.0),
            reading("a", 7, 4.5),  # two quiet days lie between
        ]
    )
    told = incidents(readings)[["table_name", "first_date", "last_date", "n_days", "measure"]]
    day = [START + timedelta(days=days) for days in range(8)]
    assert told.to_numpy().tolist() == [
        ["a", day[1], day[4], 3, "m-6.0"],
        ["a", day[7], day[7], 1, "m4.5"],
        ["b", day[4], day[4], 1, "m4.0"],
    ]
    assert incidents(readings[readings["state"] == "usual"]).empty


def test_after_a_run_of_events_the_limits_are_wide_and_its_errors_teach_nothing() -> None:
    rows = clean_year(6)
    spell = frozenset(START + timedelta(days=day) for day in range(190, 210))
    rows[190:210] *= 3
    rows[210:217] *= 0.7  # what was bought before is not bought now
    after = [START + timedelta(days=day) for day in range(210, 217)]
    told = judge([volume(rows, spell)], START, 155).set_index("reading_date")
    strict = MonitorParams(min_level_days=0)
    naive = judge([volume(rows, spell)], START, 155, strict).set_index("reading_date")
    assert set(told.loc[after, "state"]) == {"usual"}
    assert "unusual" in set(naive.loc[after, "state"])
    calm = judge([volume(clean_year(6))], START, 155).set_index("reading_date")
    later = START + timedelta(days=240)
    width = [np.log(one.loc[later, "upper_value"] / one.loc[later, "lower_value"]) for one in (told, calm)]
    assert width[0] == pytest.approx(width[1], rel=0.2)


def test_an_event_echoes_for_the_days_given() -> None:
    assert trailing([FESTIVAL], 2) == {FESTIVAL + timedelta(days=d) for d in range(3)}


PARCELS = Watched(
    "parcels",
    "dispatched_date",
    witness=Witness(
        "states",
        "entered_date",
        "order_status = 'shipped'",
        "order_id not in (select order_id from parcels)",
    ),
)
LAST = START + timedelta(days=99)


@pytest.fixture
def few_parcels() -> Iterator[duckdb.DuckDBPyConnection]:
    """A hundred days with 12 to 200 parcels, so uneven that their number says nothing; a state of each."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table states as select 'o' || d || '-' || i as order_id, date '2025-01-01' + d::int as "
            "entered_date, 'shipped' as order_status "
            "from range(100) t(d), range(12 + (hash(d) % 189)::bigint) u(i)"
        )
        connection.execute(
            "create table parcels as select order_id, entered_date as dispatched_date from states"
        )
        connection.execute("insert into states select 'paid ' || order_id, entered_date, 'paid' from states")
        yield connection


def unmatched(connection: duckdb.DuckDBPyConnection) -> Series:
    series = measure_all(
        lambda sql: connection.execute(sql, {"first": START, "last": LAST}).df(), START, LAST, [], [PARCELS]
    )
    return next(one for one in series if one.monitor == "unmatched_ratio")


def test_lost_rows_are_told_by_what_names_them_however_uneven_their_number(
    few_parcels: duckdb.DuckDBPyConnection,
) -> None:
    assert last_state(unmatched(few_parcels)) == "usual"
    few_parcels.execute("delete from parcels where dispatched_date = ? and hash(order_id) % 10 < 4", [LAST])
    lossy = unmatched(few_parcels)
    assert last_state(lossy) == "unusual"
    n_states, n_parcels = few_parcels.execute(
        "select (select count(*) from states where entered_date = $day and order_status = 'shipped'), "
        "(select count(*) from parcels where dispatched_date = $day)", {"day": LAST},
    ).fetchall()[0]  # fmt: skip
    assert lossy.values[-1] == pytest.approx(1 - n_parcels / n_states)


def test_what_is_never_matched_tells_of_no_loss(few_parcels: duckdb.DuckDBPyConnection) -> None:
    few_parcels.execute("update parcels set order_id = 'of another system ' || order_id")
    assert set(judge([unmatched(few_parcels)], START, 60)["state"]) == {"usual"}


def test_fewer_than_ten_rows_elsewhere_tell_nothing() -> None:
    told = pd.DataFrame({"day": [START, LAST], "n_rows": [9, 10], "n_unmatched": [9, 5]})
    assert PARCELS.witness is not None
    values = witness_series("parcels", PARCELS.witness, told, START, LAST).values
    assert np.isnan(values[0])
    assert values[-1] == 0.5


@pytest.mark.parametrize(("least_states", "is_better"), [(12, True), (1, False)])
def test_rows_a_day_are_judged_strictly_where_too_little_is_known_from_elsewhere(
    least_states: int, is_better: bool, few_parcels: duckdb.DuckDBPyConnection
) -> None:
    few_parcels.execute(
        "delete from states where split_part(order_id, '-', -1)::int >= ? and entered_date <> ?",
        [least_states, LAST],
    )
    series = measure_all(
        lambda sql: few_parcels.execute(sql, {"first": START, "last": LAST}).df(), START, LAST, [], [PARCELS]
    )
    assert [one.has_better for one in series if one.monitor == "volume"] == [is_better]


def test_only_the_witness_that_tells_counts(few_parcels: duckdb.DuckDBPyConnection) -> None:
    assert PARCELS.witness is not None
    few_parcels.execute("delete from parcels")
    told = few_parcels.execute(witness_sql(PARCELS.witness), {"first": START, "last": LAST}).df()
    assert (told["n_rows"] == told["n_unmatched"]).all()
    assert told["n_rows"].sum() == len(few_parcels.execute("select * from states").df()) / 2


def test_a_feed_that_comes_when_something_changes_is_not_watched() -> None:
    days = np.zeros(200)
    days[[0, 20, 23, 90]] = 40
    assert feed_series("raw.supply_terms", days, START, []) == []
    days[:100] = 40  # it ended half of the time ago
    assert feed_series("raw.supply_terms", days, START, []) == []


@pytest.mark.parametrize(
    ("rows", "varies", "watched"),
    [(40, False, {"freshness", "volume"}), (20, False, {"freshness"}), (40, True, {"freshness"})],
)
def test_rows_of_a_feed_are_counted_where_they_say_something(
    rows: float, varies: bool, watched: set[str]
) -> None:
    days = np.full(200, rows)
    days[::5] = 0
    series = feed_series("raw.prices", days, START, [], varies=varies)
    assert {one.monitor for one in series} == watched
    assert all(one.has_better for one in series if one.monitor == "volume")


def test_a_feed_that_stops_is_told_on_the_second_day_without_it() -> None:
    days = np.full(200, 40.0)
    days[-2:] = 0
    series = feed_series("raw.orders", days, START, [])
    states = judge(series, START, 2).set_index(["monitor", "reading_date"])["state"]
    assert states["freshness", START + timedelta(days=198)] == "usual"
    assert states["freshness", START + timedelta(days=199)] == "unusual"
