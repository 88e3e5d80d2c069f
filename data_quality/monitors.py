"""Watching tables day by day: are rows, age, gaps and values what the days before lead to expect?

Judges figures that were measured elsewhere (see ``watched``); reads no table. A monitor warns, it never
blocks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_quality.monitor_scales import SCALES, Scale

_MAD_TO_SD = 1.4826
# The expectation is a median of few days and scatters itself: an error is wider than the day's own noise.
_NOISE_OF_EXPECTED = 1.15
_QUIET_DAYS = 2
_NINE_TENTHS = 1.2816  # of a normal distribution lie below so many standard deviations
VERSION = "monitors-4"

Days = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MonitorParams:
    """How unusual a day must be, and what it is compared with.

    A weekday's usual value is the median of its last ``weeks`` occurrences, moved by how the last
    ``level_days`` compare with theirs, so that growth and season are followed. Its scatter is that of the
    errors which this rule made on the last ``spread_days``. A day is unusual beyond ``z_limit`` such standard
    deviations, if the change also matters (``monitor_scales`` says from when); ``z_limit_of_mix`` for shares
    of categories, whose distance from the usual is skewed.

    Rows get lost more often than they are invented. For too few rows, or too many known from elsewhere that
    are missing, the limit is the one that finds a loss of ``loss_ratio`` nine times in ten, between
    ``z_limits_of_loss``. Of a table only the figure is judged so that tells most of a loss; those that tell
    less (``has_better``) are unusual beyond ``z_limit_beside_better`` only.

    Days with an event of the calendar teach nothing; they are judged with ``event_factor`` times the scatter,
    and their rows may be up to ``event_change_ratio`` times more or fewer. After a run of events, while fewer
    than ``min_level_days`` of the days that set the level are known, the scatter is as wide, and the errors
    teach nothing of it.
    """

    weeks: int = 8
    level_days: int = 14
    spread_days: int = 56
    min_level_days: int = 7
    z_limit: float = 4.0
    z_limit_of_mix: float = 5.0
    z_limit_beside_better: float = 5.0
    z_limits_of_loss: tuple[float, float] = (2.5, 3.25)
    loss_ratio: float = 0.4
    min_history_days: int = 28
    event_factor: float = 2.0
    event_change_ratio: float = 4.0

    @property
    def history_days(self) -> int:
        """Days before a judged one that have a say in it."""
        return self.weeks * 7 + self.level_days + self.spread_days


@dataclass(frozen=True)
class Series:
    """One figure of one table on consecutive days; ``nan`` where it could not be measured.

    ``noise`` is the standard deviation that chance alone gives the figure on its scale (``monitor_scales``).
    ``has_better``: another series of the table tells more of lost rows.
    ``has_event_room``: an event of the calendar may multiply the figure.
    """

    table_name: str
    monitor: str
    measure: str
    values: Days
    noise: Days
    event_days: frozenset[date] = field(default_factory=frozenset)
    has_better: bool = False
    has_event_room: bool = False


def judge(
    series: Collection[Series], first: date, n_judged: int, params: MonitorParams | None = None
) -> pd.DataFrame:
    """A reading of each of the last ``n_judged`` days of every series; all series start on ``first``.

    Columns are ``READING_COLUMNS``. The state is usual, unusual, or not_judged (too little history or rows).
    """
    params = params or MonitorParams()
    readings = [_judge_one(one, first, n_judged, params) for one in series]
    return pd.concat(readings, ignore_index=True) if readings else pd.DataFrame(columns=READING_COLUMNS)


READING_COLUMNS = (
    "table_name", "monitor", "measure", "reading_date", "observed_value", "expected_value", "lower_value",
    "upper_value", "deviations", "state",
)  # fmt: skip


def incidents(readings: pd.DataFrame) -> pd.DataFrame:
    """The alarms that readings raise: one for each table and run of unusual days, whatever their measures.

    Columns are table_name, first_date, last_date, n_days (unusual ones) and the monitor, measure and
    deviations of the most unusual reading. One quiet day between two unusual ones does not end an incident.
    """
    unusual = readings[readings["state"] == "unusual"].assign(
        day=lambda rows: pd.to_datetime(rows["reading_date"]), size=lambda rows: rows["deviations"].abs()
    )
    unusual = unusual.sort_values(["table_name", "day", "size"], ascending=[True, True, False])
    is_new = unusual.groupby("table_name")["day"].diff().dt.days.fillna(np.inf) > _QUIET_DAYS
    grouped = unusual.assign(number=is_new.cumsum()).groupby("number")
    told = grouped.agg(
        table_name=("table_name", "first"),
        first_date=("reading_date", "min"),
        last_date=("reading_date", "max"),
        n_days=("reading_date", "nunique"),
    )
    worst = (
        unusual.loc[grouped["size"].idxmax(), ["monitor", "measure", "deviations"]] if len(told) else unusual
    )
    return told.reset_index(drop=True).join(
        worst[["monitor", "measure", "deviations"]].reset_index(drop=True)
    )


def _judge_one(one: Series, first: date, n_judged: int, params: MonitorParams) -> pd.DataFrame:
    dates = pd.date_range(first, periods=len(one.values)).date
    is_event = np.array([day in one.event_days for day in dates])
    scale = SCALES[one.monitor]
    if one.monitor == "freshness":
        expected, lower, upper, spread = _freshness_limits(one.values, params)
    else:
        expected, lower, upper, spread = _limits(one, scale, is_event, params)
    observed = scale.forward(one.values)
    judged = ~np.isnan(expected) & ~np.isnan(observed)
    outside = judged & ((observed > upper) | ((observed < lower) if scale.both_sides else False))
    readings = pd.DataFrame(
        {
            "table_name": one.table_name,
            "monitor": one.monitor,
            "measure": one.measure,
            "reading_date": dates,
            "observed_value": one.values,
            "expected_value": scale.back(expected),
            "lower_value": scale.back(lower) if scale.both_sides else np.nan,
            "upper_value": scale.back(upper),
            "deviations": np.where(judged, (observed - expected) / spread, np.nan),
            "state": np.where(outside, "unusual", np.where(judged, "usual", "not_judged")),
        }
    )
    return readings[~np.isnan(one.values)].loc[lambda rows: rows["reading_date"] >= dates[-n_judged]]


def _limits(
    one: Series, scale: Scale, is_event: npt.NDArray[np.bool_], params: MonitorParams
) -> tuple[Days, Days, Days, Days]:
    """Expected value of each day, the limits within which it is usual, and its scatter, all on the scale."""
    values = scale.forward(one.values)
    learnt = np.where(is_event, np.nan, values)
    # what a weekday adds to its week, and the level that the last days have without it
    weekday = trailing_median(
        learnt - trailing_median(learnt, range(7)), [7 * week for week in range(1, params.weeks + 1)]
    )
    level = trailing_median(learnt - weekday, range(1, params.level_days + 1))
    before_the_events = trailing_median(learnt - weekday, range(1, 3 * params.level_days + 1))
    expected = weekday + np.where(np.isnan(level), before_the_events, level)
    is_loose = is_event | (trailing_count(learnt, range(1, params.level_days + 1)) < params.min_level_days)
    errors = np.abs(np.where(is_loose, np.nan, values - expected))
    scatter = _MAD_TO_SD * np.nan_to_num(trailing_median(errors, range(1, params.spread_days + 1)))
    spread = np.fmax(np.fmax(scatter, _NOISE_OF_EXPECTED * one.noise), scale.least_spread)
    known = np.cumsum(~np.isnan(learnt)) - ~np.isnan(learnt)
    expected[(known < params.min_history_days) | (scale.back(expected) < scale.least_expected)] = np.nan
    factor = spread * np.where(is_loose, params.event_factor, 1.0)
    room = np.where(is_event & one.has_event_room, np.log(params.event_change_ratio), 0.0)
    # what rests on some days may rest on a holiday
    room_below = np.where(is_event, np.inf, 0.0) if (one.values == 0).any() and one.has_event_room else room
    z_above, z_below = _z_limits(one, scale, expected, spread, params)
    lower = expected - factor * z_below - room_below
    upper = expected + factor * z_above + room
    low, high = scale.matters(expected)
    return expected, np.fmin(lower, low), np.fmax(upper, high), spread


def _z_limits(
    one: Series, scale: Scale, expected: Days, spread: Days, params: MonitorParams
) -> tuple[Days, Days]:
    """From how many standard deviations on a day is unusual, above and below."""
    if one.has_better:
        return (np.full(len(spread), params.z_limit_beside_better),) * 2
    z = np.full(len(spread), params.z_limit_of_mix if one.monitor == "mix" else params.z_limit)
    if one.monitor in ("volume", "companion"):
        return z, _z_of_loss(-np.log(1 - params.loss_ratio), spread, params)
    if one.monitor == "unmatched_ratio":
        missing = scale.back(expected)
        after_loss = scale.forward(missing + params.loss_ratio * (1 - missing))
        return _z_of_loss(after_loss - expected, spread, params), z
    return z, z


def _z_of_loss(change: float | Days, spread: Days, params: MonitorParams) -> Days:
    """The limit that finds nine times in ten what a loss changes on the scale."""
    return np.clip(change / spread - _NINE_TENTHS, *params.z_limits_of_loss)


def _freshness_limits(ages: Days, params: MonitorParams) -> tuple[Days, Days, Days, Days]:
    """A table may be as old as it has been before, in the days that have a say; and a day."""
    oldest = np.full(len(ages), np.nan)
    for day in range(params.min_history_days, len(ages)):
        now = 0 if np.isnan(ages[day]) else int(ages[day])  # the days of the present gap do not excuse it
        before = ages[max(0, day - params.history_days) : max(day - now, 0)]
        if not np.isnan(before).all():
            oldest[day] = np.nanmax(before)
    upper = np.fmax(oldest, 1.0)
    upper[np.isnan(oldest)] = np.nan
    return oldest, np.zeros(len(ages)), upper, np.ones(len(ages))


def trailing_count(values: Days, days_back: Collection[int]) -> Days:
    """For each day how many of the values so many days before it are known."""
    known = np.zeros(len(values))
    for back in days_back:
        known[back:] += ~np.isnan(values[: max(len(values) - back, 0)])
    return known


def trailing_median(values: Days, days_back: Collection[int]) -> Days:
    """For each day the median of the values so many days before it, of those known; ``nan`` without any."""
    stacked = np.full((len(days_back), len(values)), np.nan)
    for row, back in enumerate(days_back):
        stacked[row, back:] = values[: max(len(values) - back, 0)]
    ordered = np.sort(stacked, axis=0)  # nan go last
    known = (~np.isnan(ordered)).sum(axis=0)
    columns = np.arange(len(values))
    middle = (ordered[(known - 1) // 2, columns] + ordered[known // 2 % len(days_back), columns]) / 2
    return np.where(known > 0, middle, np.nan)
