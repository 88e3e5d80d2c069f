"""Watching a series of loads: is today's number of rows usual, and is the newest data recent enough?

Judges numbers that the caller has counted; reads no table. A monitor warns, it never blocks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class VolumeParams:
    """How unusual a day must be: beyond ``z_limit`` standard deviations and ``min_change_ratio`` of change.

    The usual number of a weekday is the median of its last ``weeks`` occurrences, moved by the level of the
    last ``level_days`` days, so that growth and season are followed.
    """

    weeks: int = 8
    level_days: int = 14
    z_limit: float = 3.5
    min_change_ratio: float = 0.2
    min_history_days: int = 28


@dataclass(frozen=True)
class Verdict:
    """Whether a figure is usual, and why; ``expected`` is None where there is too little history to say."""

    is_usual: bool
    observed: float
    expected: float | None
    reason: str


def judge_volume(counts: Mapping[date, int], day: date, params: VolumeParams | None = None) -> Verdict:
    """Compare a day's rows with what the days before it led to expect; ``counts`` includes the day."""
    params = params or VolumeParams()
    observed = counts[day]
    history = {known: rows for known, rows in counts.items() if known < day}
    if len(history) < params.min_history_days:
        return Verdict(True, observed, None, f"only {len(history)} days of history; no judgement yet")
    usual = _weekday_median(history, day, params.weeks)
    if not usual:
        return Verdict(True, observed, None, "this weekday has no rows before; no judgement yet")
    ratios = _ratios(history, day, params)
    expected = _expected(ratios, usual, day, params.level_days)
    spread = _spread(history, ratios, day, params)
    change = observed / expected - 1
    z = (math.log1p(observed) - math.log1p(expected)) / spread
    unusual = abs(z) > params.z_limit and abs(change) > params.min_change_ratio
    reason = (
        f"{observed} rows, {change:+.0%} against an expected {expected:.0f} ({z:+.1f} standard deviations)"
    )
    return Verdict(not unusual, observed, expected, reason)


def judge_freshness(newest: datetime | None, now: datetime, allowed: timedelta) -> Verdict:
    """Whether the newest record is no older than allowed; hours in the verdict. Both times have a zone."""
    limit = allowed.total_seconds() / 3600
    if newest is None:
        return Verdict(False, math.inf, limit, "there is no record at all")
    age = (now - newest).total_seconds() / 3600
    return Verdict(age <= limit, age, limit, f"newest record is {age:.1f} hours old, {limit:.1f} are allowed")


def _expected(ratios: Mapping[date, float], usual: float, day: date, level_days: int) -> float:
    """The weekday's median, moved by how the days just before compare with their own weekdays' medians."""
    recent = [ratios[d] for back in range(1, level_days + 1) if (d := day - timedelta(days=back)) in ratios]
    return usual * (median(recent) if recent else 1.0)


def _weekday_median(history: Mapping[date, int], day: date, weeks: int) -> float | None:
    same = [history[d] for w in range(1, weeks + 1) if (d := day - timedelta(weeks=w)) in history]
    return median(same) if same else None


def _ratios(history: Mapping[date, int], day: date, params: VolumeParams) -> dict[date, float]:
    """Rows of each recent day over the median of its weekday before it."""
    ratios = {}
    for back in range(1, params.weeks * 7 + params.level_days + 1):
        known = day - timedelta(days=back)
        usual = _weekday_median(history, known, params.weeks)
        if known in history and usual:
            ratios[known] = history[known] / usual
    return ratios


def _spread(
    history: Mapping[date, int], ratios: Mapping[date, float], day: date, params: VolumeParams
) -> float:
    """Robust standard deviation of the errors this rule made on the days before; at least counting noise."""
    errors = []
    for back in range(1, params.weeks * 7 + 1):
        known = day - timedelta(days=back)
        if known in ratios:
            level = _expected(ratios, 1.0, known, params.level_days)
            errors.append(abs(math.log(max(ratios[known], 1e-3) / max(level, 1e-3))))
    noise = 1 / math.sqrt(1 + median(history.values()))
    return max(_MAD_TO_SD * median(errors or [0.0]), noise, 0.01)
