"""A dispatch floor in a box: the same orders, capacity and parcels under each way of ordering the queue.

The world is declared in ``World``, not measured; figures from it compare policies and promise nothing about a
shop. Policies see the order, the promise, whether stock is there and a transit table learnt from an earlier,
independent log; only the oracle sees the transit to come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from ml.priority.scoring import DEFAULTS, PriorityParams
from ml.priority.transits import LANE, TransitTable

METHODS = ("express", "standard", "economy")
COUNTRIES = ("DE", "AT", "FR", "PL")
FIRST_DAY = date(2026, 1, 5)  # a Monday


@dataclass(frozen=True)
class World:
    """The declared floor: demand, promises, transits and stock. Days are numbered from 0, a Monday."""

    n_days: int = 90
    orders_per_day: float = 200.0
    weekday_factors: tuple[float, ...] = (1.15, 1.05, 1.0, 1.0, 1.1, 0.9, 0.8)
    promotions: tuple[tuple[int, int, float], ...] = ((20, 23, 2.2), (55, 58, 1.8))
    method_shares: tuple[float, ...] = (0.15, 0.60, 0.25)
    promise_days: tuple[int, ...] = (2, 5, 9)
    mean_transit_days: tuple[float, ...] = (0.9, 2.6, 5.0)
    country_shares: tuple[float, ...] = (0.55, 0.15, 0.20, 0.10)
    country_factors: tuple[float, ...] = (0.85, 1.0, 1.15, 1.35)
    transit_shape: float = 6.0
    blocked_share: float = 0.04
    last_weekday_capacity: float = 1 / 3

    def capacity_on(self, day: int, capacity: float) -> float:
        """Orders that can leave on a day; the seventh weekday has a third."""
        return capacity * (self.last_weekday_capacity if day % 7 == 6 else 1.0)


@dataclass(frozen=True)
class Orders:
    """Orders of a simulated floor as parallel arrays, in order of arrival."""

    arrived: np.ndarray
    ready: np.ndarray
    promise: np.ndarray
    method: np.ndarray
    country: np.ndarray
    value: np.ndarray
    transit: np.ndarray

    def __len__(self) -> int:
        return len(self.arrived)


def draw_orders(world: World, seed: int) -> Orders:
    """The orders of a world; the same seed gives the same orders to every policy and capacity."""
    random = np.random.default_rng(seed)
    rates = np.array([world.orders_per_day * world.weekday_factors[d % 7] for d in range(world.n_days)])
    for first, last, factor in world.promotions:
        rates[first : last + 1] *= factor
    arrived = np.repeat(np.arange(world.n_days), random.poisson(rates))
    n = len(arrived)
    method = random.choice(len(METHODS), n, p=world.method_shares)
    country = random.choice(len(COUNTRIES), n, p=world.country_shares)
    wait = np.where(random.random(n) < world.blocked_share, random.integers(1, 8, n), 0)
    return Orders(
        arrived=arrived,
        ready=arrived + wait,
        promise=arrived + np.array(world.promise_days)[method],
        method=method,
        country=country,
        value=np.round(random.lognormal(3.6, 0.7, n), 2),
        transit=_draw_transit(world, method, country, random),
    )


def learnt_transits(world: World, seed: int, n_parcels: int = 20_000) -> TransitTable:
    """A transit table from an earlier, independent log of the same world, as a shop would have it."""
    random = np.random.default_rng(seed + 1_000_003)
    method = random.choice(len(METHODS), n_parcels, p=world.method_shares)
    country = random.choice(len(COUNTRIES), n_parcels, p=world.country_shares)
    sent = [FIRST_DAY - timedelta(days=int(d)) for d in random.integers(20, 110, n_parcels)]
    log = pd.DataFrame(
        {
            "shipping_method": np.array(METHODS)[method],
            "destination_country": np.array(COUNTRIES)[country],
            "location_id": "floor",
            "dispatched_date": sent,
            "transit_days": _draw_transit(world, method, country, random),
        }
    )
    return TransitTable().fit(log, as_of=FIRST_DAY - timedelta(days=1))


def _draw_transit(
    world: World, method: np.ndarray, country: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    mean = np.array(world.mean_transit_days)[method] * np.array(world.country_factors)[country]
    return np.ceil(random.gamma(world.transit_shape, mean / world.transit_shape)).astype(np.int64)


class Floor:
    """What a policy may look at: the orders, today, the capacity, and P(on time) from the learnt table."""

    def __init__(self, orders: Orders, table: TransitTable, world: World, capacity: float) -> None:
        self.orders = orders
        self.table = table
        self.world = world
        self.capacity = capacity
        self._rows = self._table_rows()
        self.mean_transit = _means(table)[self._rows[0]]

    def on_time(self, waiting: np.ndarray, day: int, extra: int = 0) -> np.ndarray:
        """P(on time) of the waiting orders if sent on ``day``, were their promises ``extra`` days later."""
        rows = self._rows[day % 7, waiting]
        return self.table.on_time(rows, self.orders.promise[waiting] + extra - day)

    def _table_rows(self) -> np.ndarray:
        cells = self.orders.method * len(COUNTRIES) + self.orders.country
        rows = []
        for weekday in range(7):
            lanes = [(m, c, "floor", weekday) for m in METHODS for c in COUNTRIES]
            rows.append(self.table.rows_of(pd.DataFrame(lanes, columns=LANE))[cells])
        return np.array(rows)


Policy = Callable[[Floor, np.ndarray, int], np.ndarray]


def run_policy(floor: Floor, policy: Policy) -> np.ndarray:
    """The day each order left: every day the policy sorts what is ready and the capacity takes the first."""
    orders = floor.orders
    left = np.full(len(orders), -1, dtype=np.int64)
    day = 0
    while (left < 0).any():
        waiting = np.flatnonzero((left < 0) & (orders.ready <= day))
        places = int(floor.world.capacity_on(day, floor.capacity))
        if len(waiting) > places:
            waiting = waiting[policy(floor, waiting, day)[:places]]
        left[waiting] = day
        day += 1
    return left


def measure(orders: Orders, left: np.ndarray, policy: str) -> dict[str, float | str]:
    """On-time share, share of value on time, and waits in days from arrival to dispatch."""
    in_time = left + orders.transit <= orders.promise
    wait = left - orders.arrived
    express = orders.method == 0
    return {
        "policy": policy,
        "on_time_ratio": float(in_time.mean()),
        "value_on_time_ratio": float(orders.value[in_time].sum() / orders.value.sum()),
        "express_on_time_ratio": float(in_time[express].mean()) if express.any() else float("nan"),
        "wait_days_p99": float(np.quantile(wait, 0.99)),
        "wait_days_max": float(wait.max()),
        "overdue_at_dispatch_days_max": float((left - orders.promise).max()),
        "n_orders": float(len(orders)),
    }


def simulate_policies(
    capacities: Sequence[float] = (235, 250, 275),
    seeds: Sequence[int] = (1, 2, 3, 4, 5),
    *,
    world: World = World(),
    params: PriorityParams = DEFAULTS,
    policies: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Every policy on every capacity and seed. One row per policy, capacity and seed."""
    from ml.priority.policies import named_policies

    chosen = {n: p for n, p in named_policies(params).items() if policies is None or n in policies}
    rows = []
    for seed in seeds:
        orders, table = draw_orders(world, seed), learnt_transits(world, seed)
        for capacity in capacities:
            floor = Floor(orders, table, world, capacity)
            for name, policy in chosen.items():
                figures = measure(orders, run_policy(floor, policy), name)
                rows.append({"capacity": capacity, "seed": seed, **figures})
    return pd.DataFrame(rows)


def _means(table: TransitTable) -> np.ndarray:
    return (1.0 - table.cdf_).sum(axis=1)
