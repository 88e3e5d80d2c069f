"""Lines up what planning needs: one row per SKU and location with terms, stock, demand, and what is due when.

Only reading and aligning happens here; a missing lead time, pack or review period gets its stated default.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from ml.evaluation import abc_classes
from ml.replenishment.params import ReplenishmentParams

KEYS = ["sku", "location_id"]
STOCK_COLUMNS = (
    "on_hand_units", "on_order_units", "in_transit_units", "reserved_units", "backordered_units",
    "inventory_position_units",
)  # fmt: skip


@dataclass(frozen=True)
class PlanInputs:
    """Rows to plan, with forecast and receipts as arrays of row by period ahead, units."""

    rows: pd.DataFrame
    forecast: np.ndarray
    receipts: np.ndarray
    lead_periods: np.ndarray
    review_periods: np.ndarray
    period_days: int


def plan_inputs(
    totals: pd.DataFrame,
    forecasts: pd.DataFrame,
    supply: pd.DataFrame,
    receipts: pd.DataFrame,
    items: pd.DataFrame,
    as_of: date,
    period_days: int,
    params: ReplenishmentParams,
) -> PlanInputs | None:
    """Everything aligned, or ``None`` when no SKU has both supply terms and a forecast."""
    if supply.empty or totals.empty:
        return None
    protection = totals.loc[totals["is_protection_period"]]
    rows = supply.merge(protection.drop(columns=["as_of", "run_id", "model_version"]), on=KEYS, how="inner")
    if rows.empty:
        return None
    rows = rows.sort_values(KEYS, ignore_index=True)
    rows["lead_time_days"] = rows["lead_time_days"].astype(float).fillna(params.default_lead_time_days)
    lead = np.ceil(rows["lead_time_days"] / period_days - 1e-9).clip(lower=0).to_numpy(dtype=int)
    length = rows["window_periods"].to_numpy(dtype=int)
    lead = np.minimum(lead, length - 1)
    for name in STOCK_COLUMNS:
        rows[name] = rows[name].astype(float).fillna(0.0)
    rows["is_stock_known"] = rows["is_stock_known"].astype("boolean").fillna(False).astype(bool)
    rows["available"] = rows["on_hand_units"] - rows["reserved_units"] - rows["backordered_units"]
    rows = _with_item_facts(rows, forecasts, items)
    ahead = _forecast_array(rows, forecasts, int(length.max()))
    due = _receipt_array(rows, receipts, as_of, period_days, ahead.shape[1])
    undated = (rows["on_order_units"] + rows["in_transit_units"]).to_numpy() - _dated(rows, receipts)
    # units on order without a day are taken to arrive with an order placed now, never earlier
    due[np.arange(len(rows)), np.minimum(lead, ahead.shape[1] - 1)] += np.maximum(undated, 0)
    return PlanInputs(rows, ahead, due, lead, np.maximum(length - lead, 1), period_days)


def _with_item_facts(rows: pd.DataFrame, forecasts: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    classes = forecasts.groupby(KEYS)["demand_class"].first()
    rows["demand_class"] = pd.MultiIndex.from_frame(rows[KEYS]).map(classes.to_dict()).astype(object)
    revenue = {} if items.empty else items.groupby("sku")["revenue_amount"].max().to_dict()
    value = pd.Series({sku: float(revenue.get(sku) or 0.0) for sku in sorted(set(rows["sku"]))}).fillna(0.0)
    if value.sum() <= 0:
        value = rows.groupby("sku")["units_mean"].sum()
    abc = dict(zip(value.index, abc_classes(value.to_numpy(dtype=float)), strict=True))
    rows["abc_class"] = rows["sku"].map(abc)
    return rows


def _forecast_array(rows: pd.DataFrame, forecasts: pd.DataFrame, length: int) -> np.ndarray:
    number = {key: i for i, key in enumerate(zip(rows["sku"], rows["location_id"], strict=True))}
    ahead = np.zeros((len(rows), length))
    near = forecasts.loc[forecasts["horizon"] <= length]
    row = np.array(
        [number.get(key, -1) for key in zip(near["sku"], near["location_id"], strict=True)], dtype=int
    )
    known = row >= 0
    ahead[row[known], near["horizon"].to_numpy(dtype=int)[known] - 1] = near["units_mean"].to_numpy()[known]
    return ahead


def _receipt_array(
    rows: pd.DataFrame, receipts: pd.DataFrame, as_of: date, period_days: int, length: int
) -> np.ndarray:
    """Units due by period; what is overdue counts as due in the first period, what comes later is left
    out."""
    due = np.zeros((len(rows), length))
    number = {key: i for i, key in enumerate(zip(rows["sku"], rows["location_id"], strict=True))}
    days = (pd.to_datetime(receipts["expected_receipt_date"]) - pd.Timestamp(as_of)).dt.days
    periods = np.maximum(np.ceil(days.to_numpy(dtype=float) / period_days), 1).astype(int) - 1
    keys = zip(receipts["sku"], receipts["location_id"], strict=True)
    for key, period, units in zip(keys, periods, receipts["units"].to_numpy(dtype=float), strict=True):
        row = number.get(key)
        if row is not None and period < length:
            due[row, period] += units
    return due


def _dated(rows: pd.DataFrame, receipts: pd.DataFrame) -> np.ndarray:
    if receipts.empty:
        return np.zeros(len(rows))
    sums = receipts.groupby(KEYS)["units"].sum().to_dict()
    return np.array([float(sums.get(key, 0.0)) for key in zip(rows["sku"], rows["location_id"], strict=True)])
