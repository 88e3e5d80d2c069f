"""Proposed orders follow the rule, explain themselves, and stay the same when nothing changed."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from data_quality.contract import load_contract
from ml.forecasting.params import TOTAL_QUANTILES
from ml.replenishment import ReplenishmentParams, plan_replenishment, recomputed_units
from ml.replenishment.distribution import DemandDistribution

AS_OF = date(2026, 3, 1)
MEANS = {"mug": 2.0, "pan": 0.3, "cup": 10.0, "old": 0.0}


def totals_of(protection: dict[str, int]) -> pd.DataFrame:
    frames = []
    for sku, mean in MEANS.items():
        length = protection[sku]
        row = {
            "sku": sku, "location_id": "main", "window_periods": length, "is_protection_period": True,
            "units_mean": mean * length, "units_sd": np.sqrt(mean * length),
        }  # fmt: skip
        row |= {
            name: float(stats.poisson.ppf(q, mean * length)) if mean else 0.0
            for name, q in TOTAL_QUANTILES.items()
        }
        frames.append(row)
    return pd.DataFrame(frames).assign(as_of=AS_OF, run_id="r", model_version="m")


def forecasts_of() -> pd.DataFrame:
    rows = [
        {
            "sku": sku,
            "location_id": "main",
            "horizon": h,
            "units_mean": mean,
            "demand_class": "smooth" if mean else "dead",
        }
        for sku, mean in MEANS.items()
        for h in range(1, 61)
    ]
    return pd.DataFrame(rows)


def supply_of(**changes: object) -> pd.DataFrame:
    terms = pd.DataFrame(
        {
            "sku": list(MEANS), "location_id": "main", "supplier_id": "acme",
            "lead_time_days": 7.0, "review_period_days": 7, "moq_units": 12, "pack_size_units": 6,
            "unit_cost_amount": 3.0, "unit_price_amount": 8.0, "currency": "EUR",
            "holding_cost_amount": np.nan, "shortage_cost_amount": np.nan, "service_level_ratio": np.nan,
            "is_stock_known": True, "on_hand_units": 20.0, "on_order_units": 0.0, "in_transit_units": 0.0,
            "reserved_units": 0.0, "backordered_units": 0.0, "inventory_position_units": 20.0,
        }
    )  # fmt: skip
    for name, value in changes.items():
        terms[name] = value
    return terms


def receipts_due(day: date) -> pd.DataFrame:
    return pd.DataFrame(
        {"sku": list(MEANS), "location_id": "main", "expected_receipt_date": day, "units": 1000.0}
    )


NO_RECEIPTS = pd.DataFrame({"sku": [], "location_id": [], "expected_receipt_date": [], "units": []})
ITEMS = pd.DataFrame({"sku": list(MEANS), "revenue_amount": [80.0, 5.0, 14.0, 1.0]})


def plan(supply: pd.DataFrame | None = None, receipts: pd.DataFrame = NO_RECEIPTS, **params: float):
    supply = supply_of() if supply is None else supply
    days = (supply["lead_time_days"] + supply["review_period_days"]).astype(int)
    protection = dict(zip(supply["sku"], days, strict=True))
    return plan_replenishment(
        totals_of(protection), forecasts_of(), supply, receipts, ITEMS, as_of=AS_OF,
        params=ReplenishmentParams(**params), run_id="r",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "attribute"),
    [("inventory_policies", "policies"), ("replenishment_orders", "orders"), ("stock_risks", "risks")],
)
def test_tables_keep_their_contracts(table, attribute):
    contract, frame = load_contract(table, "served"), getattr(plan(), attribute)
    assert tuple(frame.columns) == contract.column_names
    assert len(frame) > 0
    assert not frame.duplicated(list(contract.key)).any()
    assert not frame[[column.name for column in contract.columns if column.required]].isna().any().any()


def test_every_order_is_recomputed_from_its_explanation_and_obeys_minimum_and_pack():
    orders = plan().orders
    assert set(orders["sku"]) == {"cup", "mug"}
    for order in orders.itertuples():
        assert recomputed_units(order.explanation) == order.units
        assert order.units % 6 == 0
        assert order.units >= max(order.raw_units, 12)
        assert float(order.value_amount) == order.units * 3.0


def test_the_order_is_the_projected_rule_worked_out_by_hand():
    order = plan().orders.set_index("sku").loc["mug"]
    quantile = stats.poisson.ppf(0.97, 28)
    projected = 20 - 7 * 2.0
    target = 7 * 2.0 + (
        DemandDistribution.of_totals(totals_of(dict.fromkeys(MEANS, 14))).quantile(np.full(4, 0.97))[0] - 28
    )
    assert order["projected_on_hand_units"] == pytest.approx(projected)
    assert order["raw_units"] == pytest.approx(target - projected)
    assert order["raw_units"] == pytest.approx(14 + quantile - 28 - projected, abs=1.0)


def test_the_same_day_proposes_the_same_orders_with_the_same_identifiers():
    pd.testing.assert_frame_equal(plan().orders, plan().orders)
    assert plan().orders["proposal_id"].str.fullmatch("[0-9a-f]{16}").all()


def test_nothing_is_ordered_when_stock_and_receipts_cover_the_protection_period():
    assert plan(supply_of(on_hand_units=1000.0, inventory_position_units=1000.0)).orders.empty
    due = receipts_due(AS_OF + timedelta(days=2))
    assert plan(receipts=due).orders.empty
    assert plan(supply_of(on_order_units=1000.0, inventory_position_units=1020.0)).orders.empty


def test_receipts_that_come_after_the_protection_period_do_not_help():
    late = receipts_due(AS_OF + timedelta(days=40))
    assert set(plan(supply_of(on_order_units=1000.0), receipts=late).orders["sku"]) == {"cup", "mug"}


def test_overdue_receipts_count_as_due_next():
    due = receipts_due(AS_OF - timedelta(days=3))
    assert plan(receipts=due).orders.empty


@pytest.mark.parametrize("values", [[0.5, 0.8, 0.95, 0.99]])
def test_a_higher_service_level_never_orders_less(values):
    raws = [
        plan(supply_of(service_level_ratio=v, moq_units=1, pack_size_units=1)).policies["reorder_point_units"]
        for v in values
    ]
    for low, high in pairwise(raws):
        assert (high >= low).all()
    assert raws[-1].sum() > raws[0].sum()


def test_a_longer_lead_time_never_lowers_the_reorder_point():
    points = [
        plan(supply_of(lead_time_days=float(d))).policies["reorder_point_units"] for d in (3, 7, 14, 28)
    ]
    for low, high in pairwise(points):
        assert (high >= low).all()


def test_the_target_comes_from_costs_then_terms_then_class():
    supply = supply_of()
    supply.loc[supply["sku"] == "mug", ["holding_cost_amount", "shortage_cost_amount"]] = [0.2, 1.0]
    supply.loc[supply["sku"].isin(["mug", "pan"]), "service_level_ratio"] = 0.93
    policies = plan(supply).policies.set_index("sku")
    assert policies.loc["mug", "service_level_ratio"] == pytest.approx(1 / 1.2)
    assert policies.loc["pan", "service_level_ratio"] == 0.93
    assert policies.loc["cup", "service_level_ratio"] == 0.95
    assert list(policies.loc[["mug", "pan", "cup"], "service_level_source"]) == [
        "critical ratio of stated costs", "supply terms", "default of ABC class",
    ]  # fmt: skip


def test_unknown_stock_gets_a_policy_but_no_order_and_no_risk():
    made = plan(supply_of(is_stock_known=False))
    assert len(made.policies) == 4
    assert made.orders.empty
    assert made.risks.empty
    assert "stock is unknown for 4 of 4" in made.notes[0]


def test_without_supply_terms_everything_is_empty_and_typed_and_the_note_says_why():
    made = plan_replenishment(
        totals_of(dict.fromkeys(MEANS, 14)),
        forecasts_of(),
        supply_of().iloc[:0],
        NO_RECEIPTS,
        ITEMS,
        as_of=AS_OF,
    )
    assert tuple(made.orders.columns) == load_contract("replenishment_orders", "served").column_names
    assert made.policies["units" if "units" in made.policies else "demand_mean_units"].dtype == float
    assert made.notes


def test_risks_are_told_apart():
    supply = supply_of(moq_units=1)
    supply["on_hand_units"] = supply["inventory_position_units"] = [0.0, 400.0, 60.0, 9.0]
    risks = plan(supply).risks.set_index("sku")
    assert risks["risk_class"].to_dict() == {
        "mug": "stock_out",
        "pan": "overstock",
        "cup": "at_risk",
        "old": "dead",
    }
    assert risks.loc["mug", "expected_lost_units"] == pytest.approx(28, rel=0.03)
    assert float(risks.loc["mug", "expected_lost_amount"]) == pytest.approx(28 * 5, rel=0.03)
    assert risks.loc["pan", "stock_out_ratio"] == 0


def test_latest_day_to_order_leaves_the_lead_time_before_the_stock_runs_out():
    order = (
        plan(supply_of(on_hand_units=21.0, inventory_position_units=21.0)).orders.set_index("sku").loc["mug"]
    )
    assert order["order_by_date"] == AS_OF + timedelta(days=10 - 7)
    assert order["expected_receipt_date"] == AS_OF + timedelta(days=7)


def test_probabilities_and_losses_of_a_distribution_agree_with_sampling():
    totals = totals_of(dict.fromkeys(MEANS, 14))
    demand = DemandDistribution.of_totals(totals)
    draws = np.array([demand.quantile(np.full(4, u)) for u in np.random.default_rng(0).random(20_000)])
    stock = np.array([26.0, 4.0, 150.0, 0.0])
    assert np.allclose(demand.stock_out_probability(stock), (draws > stock).mean(axis=0), atol=0.01)
    assert np.allclose(demand.expected_lost(stock), np.maximum(draws - stock, 0).mean(axis=0), atol=0.05)
