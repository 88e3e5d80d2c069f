"""What is watched in which table, and how a day of it is measured: one aggregate query a table.

Columns are those that are final when a row is first told; a day that fills up later (when was it delivered?)
would always look emptier than the days before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_quality.monitors import Series

MIX_DAYS = 28
"""A day's shares are compared with those of so many days before."""

MIN_ROWS = 30
"""Shares and means of fewer rows than these say nothing."""

MIN_WITNESSES = 10
"""What tells of rows one by one says something in smaller numbers."""

_MOST_DAYS = 0.7  # share of days with rows, from which on a day without any says something
_OF_CHANCE = 0.7  # standard deviation of a day's parcels, given the orders of its days, over that of chance


@dataclass(frozen=True)
class Witness:
    """Rows of another table, each of which tells of a row that the watched table must have.

    ``day`` is a column of it, ``of_them`` SQL: which rows tell, ``unmatched`` SQL: theirs is missing here.
    """

    table: str
    day: str
    of_them: str
    unmatched: str


@dataclass(frozen=True)
class Watched:
    """A table and what of it is watched.

    ``trails_days``: how long an event of the calendar still echoes in it. ``companion``: a table that grows
    with this one, whatever demand does; of so many ``companion_days`` up to the day do the day's rows come.
    ``witness``: what else tells of its rows, one by one.
    """

    table: str
    day: str
    nulls: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    mixes: tuple[str, ...] = ()
    trails_days: int = 0
    companion: str | None = None
    companion_days: int = 1
    witness: Witness | None = None


WATCHED = (
    Watched(
        "marts.fct_orders",
        "ordered_date",
        ("customer_id", "shipping_country", "shipping_method", "promised_delivery_date", "exchange_rate"),
        ("total_amount",),
        ("channel", "shipping_country", "payment_method"),
        companion="marts.fct_payments",
        witness=Witness(
            "marts.fct_payments",
            "paid_date",
            "true",
            "order_id not in (select order_id from marts.fct_orders where order_id is not null)",
        ),
    ),
    Watched(
        "marts.fct_order_lines",
        "ordered_date",
        ("exchange_rate",),  # how many lines have a promotion is the shop's own doing
        ("gross_amount", "units"),
        ("line_kind",),
        companion="marts.fct_orders",
        witness=Witness(
            "marts.fct_orders",
            "ordered_date",
            "true",
            "order_id not in (select order_id from marts.fct_order_lines where order_id is not null)",
        ),
    ),
    Watched(
        "marts.fct_payments",
        "paid_date",
        ("exchange_rate",),
        ("amount",),
        ("payment_method", "payment_status"),
        trails_days=1,
        companion="marts.fct_orders",
    ),
    Watched(
        "marts.fct_shipments",
        "dispatched_date",
        ("carrier", "destination_country"),
        ("weight_kg",),
        ("shipping_method",),
        trails_days=3,
        companion="marts.fct_orders",
        companion_days=4,
        witness=Witness(
            "marts.fct_order_states",
            "entered_date",
            "order_status = 'shipped' and evidence <> 'parcel'",
            "order_id not in (select order_id from marts.fct_shipments where dispatched_date is not null)",
        ),
    ),
    Watched(
        "marts.fct_sessions",
        "session_date",
        ("customer_id", "channel"),
        ("n_events",),
        ("device_type", "country"),
        companion="marts.fct_orders",
        witness=Witness(
            "marts.fct_orders",
            "ordered_date",
            "visitor_id is not null",
            "order_id not in (select order_id from marts.fct_sessions where order_id is not null)",
        ),
    ),
    Watched("marts.fct_stock_daily", "stock_date", ("on_hand_units",), ("on_hand_units",), ("is_in_stock",)),
)


def tables_read(watched: Sequence[Watched] = WATCHED) -> list[str]:
    """All tables that ``measure_all`` asks of, those watched first."""
    witnesses = (table.witness.table for table in watched if table.witness)
    return list(dict.fromkeys([*(table.table for table in watched), *witnesses]))


