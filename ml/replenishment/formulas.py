"""Textbook inventory formulas, checked against published examples to six decimals.

Units: demand and lead time share one time unit; costs are per unit (and per time unit for holding). Whole
arrays of SKUs are planned in ``policy``; here is the arithmetic it rests on, for one item at a time unless
it says otherwise.
"""

from __future__ import annotations

from math import ceil, exp, floor, sqrt
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats


class EconomicOrder(NamedTuple):
    """Order size, share of demand backordered, and cost per time unit."""

    units: float
    backordered_ratio: float
    cost: float


def economic_order_quantity(order_cost: float, holding_cost: float, demand: float) -> EconomicOrder:
    """EOQ: the order size that balances ordering and holding.

    >>> round(economic_order_quantity(8, 0.225, 1300).units, 4)
    304.0468
    """
    units = sqrt(2 * order_cost * demand / holding_cost)
    return EconomicOrder(units, 0.0, order_cycle_cost(order_cost, holding_cost, demand, units))


def order_cycle_cost(order_cost: float, holding_cost: float, demand: float, units: float) -> float:
    """Ordering plus holding cost per time unit of ordering ``units`` at a time."""
    return order_cost * demand / units + holding_cost * units / 2


def economic_order_with_backorders(
    order_cost: float, holding_cost: float, shortage_cost: float, demand: float
) -> EconomicOrder:
    """EOQ where demand may wait at ``shortage_cost`` per unit and time unit."""
    units = sqrt(2 * order_cost * demand * (holding_cost + shortage_cost) / (holding_cost * shortage_cost))
    waiting = holding_cost / (holding_cost + shortage_cost)
    cost = order_cost * demand / units + units / 2 * (
        holding_cost * (1 - waiting) ** 2 + shortage_cost * waiting**2
    )
    return EconomicOrder(units, waiting, cost)


def critical_ratio(holding_cost: float, shortage_cost: float) -> float:
    """Probability of no stock-out at which one more unit costs as much as it saves."""
    return shortage_cost / (shortage_cost + holding_cost)


def normal_loss(level: float, mean: float, sd: float) -> tuple[float, float]:
    """Expected units short and expected units left at ``level`` when demand is normal."""
    z = (level - mean) / sd
    short = sd * (stats.norm.pdf(z) - z * stats.norm.sf(z))
    return float(short), float(short + level - mean)


def poisson_loss(level: int, mean: float) -> tuple[float, float]:
    """Expected units short and expected units left at ``level`` when demand is Poisson."""
    short = -(level - mean) * stats.poisson.sf(level, mean) + mean * stats.poisson.pmf(level, mean)
    return float(short), float(short + level - mean)


def newsvendor_normal(
    holding_cost: float, shortage_cost: float, mean: float, sd: float, lead_time: float = 0.0
) -> tuple[float, float]:
    """Base-stock level and its cost per period; demand per period is normal, ``lead_time`` in periods."""
    over, spread = mean * (lead_time + 1), sd * sqrt(lead_time + 1)
    level = float(stats.norm.ppf(critical_ratio(holding_cost, shortage_cost), over, spread))
    return level, newsvendor_normal_cost(level, holding_cost, shortage_cost, mean, sd, lead_time)


def newsvendor_normal_cost(
    level: float, holding_cost: float, shortage_cost: float, mean: float, sd: float, lead_time: float = 0.0
) -> float:
    """Expected holding and shortage cost per period of a base-stock level."""
    short, left = normal_loss(level, mean * (lead_time + 1), sd * sqrt(lead_time + 1))
    return holding_cost * left + shortage_cost * short


def newsvendor_poisson(holding_cost: float, shortage_cost: float, mean: float) -> tuple[int, float]:
    """Smallest whole level that reaches the critical ratio under Poisson demand, and its cost."""
    level = int(stats.poisson.ppf(critical_ratio(holding_cost, shortage_cost), mean))
    short, left = poisson_loss(level, mean)
    return level, holding_cost * left + shortage_cost * short


