"""The shop's clock: local midnights as UTC seconds. The only place that knows the time zone."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np

from feeds.simulator.params import SimulationParams
from feeds.simulator.streams import Array

# Orders by hour of the shop's day: quiet nights, a lunch bump and an evening peak.
_HOURS = np.array(
    [6, 3, 2, 1, 1, 2, 5, 12, 22, 32, 38, 40, 42, 38, 36, 36, 38, 42, 50, 58, 62, 54, 36, 16],
    dtype=np.float64,
)
_BEYOND = 420  # days after the last that agendas may still point to
LAST_MINUTES = 40 * 60  # nothing new starts this close to midnight


class Clock:
    """Local midnights of a shop as UTC seconds, daylight saving included (days of 23 and 25 hours)."""

    def __init__(self, params: SimulationParams) -> None:
        zone = ZoneInfo(params.time_zone)
        days = [params.date_of(day) for day in range(params.days + _BEYOND)]
        self.start = params.start
        self.midnights = np.array(
            [int(datetime.combine(day, time(), zone).timestamp()) for day in days], dtype=np.int64
        )

    def at(self, day: int | Array, seconds: float | Array) -> Array:
        """UTC seconds of a number of seconds after local midnight."""
        return np.asarray(self.midnights[day] + np.asarray(seconds).astype(np.int64))

    def day_of(self, at: Array) -> Array:
        """The day of the simulation in which UTC seconds fall."""
        return np.searchsorted(self.midnights, at, side="right") - 1

    def shopping_times(self, rng: np.random.Generator, day: int, n: int) -> Array:
        """``n`` moments of a day, as shoppers choose them, ascending."""
        hours = rng.choice(24, n, p=_HOURS / _HOURS.sum())
        seconds = np.sort(hours * 3600 + rng.integers(0, 3600, n))
        longest = int(self.midnights[day + 1] - self.midnights[day]) - LAST_MINUTES
        return self.at(day, np.minimum(seconds, longest))


def epoch_days(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - date(1970, 1, 1).toordinal()
