"""Inventory formulas against published examples (Snyder and Shen, Nahmias; values of stockpyl), to six
decimals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ml.replenishment import formulas


def near(value: float):
    return pytest.approx(value, abs=1e-6, rel=1e-9)


@pytest.mark.parametrize(
    ("order_cost", "holding", "demand", "units", "cost"),
    [
        (8, 0.225, 1300, 304.0467800264368, 68.41052550594829),
        (2250, 275, 182500, 1728.109844993551, 475230.2073732266),
    ],
)
def test_economic_order_quantity(order_cost, holding, demand, units, cost):
    found = formulas.economic_order_quantity(order_cost, holding, demand)
    assert (found.units, found.cost) == (near(units), near(cost))


def test_cost_of_an_order_size_that_is_not_the_best():
    assert formulas.order_cycle_cost(8, 0.225, 1300, 250) == pytest.approx(69.725, abs=1e-9)


def test_economic_order_quantity_with_backorders():
    found = formulas.economic_order_with_backorders(8, 0.225, 5, 1300)
    assert found == (near(310.81255515896464), near(0.0430622009569378), near(66.92136355097325))


def test_newsvendor_with_normal_demand():
    assert formulas.newsvendor_normal(0.18, 0.70, 50, 8) == (
        near(56.603955927433887),
        near(1.997605193176645),
    )
    assert formulas.newsvendor_normal_cost(40, 0.18, 0.70, 50, 8) == near(7.356131552870388)
    assert formulas.newsvendor_normal(43, 79, 900, 60) == (near(922.7214038234755), near(2718.196781782411))


def test_newsvendor_with_a_lead_time():
    assert formulas.newsvendor_normal(0.18, 0.70, 50, 8, 4) == (
        near(264.76689437415484),
        near(4.466781004149577),
    )
    assert formulas.newsvendor_normal_cost(180, 0.18, 0.70, 50, 8, 4) == near(49.000164748034)


@pytest.mark.parametrize(("mean", "level", "cost"), [(6, 8, 3.5701069457709376), (20, 24, 6.438003702008734)])
def test_newsvendor_with_poisson_demand(mean, level, cost):
    assert formulas.newsvendor_poisson(1, 4, mean) == (level, near(cost))


def test_loss_functions():
    assert formulas.normal_loss(18, 15, 3) == (near(0.24994641176305887), near(3.249946411763059))
    assert formulas.poisson_loss(18, 15) == (near(0.5176095282584722), near(3.517609528258472))


REORDER = {
    "holding_cost": 0.225,
    "shortage_cost": 7.5,
    "lead_time_mean": 1300 / 12,
    "lead_time_sd": 150 / 12**0.5,
}


@pytest.mark.parametrize(
    ("point", "units", "cost"), [(126.8, 328.5, 78.07116250928294), (100, 250, 87.346478028175)]
)
def test_reorder_point_and_quantity_cost(point, units, cost):
    assert formulas.reorder_point_cost(point, units, order_cost=8, demand=1300, **REORDER) == near(cost)


def test_best_reorder_point_of_a_given_quantity():
    assert formulas.reorder_point_for(318, **REORDER) == near(127.7880348669655)


def test_reorder_point_of_a_fill_rate():
    assert formulas.reorder_point_for_fill_rate(0.98, 100, 100, 25) == pytest.approx(125.5310, abs=5e-5)


def test_safety_stock_with_and_without_a_random_lead_time():
    assert formulas.safety_stock(0.95, 100, 20, 9) == pytest.approx(98.6912, abs=5e-5)
    assert formulas.safety_stock(0.95, 100, 20, 9, 2) == pytest.approx(343.4555, abs=5e-5)


def test_wagner_whitin_orders_the_textbook_quantities():
    assert formulas.wagner_whitin(500, 2, [90, 120, 80, 70]) == ([210.0, 0.0, 150.0, 0.0], 1380)


@pytest.mark.parametrize(
    ("levels", "costs", "mean", "expected"),
    [
        ((4, 10), (1, 4, 5), 6, 8.034111561471642),
        ((6, 18), (1, 4, 5), 6, 10.193798671644046),
        ((2, 7), (40, 125, 150), 4, 223.5748295669688),
        ((4, 10), (40, 125, 150), 4, 262.2755613772775),
    ],
)
def test_exact_cost_of_an_order_up_to_policy_with_poisson_demand(levels, costs, mean, expected):
    holding, shortage, order = costs
    found = formulas.reorder_policy_cost(
        *levels, holding_cost=holding, shortage_cost=shortage, order_cost=order, mean=mean
    )
    assert found == near(expected)


@pytest.mark.parametrize(
    ("levels", "mean", "cost"), [((6, 40), 10, 35.022), ((10, 49), 15, 42.698), ((14, 62), 20, 49.173)]
)
def test_published_costs_of_federgruen_and_zheng(levels, mean, cost):
    found = formulas.reorder_policy_cost(*levels, holding_cost=1, shortage_cost=9, order_cost=64, mean=mean)
    assert found == pytest.approx(cost, abs=5e-4)


def test_a_lot_is_whole_packs_at_least_the_minimum_or_nothing():
    rng = np.random.default_rng(0)
    for raw, least, pack in zip(
        rng.uniform(-5, 60, 300), rng.integers(1, 40, 300), rng.integers(1, 13, 300), strict=True
    ):
        lot = formulas.order_lot(float(raw), int(least), int(pack))
        assert lot % pack == 0
        assert (lot == 0) == (raw <= 1e-9)
        if lot:
            assert lot >= max(raw - 1e-6, least)
            assert lot - pack < max(raw, least), "one pack less would not do"


def test_the_critical_ratio_is_where_one_more_unit_stops_paying():
    level = formulas.newsvendor_normal(0.2, 1.0, 50, 8)[0]
    assert stats.norm.cdf(level, 50, 8) == near(formulas.critical_ratio(0.2, 1.0))
