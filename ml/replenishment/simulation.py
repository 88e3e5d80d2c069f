"""Replays what a policy would have ordered: period by period, knowing only what was known, with the stock it
made.

One period: the order is placed, what is due arrives, customers buy, what is missing is lost, costs are
counted. The flow balances by construction: start + receipts - sales = end. Policies are given; they are not
written here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Policy = Callable[[int, np.ndarray, np.ndarray], np.ndarray]
"""(periods passed, on hand, pipeline by period of arrival) -> units to order, one per series."""


@dataclass(frozen=True)
class ReplayParams:
    """Timing and costs; the defaults are the rules of the VN2 inventory planning challenge.

    Where demand waits instead of being lost, stock may be negative and ``lost`` holds the units waiting.
    """

    lead_time_periods: int = 2
    n_orders: int = 6
    n_periods: int = 8
    holding_cost: float = 0.2
    shortage_cost: float = 1.0
    first_scored: int = 3
    is_demand_lost: bool = True


@dataclass(frozen=True)
class Replay:
    """What happened, series by period: units ordered (for arrival ``lead_time + 1`` periods on), received,
    sold, lost, and left at the end of each period.
    """

    ordered: np.ndarray
    received: np.ndarray
    sold: np.ndarray
    lost: np.ndarray
    left: np.ndarray
    params: ReplayParams

    def cost(self, first: int | None = None, last: int | None = None) -> float:
        """Holding plus shortage cost of the scored periods (or of periods ``first`` to ``last``, from 1)."""
        return self.holding_cost(first, last) + self.shortage_cost(first, last)

    def holding_cost(self, first: int | None = None, last: int | None = None) -> float:
        """Cost of units left over."""
        return float(self.params.holding_cost * np.maximum(self.left[:, self._scored(first, last)], 0).sum())

    def shortage_cost(self, first: int | None = None, last: int | None = None) -> float:
        """Cost of units lost."""
        return float(self.params.shortage_cost * self.lost[:, self._scored(first, last)].sum())

    def fill_rate(self) -> float:
        """Units sold over units asked for, in the scored periods; 1 when nobody asked."""
        cells = self._scored(None, None)
        sold, lost = self.sold[:, cells].sum(), self.lost[:, cells].sum()
        return float(sold / (sold + lost)) if sold + lost > 0 else 1.0

    def _scored(self, first: int | None, last: int | None) -> slice:
        return slice((first or self.params.first_scored) - 1, last or self.params.n_periods)


def replay(
    policy: Policy,
    demand: np.ndarray,
    on_hand: np.ndarray,
    pipeline: np.ndarray,
    params: ReplayParams | None = None,
) -> Replay:
    """Run ``policy`` against ``demand`` (series by period) from a start stock and pipeline (series by lead
    time).

    An order placed after ``t`` periods is decided before period ``t + 1`` is seen and arrives at the start
    of period ``t + lead_time + 1``.
    """
    params = params or ReplayParams()
    if pipeline.shape[1] != params.lead_time_periods:
        raise ValueError(
            f"Got a pipeline of {pipeline.shape[1]} periods, but expected {params.lead_time_periods}."
        )
    n, length = demand.shape[0], params.n_periods
    flows = {name: np.zeros((n, length)) for name in ("ordered", "received", "sold", "lost", "left")}
    stock, pipe = on_hand.astype(float).copy(), pipeline.astype(float).copy()
    for period in range(length):
        order = np.zeros(n)
        if period < params.n_orders:
            order = np.asarray(policy(period, stock.copy(), pipe.copy()), dtype=float)
        if (order < 0).any():
            raise ValueError("Got a negative order from the policy, but expected units >= 0.")
        pipe = np.column_stack([pipe, order])
        arrived, pipe = pipe[:, 0], pipe[:, 1:]
        sold = demand[:, period]
        if params.is_demand_lost:
            sold = np.minimum(stock + arrived, sold)
        stock = stock + arrived - sold
        flows["ordered"][:, period], flows["received"][:, period] = order, arrived
        flows["sold"][:, period], flows["left"][:, period] = sold, stock
        flows["lost"][:, period] = (
            demand[:, period] - sold if params.is_demand_lost else np.maximum(-stock, 0)
        )
    return Replay(**flows, params=params)


def order_nothing(period: int, on_hand: np.ndarray, pipeline: np.ndarray) -> np.ndarray:
    """The peer that never orders."""
    return np.zeros(len(on_hand))


def order_up_to(target: Callable[[int], np.ndarray]) -> Policy:
    """Order the inventory position up to ``target(periods passed)``, to the nearest whole unit."""

    def policy(period: int, on_hand: np.ndarray, pipeline: np.ndarray) -> np.ndarray:
        gap = target(period) - on_hand - pipeline.sum(axis=1)
        return np.round(np.maximum(gap, 0))

    return policy


def clairvoyant(demand: np.ndarray, lead_time: int) -> Policy:
    """The lower bound: knows the demand and orders what the period of arrival will lack."""

    def policy(period: int, on_hand: np.ndarray, pipeline: np.ndarray) -> np.ndarray:
        stock = projected_on_hand(on_hand, pipeline, demand[:, period : period + lead_time])
        return np.ceil(np.maximum(demand[:, period + lead_time] - stock, 0))

    return policy


def projected_on_hand(on_hand: np.ndarray, receipts: np.ndarray, demand: np.ndarray) -> np.ndarray:
    """Stock after the periods of ``demand``, receipts first, where what is missing is lost.

    >>> projected_on_hand(np.array([1.0]), np.array([[0.0, 5.0]]), np.array([[4.0, 2.0]])).tolist()
    [3.0]
    """
    stock = on_hand.astype(float)
    for period in range(demand.shape[1]):
        stock = np.maximum(stock + receipts[:, period] - demand[:, period], 0)
    return stock
