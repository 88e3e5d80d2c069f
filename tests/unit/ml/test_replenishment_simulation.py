"""The replay keeps the books, keeps the clock, and costs what theory says."""

from __future__ import annotations

import numpy as np
import pytest

from ml.replenishment.simulation import (
    ReplayParams,
    clairvoyant,
    order_nothing,
    order_up_to,
    projected_on_hand,
    replay,
)


@pytest.fixture
def demand() -> np.ndarray:
    return np.random.default_rng(1).poisson(4, (200, 8)).astype(float)


START = np.full(200, 6.0), np.full((200, 2), 4.0)


def test_stock_flow_balances_and_demand_is_sold_or_lost(demand):
    ran = replay(order_up_to(lambda passed: np.full(200, 14.0)), demand, *START)
    before = np.column_stack([START[0], ran.left[:, :-1]])
    assert np.array_equal(before + ran.received - ran.sold, ran.left)
    assert np.array_equal(ran.sold + ran.lost, demand)
    assert (ran.left >= 0).all()
    assert 0 <= ran.fill_rate() <= 1


def test_an_order_arrives_three_periods_after_it_was_placed_and_never_sooner(demand):
    first = replay(lambda passed, on_hand, pipe: np.full(200, 50.0 * (passed == 0)), demand, *START)
    assert first.received[:, :3].tolist() == np.column_stack([START[1], np.full(200, 50.0)]).tolist()
    assert (first.received[:, 3:] == 0).all()


def test_a_policy_sees_only_stock_that_was_there_before_the_period(demand):
    seen = []
    replay(lambda passed, on_hand, pipe: seen.append((on_hand, pipe)) or np.zeros(200), demand, *START)
    assert np.array_equal(seen[0][0], START[0])
    assert np.array_equal(seen[1][0], np.maximum(START[0] + 4.0 - demand[:, 0], 0))


def test_the_first_two_periods_cost_the_same_whatever_is_ordered(demand):
    costs = {replay(policy, demand, *START).cost(1, 2) for policy in (order_nothing, clairvoyant(demand, 2))}
    assert len(costs) == 1


def test_nobody_beats_the_clairvoyant(demand):
    lower = replay(clairvoyant(demand, 2), demand, *START).cost()
    for level in range(8, 24, 2):
        assert (
            replay(order_up_to(lambda passed, level=level: np.full(200, float(level))), demand, *START).cost()
            >= lower
        )


def test_delivering_one_week_early_changes_the_cost_so_the_clock_is_tested(demand):
    policy = order_up_to(lambda passed: np.full(200, 14.0))
    usual = replay(policy, demand, *START).cost()
    early = replay(policy, demand, START[0], START[1][:, :1], ReplayParams(lead_time_periods=1)).cost()
    assert abs(early - usual) / usual > 0.05


def test_base_stock_simulation_costs_what_the_newsvendor_formula_says():
    demand = np.random.default_rng(7).normal(50, 8, (1000, 230))
    rules = ReplayParams(4, 230, 230, 0.18, 0.70, first_scored=31, is_demand_lost=False)
    level = 264.76689437415484

    def policy(passed, on_hand, pipe):
        return np.maximum(level - on_hand - pipe.sum(axis=1), 0)

    ran = replay(policy, demand, np.full(1000, 64.0), np.full((1000, 4), 50.0), rules)
    assert ran.cost() / (1000 * 200) == pytest.approx(4.466781004149577, rel=0.01)


def test_order_up_to_simulation_costs_what_the_exact_formula_says():
    demand = np.random.default_rng(8).poisson(6, (1000, 230)).astype(float)
    rules = ReplayParams(0, 230, 230, 1.0, 4.0, first_scored=31, is_demand_lost=False)

    def policy(passed, on_hand, pipe):
        return np.where(on_hand <= 4, 10 - on_hand, 0)

    ran = replay(policy, demand, np.full(1000, 10.0), np.zeros((1000, 0)), rules)
    ordering = 5 * (ran.ordered[:, 30:] > 0).sum()
    assert (ran.cost() + ordering) / (1000 * 200) == pytest.approx(8.034111561471642, rel=0.01)


def test_stock_that_will_be_sold_out_before_arrival_is_not_counted_twice():
    assert projected_on_hand(np.array([3.0]), np.array([[0.0, 2.0]]), np.array([[10.0, 1.0]])).tolist() == [
        1.0
    ]


def test_negative_orders_and_a_pipeline_of_the_wrong_length_are_refused(demand):
    with pytest.raises(ValueError, match="negative order"):
        replay(lambda passed, on_hand, pipe: np.full(200, -1.0), demand, *START)
    with pytest.raises(ValueError, match="pipeline of 3"):
        replay(order_nothing, demand, START[0], np.zeros((200, 3)))
