"""Stock risks: which SKUs may run out, which lie idle, and what that costs. Nothing is ordered here."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
import pandas as pd

from ml.replenishment.params import ReplenishmentParams


def risk_columns(rows: pd.DataFrame, params: ReplenishmentParams) -> dict[str, Any]:
    """Columns of ``stock_risks`` for the rows whose stock is known, if nothing is ordered."""
    rows = rows.loc[rows["is_stock_known"].to_numpy()]
    if rows.empty:
        return {}
    margin = rows["unit_price_amount"].astype(float) - rows["unit_cost_amount"].astype(float).fillna(0)
    lost_amount = (rows["expected_lost"] * margin.clip(lower=0)).map(money)
    excess = (rows["inventory_position_units"] - rows["reorder_point"]).clip(lower=0)
    on_hand = rows["on_hand_units"].clip(lower=0)
    expected = rows["units_mean"] > 0
    is_over = excess > (params.overstock_multiple - 1) * rows["reorder_point"].clip(lower=1)
    risk = np.select(
        [
            ((rows["demand_class"] == "dead") | ~expected) & (on_hand > 0),
            (on_hand <= 0) & expected,
            (rows["stock_out_ratio"] > 1 - rows["service_level"] + 1e-9) & expected,
            is_over,
        ],
        ["dead", "stock_out", "at_risk", "overstock"],
        default="healthy",
    )
    return {
        "sku": rows["sku"],
        "location_id": rows["location_id"],
        "on_hand_units": on_hand,
        "inventory_position_units": rows["inventory_position_units"],
        "days_of_cover": rows["days_of_cover"],
        "stock_out_ratio": rows["stock_out_ratio"],
        "expected_lost_units": rows["expected_lost"],
        "expected_lost_amount": lost_amount,
        "currency": rows["currency"],
        "excess_units": excess,
        "risk_class": risk,
    }


def money(value: Any) -> Decimal | None:
    """An amount in whole cents, halves up; ``None`` where it is unknown."""
    if value is None or pd.isna(value):
        return None
    return Decimal(str(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)
