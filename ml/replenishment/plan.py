"""From forecasts, supply terms and stock to tables: policies, proposed orders that explain themselves, and
risks."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ml.replenishment.distribution import DemandDistribution
from ml.replenishment.formulas import critical_ratio, order_lot
from ml.replenishment.inputs import PlanInputs, plan_inputs
from ml.replenishment.params import MODEL_VERSION, ReplenishmentParams
from ml.replenishment.policy import Need, needs, xyz_classes
from ml.replenishment.risks import money, risk_columns
from ml.served import served_frame

POLICY_NAME = "periodic_review_projected_stock"


@dataclass(frozen=True)
class ReplenishmentPlan:
    """Frames of ``inventory_policies``, ``replenishment_orders`` and ``stock_risks``, and notes on what was
    left out."""

    policies: pd.DataFrame
    orders: pd.DataFrame
    risks: pd.DataFrame
    notes: tuple[str, ...] = ()


def plan_replenishment(
    totals: pd.DataFrame,
    forecasts: pd.DataFrame,
    supply: pd.DataFrame,
    receipts: pd.DataFrame,
    items: pd.DataFrame,
    *,
    as_of: date,
    period_days: int = 1,
    params: ReplenishmentParams | None = None,
    run_id: str = "",
) -> ReplenishmentPlan:
    """When and how much to order of every SKU and location with supply terms, why, and what is at risk.

    Inputs are ``demand_forecast_totals``, ``demand_forecasts`` and the feature tables of the same names. The
    same inputs give the same proposals with the same identifiers. SKUs whose stock is unknown get a policy
    but no order.
    """
    params = params or ReplenishmentParams()
    inputs = plan_inputs(totals, forecasts, supply, receipts, items, as_of, period_days, params)
    if inputs is None:
        return ReplenishmentPlan(
            _served("inventory_policies", {}, as_of, run_id),
            _served("replenishment_orders", {}, as_of, run_id),
            _served("stock_risks", {}, as_of, run_id),
            ("no SKU has both supply terms and a forecast, so nothing is proposed",),
        )
    rows = _with_levels(inputs, params)
    need = needs(
        rows["available"].to_numpy(), inputs.receipts, inputs.forecast,
        inputs.lead_periods, inputs.review_periods,
        rows["units_mean"].to_numpy(), rows["reorder_point"].to_numpy(), params.safety_share,
    )  # fmt: skip
    known = rows["is_stock_known"].to_numpy()
    notes = (
        ()
        if known.all()
        else (f"stock is unknown for {int((~known).sum())} of {len(rows)} SKUs and locations",)
    )
    return ReplenishmentPlan(
        policies=_served("inventory_policies", _policy_columns(rows, inputs), as_of, run_id),
        orders=_served(
            "replenishment_orders", _order_columns(rows, inputs, need, as_of, params), as_of, run_id
        ),
        risks=_served("stock_risks", risk_columns(rows, params), as_of, run_id),
        notes=notes,
    )


def proposal_id(sku: str, location_id: str, order_date: date) -> str:
    """Identifier of a proposal: the same SKU, location and order date always give the same one.

    >>> proposal_id("mug", "main", date(2026, 3, 1)) == proposal_id("mug", "main", date(2026, 3, 1))
    True
    """
    return hashlib.sha256(f"{sku}|{location_id}|{order_date.isoformat()}".encode()).hexdigest()[:16]


def recomputed_units(explanation: str) -> int:
    """The order that the numbers of an explanation lead to; must equal the units proposed."""
    told = json.loads(explanation)
    stock = told["available_units"]
    for due, demand in zip(told["receipts_before_arrival"], told["forecast_before_arrival"], strict=True):
        stock = max(stock + due - demand, 0.0)
    safety = told["safety_share"] * (told["protection_demand_quantile"] - told["protection_demand_mean"])
    target = max(told["review_demand_units"] + safety, 0.0)
    raw = max(target - stock - told["receipts_in_review_units"], 0.0)
    if raw < told["least_need_units"]:
        return 0
    return order_lot(raw, told["moq_units"], told["pack_size_units"])


def _with_levels(inputs: PlanInputs, params: ReplenishmentParams) -> pd.DataFrame:
    """Service level with its source, reorder point and classes of every row."""
    rows = inputs.rows.copy()
    level = rows["abc_class"].map(params.service_level_of).astype(float)
    source = pd.Series("default of ABC class", index=rows.index)
    has_target = rows["service_level_ratio"].notna()
    level, source = (
        level.mask(has_target, rows["service_level_ratio"]),
        source.mask(has_target, "supply terms"),
    )
    holding, shortage = rows["holding_cost_amount"].astype(float), rows["shortage_cost_amount"].astype(float)
    has_costs = (holding > 0) & (shortage > 0)
    ratio = critical_ratio(holding.where(has_costs, 1.0), shortage.where(has_costs, 1.0))  # type: ignore[arg-type]
    level, source = level.mask(has_costs, ratio), source.mask(has_costs, "critical ratio of stated costs")
    demand = DemandDistribution.of_totals(rows)
    rows["service_level"], rows["service_level_source"] = level.clip(0, 1), source
    rows["reorder_point"] = demand.quantile(rows["service_level"].to_numpy())
    rows["xyz_class"] = xyz_classes(
        rows["units_mean"].to_numpy(), rows["units_sd"].to_numpy(), params.xyz_cuts
    )
    daily = rows["units_mean"] / (rows["window_periods"] * inputs.period_days)
    cover = rows["on_hand_units"].clip(lower=0) / daily.where(daily > 0)
    rows["days_of_cover"] = cover.where(rows["is_stock_known"])
    before = np.array([inputs.forecast[i, :lead].sum() for i, lead in enumerate(inputs.lead_periods)])
    share = np.sqrt(np.minimum(inputs.lead_periods / rows["window_periods"].to_numpy(dtype=float), 1))
    due = np.array([inputs.receipts[i, :lead].sum() for i, lead in enumerate(inputs.lead_periods)])
    early = demand.around(rows["units_mean"].to_numpy(), before, share)
    rows["stock_out_before_receipt"] = early.stock_out_probability(rows["available"].to_numpy() + due)
    due_in_window = np.array([inputs.receipts[i, :n].sum() for i, n in enumerate(rows["window_periods"])])
    stock = rows["available"].to_numpy() + due_in_window
    rows["stock_out_ratio"] = demand.stock_out_probability(stock)
    rows["expected_lost"] = demand.expected_lost(stock)
    return rows


def _policy_columns(rows: pd.DataFrame, inputs: PlanInputs) -> dict[str, Any]:
    return {
        "sku": rows["sku"],
        "location_id": rows["location_id"],
        "abc_class": rows["abc_class"],
        "xyz_class": rows["xyz_class"],
        "policy": POLICY_NAME,
        "protection_periods": rows["window_periods"],
        "service_level_ratio": rows["service_level"],
        "service_level_source": rows["service_level_source"],
        "demand_mean_units": rows["units_mean"],
        "demand_sd_units": rows["units_sd"],
        "safety_stock_units": rows["reorder_point"] - rows["units_mean"],
        "reorder_point_units": rows["reorder_point"],
        "order_up_to_units": rows["reorder_point"],
        "days_of_cover": rows["days_of_cover"],
    }


def _order_columns(
    rows: pd.DataFrame, inputs: PlanInputs, need: Need, as_of: date, params: ReplenishmentParams
) -> dict[str, Any]:
    wanted = rows["is_stock_known"].to_numpy() & (need.raw_units >= params.least_need_units)
    positions = [int(i) for i in np.flatnonzero(wanted)]
    records = [_order(rows.iloc[i], i, inputs, need, as_of, params) for i in positions]
    return {name: [record[name] for record in records] for name in records[0]} if records else {}


def _order(
    row: pd.Series, i: int, inputs: PlanInputs, need: Need, as_of: date, params: ReplenishmentParams
) -> dict[str, Any]:
    explanation = _explanation(row, i, inputs, need, params)
    units = recomputed_units(explanation)
    lead_days = int(np.ceil(row["lead_time_days"]))
    empty = need.first_empty_period[i]
    spare = (empty - 1) * inputs.period_days - lead_days if np.isfinite(empty) else 0
    cost = money(row["unit_cost_amount"])
    return {
        "proposal_id": proposal_id(row["sku"], row["location_id"], as_of),
        "sku": row["sku"],
        "location_id": row["location_id"],
        "supplier_id": row["supplier_id"],
        "order_date": as_of,
        "order_by_date": as_of + timedelta(days=max(int(spare), 0)),
        "expected_receipt_date": as_of + timedelta(days=max(lead_days, 1)),
        "units": units,
        "unit_cost_amount": cost,
        "value_amount": None if cost is None else cost * units,
        "currency": row["currency"],
        "inventory_position_units": row["inventory_position_units"],
        "projected_on_hand_units": need.projected_units[i],
        "raw_units": need.raw_units[i],
        "moq_units": row["moq_units"],
        "pack_size_units": row["pack_size_units"],
        "stock_out_before_receipt_ratio": row["stock_out_before_receipt"],
        "explanation": explanation,
        "status": "proposed",
    }


def _explanation(row: pd.Series, i: int, inputs: PlanInputs, need: Need, params: ReplenishmentParams) -> str:
    lead, review = int(inputs.lead_periods[i]), int(inputs.review_periods[i])
    told = {
        "rule": "order = demand of the review period after arrival + safety - projected stock",
        "period_days": inputs.period_days,
        "lead_periods": lead,
        "review_periods": review,
        "available_units": float(row["available"]),
        "receipts_before_arrival": [float(v) for v in inputs.receipts[i, :lead]],
        "forecast_before_arrival": [float(v) for v in inputs.forecast[i, :lead]],
        "receipts_in_review_units": float(inputs.receipts[i, lead : lead + review].sum()),
        "review_demand_units": float(need.review_demand_units[i]),
        "protection_demand_mean": float(row["units_mean"]),
        "protection_demand_quantile": float(row["reorder_point"]),
        "service_level_ratio": float(row["service_level"]),
        "service_level_source": row["service_level_source"],
        "safety_share": params.safety_share,
        "least_need_units": params.least_need_units,
        "moq_units": 1 if pd.isna(row["moq_units"]) else int(row["moq_units"]),
        "pack_size_units": 1 if pd.isna(row["pack_size_units"]) else int(row["pack_size_units"]),
    }
    return json.dumps(told, sort_keys=True)


def _served(name: str, columns: dict[str, Any], as_of: date, run_id: str) -> pd.DataFrame:
    return served_frame(name, pd.DataFrame(columns), as_of=as_of, run_id=run_id, model_version=MODEL_VERSION)
