"""The queue simulator: it must conserve orders, obey its bounds, and show what the rule is for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.priority.policies import earliest_due_date, fifo, named_policies
from ml.priority.scoring import DEFAULTS
from ml.priority.simulation import (
    Floor,
    Orders,
    World,
    draw_orders,
    learnt_transits,
    measure,
    run_policy,
    simulate_policies,
)

SMALL = World(n_days=60, promotions=((20, 23, 2.2),))


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return simulate_policies((235, 250, 275), (1, 2), world=SMALL)


def mean_of(runs: pd.DataFrame, column: str) -> pd.Series:
    return runs.groupby(["capacity", "policy"])[column].mean()


def test_the_oracle_is_never_beaten_in_any_cell(runs: pd.DataFrame):
    best = runs.pivot(index=["capacity", "seed"], columns="policy", values="on_time_ratio")
    assert best.drop(columns="oracle").le(best["oracle"] + 1e-12, axis=0).all().all()


def test_the_served_rule_is_ahead_of_fifo_and_due_date_at_every_capacity(runs: pd.DataFrame):
    on_time = mean_of(runs, "on_time_ratio")
    for capacity in (235, 250, 275):
        floor = max(on_time[capacity, "fifo"], on_time[capacity, "earliest_due_date"])
        assert on_time[capacity, "gain_value_aged"] > floor
    tight = on_time[250]
    assert tight["gain_value_aged"] >= tight["earliest_due_date"] + 0.06
    gap = (tight["gain_aged"] - tight["earliest_due_date"]) / (tight["oracle"] - tight["earliest_due_date"])
    assert gap >= 0.5


def test_risk_first_is_the_trap_and_value_weights_earn_value(runs: pd.DataFrame):
    on_time, value = mean_of(runs, "on_time_ratio"), mean_of(runs, "value_on_time_ratio")
    assert on_time[250, "risk_first"] < on_time[250, "gain"] - 0.05
    assert value[250, "gain_value_aged"] > value[250, "gain_aged"]


def test_the_aged_lane_ends_starvation(runs: pd.DataFrame):
    overdue = mean_of(runs, "overdue_at_dispatch_days_max")
    assert overdue[235, "gain"] > 15  # the rule alone lets the hopeless wait
    for capacity in (250, 275):
        assert overdue[capacity, "gain_value_aged"] <= 10
        assert overdue[capacity, "gain_aged"] <= 10


def test_with_room_for_everyone_all_policies_are_equal():
    plenty = simulate_policies((100_000,), (1,), world=SMALL)
    for column in ("on_time_ratio", "value_on_time_ratio", "wait_days_p99", "wait_days_max"):
        assert plenty[column].nunique() == 1


def test_every_order_leaves_once_when_it_is_ready_and_no_day_is_overfull():
    orders = draw_orders(SMALL, 3)
    floor = Floor(orders, learnt_transits(SMALL, 3), SMALL, 250)
    for policy in named_policies(DEFAULTS).values():
        left = run_policy(floor, policy)
        assert (left >= orders.ready).all()
        per_day = np.bincount(left)
        assert per_day.sum() == len(orders)
        assert all(n <= int(SMALL.capacity_on(day, 250)) for day, n in enumerate(per_day))


def test_fifo_and_due_date_match_a_case_worked_by_hand():
    # one place a day; orders 0, 1, 2 arrive on day 0 with promises on days 9, 2, 3 and a day of transit
    world = World(last_weekday_capacity=1.0)
    zero = np.zeros(3, dtype=np.int64)
    orders = Orders(zero, zero, np.array([9, 2, 3]), zero + 1, zero, np.ones(3), zero + 1)
    floor = Floor(orders, learnt_transits(world, 1, n_parcels=500), world, 1)
    assert run_policy(floor, fifo).tolist() == [0, 1, 2]
    assert run_policy(floor, earliest_due_date).tolist() == [2, 0, 1]
    assert measure(orders, run_policy(floor, fifo), "fifo")["on_time_ratio"] == pytest.approx(1.0)
    late = Orders(zero, zero, np.array([9, 1, 1]), zero + 1, zero, np.array([8.0, 1.0, 1.0]), zero + 1)
    figures = measure(late, np.array([2, 0, 1]), "x")
    assert figures["on_time_ratio"] == pytest.approx(2 / 3)
    assert figures["value_on_time_ratio"] == pytest.approx(9 / 10)


def test_the_same_seed_gives_the_same_world_and_another_seed_another():
    first, again, other = draw_orders(SMALL, 1), draw_orders(SMALL, 1), draw_orders(SMALL, 2)
    assert (first.transit == again.transit).all()
    assert (first.value == again.value).all()
    assert len(other) != len(first) or (other.transit != first.transit).any()


def test_the_learnt_odds_are_those_of_the_world():
    orders = draw_orders(World(n_days=300), 5)
    floor = Floor(orders, learnt_transits(World(), 5), World(), 250)
    odds = np.array(
        [floor.on_time(np.array([n]), int(orders.arrived[n]))[0] for n in range(0, len(orders), 40)]
    )
    kept = (orders.arrived + orders.transit <= orders.promise)[::40]
    assert odds.mean() == pytest.approx(kept.mean(), abs=0.03)