def measure_all(
    run: Callable[[str], pd.DataFrame],
    first: date,
    last: date,
    events: Collection[date],
    watched: Sequence[Watched] = WATCHED,
) -> list[Series]:
    """The series of every watched table; ``run`` executes a query with parameters ``first`` and ``last``."""
    series: list[Series] = []
    for table in watched:
        series += series_of(table, run(measure_sql(table)), first, last, events)
    rows = {one.table_name: one for one in series if one.monitor == "volume"}
    for table in watched:
        own, other = rows.get(table.table), rows.get(table.companion or "")
        if own and other:
            series.append(companion_series(table, own, other))
    for table in watched:
        if table.table in rows and table.witness:
            told = run(witness_sql(table.witness))
            if len(told):
                series.append(witness_series(table.table, table.witness, told, first, last))
    # Of a shop with few rows a day it says nothing on most days.
    witnessed = {
        one.table_name
        for one in series
        if one.monitor == "unmatched_ratio" and np.isfinite(one.values).mean() > 0.5
    }
    compared = {one.table_name for one in series if one.monitor == "companion"}
    better = {"volume": witnessed | compared, "companion": witnessed}
    return [
        replace(one, has_better=one.table_name in better[one.monitor]) if one.monitor in better else one
        for one in series
    ]


def companion_series(watched: Watched, own: Series, other: Series) -> Series:
    """Rows for each row of the companion: of the same day, or of some days up to it.

    Where rows come of several days, a day without any rests, and events shift them.
    """
    is_same_day = watched.companion_days == 1
    others = sum(
        np.concatenate([np.zeros(back), np.nan_to_num(other.values)[: len(own.values) - back]])
        for back in range(watched.companion_days)
    )
    enough = (own.values >= MIN_ROWS) | ((others >= MIN_ROWS) & (is_same_day | (own.values > 0)))
    ratio = np.where(enough, np.fmax(own.values, 0.5) / np.fmax(others, 0.5), np.nan)
    days = "" if is_same_day else f", {watched.companion_days} days"
    measure = f"rows per row of {watched.companion}{days}"
    # Given the orders of its days, half of the variance of what leaves on one is chance.
    noise = np.zeros(len(ratio)) if is_same_day else _OF_CHANCE * own.noise
    # the day after the echo of an event works off what is left over
    echoes = own.event_days if is_same_day else trailing(own.event_days, 1)
    return Series(watched.table, "companion", measure, ratio, noise, echoes, has_event_room=not is_same_day)


def witness_series(table: str, witness: Witness, told: pd.DataFrame, first: date, last: date) -> Series:
    """Share of a day's rows of the witness whose rows here are missing, from what ``witness_sql`` gives.

    Row by row, so that neither demand nor an event of the calendar has a say in it: the share of 0 of a table
    that is whole tells of a loss of few rows already.
    """
    days = pd.date_range(first, last).date
    rows = told.assign(day=pd.to_datetime(told["day"]).dt.date).set_index("day").reindex(days)
    n_rows = rows["n_rows"].fillna(0).to_numpy(float)
    enough = np.where(n_rows >= MIN_WITNESSES, n_rows, np.nan)
    share = rows["n_unmatched"].to_numpy(float) / enough
    return Series(table, "unmatched_ratio", f"rows of {witness.table}", share, 1 / np.sqrt(enough))


def witness_sql(witness: Witness) -> str:
    """A query with one row a day from ``$first`` to ``$last``: n_rows and n_unmatched of the witness."""
    return (
        f"select {witness.day} as day, count(*) as n_rows, "
        f"count(*) filter (where {witness.unmatched}) as n_unmatched from {witness.table} "
        f"where {witness.day} between $first and $last and {witness.of_them} "
        f"group by {witness.day} order by {witness.day}"
    )


def measure_sql(watched: Watched) -> str:
    """A query with one row a day from ``$first`` to ``$last``: n_rows and a figure for each measure."""
    figures = ["count(*) as n_rows"]
    figures += [f'count(*) filter (where "{name}" is null) as "null {name}"' for name in watched.nulls]
    for name in watched.numbers:
        logs = f'ln(1 + abs(cast("{name}" as double)))'
        figures += [f'avg({logs}) as "mean {name}"', f'stddev_samp({logs}) as "sd {name}"']
        figures += [f'count("{name}") as "n {name}"']
    for name in watched.mixes:
        figures += [f'histogram(coalesce(cast("{name}" as varchar), \'\')) as "mix {name}"']
    return (
        f"select {watched.day} as day, {', '.join(figures)} from {watched.table} "
        f"where {watched.day} between $first and $last group by {watched.day} order by {watched.day}"
    )