def reorder_point_cost(
    reorder_point: float, units: float, *, holding_cost: float, shortage_cost: float, order_cost: float,
    demand: float, lead_time_mean: float, lead_time_sd: float,
) -> float:  # fmt: skip
    """Expected cost per time unit of an (r, Q) policy; lead-time demand is normal, shortages wait."""

    def second_loss(level: float) -> float:
        z = (level - lead_time_mean) / lead_time_sd
        return float(lead_time_sd**2 / 2 * ((z**2 + 1) * stats.norm.sf(z) - z * stats.norm.pdf(z)))

    short = second_loss(reorder_point) - second_loss(reorder_point + units)
    left = short + units * (reorder_point + units / 2 - lead_time_mean)
    return (order_cost * demand + holding_cost * left + shortage_cost * short) / units


def reorder_point_for(
    units: float, *, holding_cost: float, shortage_cost: float, lead_time_mean: float, lead_time_sd: float
) -> float:
    """Best r of an (r, Q) policy with Q = ``units``: where the cost rates at r and r + Q are equal."""

    def rate(level: float) -> float:
        short, left = normal_loss(level, lead_time_mean, lead_time_sd)
        return holding_cost * left + shortage_cost * short

    low, high = lead_time_mean - units - 8 * lead_time_sd, lead_time_mean + 8 * lead_time_sd
    return float(optimize.brentq(lambda level: rate(level) - rate(level + units), low, high, xtol=1e-11))


def reorder_point_for_fill_rate(fill_rate: float, units: float, mean: float, sd: float) -> float:
    """R at which the units short per cycle are ``(1 - fill_rate) * units`` (type 2 service, normal
    demand)."""
    allowed = (1 - fill_rate) * units
    return float(
        optimize.brentq(
            lambda level: normal_loss(level, mean, sd)[0] - allowed, mean - 8 * sd, mean + 8 * sd, xtol=1e-10
        )
    )


def safety_stock(
    service_level: float, demand: float, demand_sd: float, lead_time: float, lead_time_sd: float = 0.0
) -> float:
    """z * sd of the demand over a lead time that is itself random."""
    spread = sqrt(lead_time * demand_sd**2 + demand**2 * lead_time_sd**2)
    return float(stats.norm.ppf(service_level) * spread)


def wagner_whitin(order_cost: float, holding_cost: float, demand: list[float]) -> tuple[list[float], float]:
    """Cheapest order of each period for known demand without shortages, and the total cost."""
    n = len(demand)
    best, start = [0.0] + [float("inf")] * n, [0] * (n + 1)
    for end in range(1, n + 1):
        for first in range(end):
            held = sum(holding_cost * (period - first) * demand[period] for period in range(first, end))
            cost = best[first] + order_cost + held
            if cost < best[end] - 1e-12:
                best[end], start[end] = cost, first
    orders, end = [0.0] * n, n
    while end > 0:
        orders[start[end]] = float(sum(demand[start[end] : end]))
        end = start[end]
    return orders, best[n]


def order_lot(raw_units: float, moq_units: int = 1, pack_size_units: int = 1) -> int:
    """Whole units to order for a need of ``raw_units``: 0, or at least the minimum, in whole packs, rounded
    up.

    >>> order_lot(7.2, moq_units=6, pack_size_units=4), order_lot(0.0), order_lot(0.5, 10, 6)
    (8, 0, 12)
    """
    if raw_units <= 1e-9:
        return 0
    pack = max(int(pack_size_units), 1)
    return int(ceil(max(raw_units - 1e-9, moq_units) / pack) * pack)


def reorder_policy_cost(
    reorder_at: int, up_to: int, *, holding_cost: float, shortage_cost: float, order_cost: float, mean: float
) -> float:
    """Exact cost per period of an (s, S) policy without lead time under Poisson demand, shortages wait.

    Order up to ``up_to`` when the stock is at or below ``reorder_at`` (renewal argument of Veinott and
    Wagner).
    """
    steps = up_to - reorder_at
    pmf = stats.poisson.pmf(np.arange(steps), mean)
    visits = np.zeros(steps)
    visits[0] = 1 / (1 - exp(-mean))
    for drop in range(1, steps):
        visits[drop] = (pmf[1 : drop + 1] @ visits[drop - 1 :: -1][:drop]) / (1 - pmf[0])
    rates = []
    for drop in range(steps):
        short, left = poisson_loss(up_to - drop, mean)
        rates.append(holding_cost * left + shortage_cost * short)
    return float((order_cost + visits @ np.array(rates)) / visits.sum())


def whole_units(units: float) -> int:
    """Units rounded to the nearest whole, halves up, so that 2.5 is 3 on every machine."""
    return floor(units + 0.5)
