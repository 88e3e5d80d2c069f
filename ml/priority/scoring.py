"""The rule: expected gain of dispatching now, weighed, with a lane for what has waited too long.

Works on arrays, so the served table (``orders``) and the simulator (``simulation``) run the very same code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PriorityParams:
    """What order priority may be tuned by; the defaults are the served ones.

    Up to ``aged_share`` of a day's capacity goes first to orders overdue by ``aged_after_days`` or more, the
    longest overdue first: the gain rule alone would let a hopeless order wait for ever. The two were chosen
    in the simulator: a shorter wait costs more of the on-time share than it saves (docs/priority.md).
    """

    look_ahead_days: int = 3
    value_weight_min: float = 0.3
    value_weight_max: float = 3.0
    perishable_weight: float = 1.5
    late_before_weight: float = 1.1
    monotone_above: float = 0.5
    aged_after_days: int = 7
    aged_share: float = 0.5
    high_gain: float = 0.25
    low_gain: float = 0.02
    savable_ratio: float = 0.1
    min_lane_parcels: int = 30


DEFAULTS = PriorityParams()


def later_weights(backlog: float, capacity: float, days: int) -> np.ndarray:
    """The chance that an order skipped now leaves 1, 2, ... ``days`` working days later; sums to 1.

    A backlog of ``n`` at a capacity of ``c`` a day serves each waiting order with a chance of about c / n a
    day (new orders take the places of those that left); what is beyond the last day counts as the last day.
    """
    share = min(1.0, capacity / backlog) if backlog > 0 else 1.0
    weights = share * (1 - share) ** np.arange(days)
    weights[-1] += 1 - weights.sum()
    return weights


def expected_gain(on_time: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """P(on time now) less the weighted P(on time later); ``on_time`` is (orders, 1 + look-ahead), now first.

    >>> expected_gain(np.array([[0.9, 0.4, 0.1, 0.0]]), np.array([0.5, 0.3, 0.2])).round(2).tolist()
    [0.67]
    """
    return on_time[:, 0] - on_time[:, 1:] @ weights


def urgent_gain(
    odds_with: Callable[[int], np.ndarray], weights: np.ndarray, params: PriorityParams = DEFAULTS
) -> np.ndarray:
    """The gain that orders are sorted by: an earlier promise never lowers it while it can likely be kept.

    ``odds_with(n)`` gives the odds if every promise were ``n`` days later. The plain gain of a tight promise
    can be a shade below that of a looser one; as long as P(on time now) is ``monotone_above`` or more, an
    order is held to be at least as urgent as the same order with up to ``look_ahead_days`` more time.
    """
    odds = odds_with(0)
    gain = expected_gain(odds, weights)
    likely = odds[:, 0] >= params.monotone_above
    for extra in range(1, params.look_ahead_days + 1):
        looser = expected_gain(odds_with(extra), weights)
        gain = np.where(likely, np.maximum(gain, looser), gain)
    return gain


def value_weight(value: np.ndarray, params: PriorityParams = DEFAULTS) -> np.ndarray:
    """Value over the median, clipped; an unknown value counts as the median."""
    value = np.asarray(value, dtype=float)
    known = value[np.isfinite(value) & (value > 0)]
    median = float(np.median(known)) if len(known) else 1.0
    ratio = np.where(np.isfinite(value), value, median) / median
    return np.clip(ratio, params.value_weight_min, params.value_weight_max)


def urgency(
    gain: np.ndarray,
    weight: np.ndarray,
    *,
    is_perishable: np.ndarray,
    was_late_before: np.ndarray,
    params: PriorityParams = DEFAULTS,
) -> np.ndarray:
    """The number orders are sorted by: positive gain times its weights.

    Never falls with value, spoilage or history.
    """
    factor = np.where(is_perishable, params.perishable_weight, 1.0)
    factor = factor * np.where(was_late_before, params.late_before_weight, 1.0)
    return np.maximum(gain, 0.0) * weight * factor


def queue_order(
    urgency_values: np.ndarray,
    *,
    overdue_days: np.ndarray,
    promise_day: np.ndarray,
    tie: np.ndarray,
    capacity: float,
    params: PriorityParams = DEFAULTS,
) -> np.ndarray:
    """Positions, first to last: the aged lane, then by urgency; ties by promise, then ``tie``."""
    order = np.lexsort((tie, promise_day, -np.round(urgency_values, 9)))
    aged = is_in_aged_lane(overdue_days, promise_day=promise_day, tie=tie, capacity=capacity, params=params)
    lane = np.flatnonzero(aged)
    lane = lane[np.lexsort((tie[lane], promise_day[lane]))]
    return np.r_[lane, order[~aged[order]]]


def is_in_aged_lane(
    overdue_days: np.ndarray,
    *,
    promise_day: np.ndarray,
    tie: np.ndarray,
    capacity: float,
    params: PriorityParams = DEFAULTS,
) -> np.ndarray:
    """The orders that go first for having waited: the longest overdue, within the lane's places."""
    candidates = np.flatnonzero(overdue_days >= params.aged_after_days)
    places = int(np.ceil(params.aged_share * capacity)) if params.aged_share > 0 else 0
    chosen = candidates[np.lexsort((tie[candidates], promise_day[candidates]))][:places]
    flags = np.zeros(len(overdue_days), dtype=bool)
    flags[chosen] = True
    return flags