def series_of(
    watched: Watched, measured: pd.DataFrame, first: date, last: date, events: Collection[date]
) -> list[Series]:
    """The series of a table from the rows of ``measure_sql``, on every day from first to last."""
    days = pd.date_range(first, last).date
    rows = measured.assign(day=pd.to_datetime(measured["day"]).dt.date).set_index("day").reindex(days)
    echoes = trailing(events, watched.trails_days)
    n_rows = rows["n_rows"].fillna(0).to_numpy(float)
    series = volume_and_freshness(watched.table, n_rows, first, events, trails_days=watched.trails_days)
    enough = np.where(n_rows >= MIN_ROWS, n_rows, np.nan)
    for name in watched.nulls:
        share = rows[f"null {name}"].to_numpy(float) / enough
        series.append(Series(watched.table, "null_ratio", name, share, 1 / np.sqrt(enough), echoes))
    for name in watched.numbers:
        n, sd = (rows[f"{figure} {name}"].to_numpy(float) for figure in ("n", "sd"))
        mean = np.where(n >= MIN_ROWS, rows[f"mean {name}"].to_numpy(float), np.nan)
        series.append(
            Series(watched.table, "distribution", name, np.expm1(mean), sd / np.sqrt(enough), echoes)
        )
    for name in watched.mixes:
        moved = _moved(rows[f"mix {name}"], enough)
        series.append(Series(watched.table, "mix", name, moved, 1 / np.sqrt(enough), echoes))
    return series


def volume_and_freshness(
    table: str,
    n_rows: npt.NDArray[np.float64],
    first: date,
    events: Collection[date],
    *,
    trails_days: int = 0,
    is_steady: bool = True,
) -> list[Series]:
    """Rows a day from ``first`` on, and days since the last row, event days not counted.

    A table that is empty on three days of ten, or whose volume says nothing, is only judged by its age.
    """
    have = np.flatnonzero(n_rows)
    if not len(have):
        return []
    days = np.arange(len(n_rows))
    worked = np.cumsum(~np.array([day in events for day in pd.date_range(first, periods=len(n_rows)).date]))
    age = worked - np.maximum.accumulate(np.where(n_rows > 0, worked, 0))
    age = np.where(days >= have[0], age.astype(float), np.nan)
    known = trailing(events, trails_days)
    series = [Series(table, "freshness", "age_days", age, np.ones(len(days)), known)]
    if is_steady and (n_rows[have[0] : have[-1] + 1] > 0).mean() > _MOST_DAYS:
        volume = np.where(days >= have[0], n_rows, np.nan)
        noise = 1 / np.sqrt(np.fmax(_weekday_medians(volume), 1))
        series.append(Series(table, "volume", "n_rows", volume, noise, known, has_event_room=True))
    return series


def feed_series(
    table: str,
    n_rows: npt.NDArray[np.float64],
    first: date,
    events: Collection[date],
    *,
    varies: bool = False,
) -> list[Series]:
    """Rows a day of a feed and its age, where it comes on most days: others come when something changes.

    Rows are counted from ``MIN_ROWS`` a day on, and where few are not as good as many (``varies``); what is
    made of them is watched more closely.
    """
    came = np.flatnonzero(n_rows)
    if not len(came) or (n_rows[came[0] :] > 0).mean() <= _MOST_DAYS:
        return []
    is_steady = not varies and bool(np.median(n_rows[came[0] :]) >= MIN_ROWS)
    series = volume_and_freshness(table, n_rows, first, events, is_steady=is_steady)
    return [replace(one, has_better=one.monitor == "volume") for one in series]


def trailing(events: Iterable[date], days: int) -> frozenset[date]:
    """The event days, and so many after each."""
    return frozenset(event + timedelta(days=back) for event in events for back in range(days + 1))


def _moved(counts: pd.Series, n_rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of the rows that would have to change category to match the shares of the days before."""
    tallies: list[Mapping[str, int]] = [tally if isinstance(tally, dict) else {} for tally in counts]
    names = sorted({name for tally in tallies for name in tally})
    table = np.array([[tally.get(name, 0) for name in names] for tally in tallies], dtype=float)
    total = np.cumsum(table, axis=0)
    before = np.vstack([np.zeros((1, len(names))), total[:-1]])
    before[MIX_DAYS + 1 :] -= total[: -MIX_DAYS - 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares, usual = (tally / tally.sum(axis=1, keepdims=True) for tally in (table, before))
        moved = np.abs(shares - usual).sum(axis=1) / 2
    moved[: min(MIX_DAYS, len(moved))] = np.nan
    return np.where(np.isnan(n_rows), np.nan, moved)


def _weekday_medians(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The median of all values of the day's weekday."""
    medians = np.array([np.nanmedian(values[day::7]) for day in range(min(7, len(values)))])
    return medians[np.arange(len(values)) % 7]
