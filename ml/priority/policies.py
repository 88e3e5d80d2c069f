"""Ways to order a dispatch queue: what shops do, ours, and the oracle. Each returns positions, first to last.

Ours calls ``scoring``, the code that serves; nothing of the rule is repeated here.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ml.priority.scoring import (
    PriorityParams,
    later_weights,
    queue_order,
    urgency,
    urgent_gain,
    value_weight,
)
from ml.priority.simulation import Floor, Policy


def fifo(floor: Floor, waiting: np.ndarray, day: int) -> np.ndarray:
    """First in, first out."""
    return np.lexsort((waiting, floor.orders.arrived[waiting]))


def earliest_due_date(floor: Floor, waiting: np.ndarray, day: int) -> np.ndarray:
    """By promise date."""
    return np.lexsort((waiting, floor.orders.promise[waiting]))


def least_slack(floor: Floor, waiting: np.ndarray, day: int) -> np.ndarray:
    """By promise less mean transit."""
    return np.lexsort((waiting, floor.orders.promise[waiting] - floor.mean_transit[waiting]))


def critical_ratio(floor: Floor, waiting: np.ndarray, day: int) -> np.ndarray:
    """By days left over mean transit."""
    return np.lexsort((waiting, (floor.orders.promise[waiting] - day) / floor.mean_transit[waiting]))


def value_first(floor: Floor, waiting: np.ndarray, day: int) -> np.ndarray:
    """The dearest order first."""
    return np.lexsort((waiting, -floor.orders.value[waiting]))


def risk_first(floor: Floor, waiting: np.ndarray, day: int) -> np.ndarray:
    """The order most likely to be late first: the trap, it spends the day on the hopeless."""
    return np.lexsort((waiting, floor.on_time(waiting, day)))


def oracle(floor: Floor, waiting: np.ndarray, day: int) -> np.ndarray:
    """Knows the transit: of those still savable the one that must leave first; the hopeless last.

    For jobs of one place each this is the best that any order can do for the count on time.
    """
    latest = floor.orders.promise[waiting] - floor.orders.transit[waiting]
    return np.lexsort((waiting, latest, latest < day))


def gain(params: PriorityParams, *, by_value: bool) -> Policy:
    """The served rule; with ``by_value`` off every order weighs alike."""

    def order(floor: Floor, waiting: np.ndarray, day: int) -> np.ndarray:
        days = range(day, day + params.look_ahead_days + 1)

        def odds_with(extra: int) -> np.ndarray:
            return np.column_stack([floor.on_time(waiting, d, extra) for d in days])

        weights = later_weights(len(waiting), floor.capacity, params.look_ahead_days)
        worth = value_weight(floor.orders.value[waiting], params) if by_value else np.ones(len(waiting))
        plain = np.zeros(len(waiting), dtype=bool)
        gain = urgent_gain(odds_with, weights, params)
        urgent = urgency(gain, worth, is_perishable=plain, was_late_before=plain, params=params)
        return queue_order(
            urgent,
            overdue_days=day - floor.orders.promise[waiting],
            promise_day=floor.orders.promise[waiting],
            tie=waiting,
            capacity=floor.world.capacity_on(day, floor.capacity),
            params=params,
        )

    return order


def named_policies(params: PriorityParams) -> dict[str, Policy]:
    """Every policy by name; ``gain_value_aged`` is the served one."""
    endless = replace(params, aged_share=0.0)
    return {
        "fifo": fifo,
        "earliest_due_date": earliest_due_date,
        "least_slack": least_slack,
        "critical_ratio": critical_ratio,
        "value_first": value_first,
        "risk_first": risk_first,
        "gain": gain(endless, by_value=False),
        "gain_aged": gain(params, by_value=False),
        "gain_value_aged": gain(params, by_value=True),
        "oracle": oracle,
    }
