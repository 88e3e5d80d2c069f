"""Which days a location dispatches on, and how many orders it sends: read off its recent dispatches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

RECENT_DAYS = 56
MIN_WEEKDAY_SHARE = 0.25  # of recent weeks with a dispatch on that weekday, to call it a working day


@dataclass(frozen=True)
class Floor:
    """A location's working weekdays (0 is Monday) and orders per working day."""

    weekdays: frozenset[int]
    capacity: float

    def next_days(self, after: date, n: int) -> list[date]:
        """The ``n`` working days that follow ``after``."""
        days: list[date] = []
        day = after
        while len(days) < n:
            day += timedelta(days=1)
            if day.weekday() in self.weekdays:
                days.append(day)
        return days


def floors_of(
    dispatches: pd.DataFrame, locations: list[str], backlog: dict[str, int], as_of: date
) -> dict[str, Floor]:
    """A ``Floor`` for each location, from its last eight weeks of dispatches up to ``as_of``.

    A location that has not dispatched yet is taken to work Monday to Friday and to clear its backlog in three
    days.
    """
    days = pd.to_datetime(dispatches["dispatch_date"])
    last = pd.Timestamp(as_of)
    recent = dispatches[(days <= last) & (days > last - pd.Timedelta(days=RECENT_DAYS))]
    recent = recent.assign(weekday=pd.to_datetime(recent["dispatch_date"]).dt.weekday)
    floors = {}
    for location in locations:
        own = recent[recent["location_id"] == location]
        if own.empty:
            floors[location] = Floor(frozenset(range(5)), max(1.0, backlog.get(location, 0) / 3))
            continue
        first = pd.to_datetime(own["dispatch_date"]).min()
        weeks = max(1.0, min(RECENT_DAYS, (last - first).days + 1) / 7)
        seen = own.groupby("weekday")["dispatch_date"].nunique() / weeks
        weekdays = frozenset(int(d) for d in seen.index[seen >= MIN_WEEKDAY_SHARE]) or frozenset(
            seen.index.astype(int)
        )
        worked = own[own["weekday"].isin(weekdays)]
        floors[location] = Floor(weekdays, max(1.0, float(np.median(worked["n_orders"]))))
    return floors
