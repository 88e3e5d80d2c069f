"""The served order priorities: gates, odds, places in the queue, classes, and reasons in words."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from ml.priority.reasons import reasons_of
from ml.priority.scoring import (
    DEFAULTS,
    PriorityParams,
    expected_gain,
    is_in_aged_lane,
    later_weights,
    queue_order,
    urgency,
    urgent_gain,
    value_weight,
)
from ml.priority.transits import LANE, MAX_DAYS, TransitTable
from ml.priority.working_days import Floor, floors_of
from ml.served import served_frame

MODEL_VERSION = "expected_gain-1"

NO_LOCATION = "unassigned"

# A shop that promised nothing is held to what its shipping method usually means.
ASSUMED_PROMISE_DAYS = {"express": 2, "standard": 5, "economy": 9, "pickup": 2}
ASSUMED_PROMISE_DAYS_UNKNOWN = 5


def prioritise_orders(
    open_orders: pd.DataFrame,
    transits: pd.DataFrame,
    dispatches: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    params: PriorityParams = DEFAULTS,
    time_zone: str = "UTC",
) -> pd.DataFrame:
    """Which open order to dispatch first on the working day after ``as_of``, and why. One row per open order.

    ``open_orders``, ``transits`` and ``dispatches`` are feat_orders_open, feat_transits and
    feat_dispatches_daily; rows from after ``as_of`` are ignored. Orders that cannot go (unpaid, payment
    failed, on hold: ``blocked``; an item missing: ``waiting_stock``) score 0 and have no place in the queue.
    The others score 100 for the first of their location down to just above 0 for the last.
    """
    orders = _known_orders(open_orders, as_of, time_zone)
    table = TransitTable().fit(transits, as_of)
    backlog = {
        str(k): int(n) for k, n in orders.loc[orders["gate"] == "open", "location_id"].value_counts().items()
    }
    floors = floors_of(dispatches, sorted(orders["location_id"].unique()), backlog, as_of)
    parts = [
        _queue(part.reset_index(drop=True), floors[str(location)], table, as_of, params)
        for location, part in orders.groupby("location_id", sort=True)
    ]
    scored = pd.concat(parts, ignore_index=True) if parts else orders
    return served_frame("order_priorities", scored, as_of=as_of, run_id=run_id, model_version=MODEL_VERSION)


def _known_orders(open_orders: pd.DataFrame, as_of: date, time_zone: str) -> pd.DataFrame:
    end = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    end = (
        end.tz_localize(time_zone, ambiguous=True, nonexistent="shift_forward")
        .tz_convert("UTC")
        .tz_localize(None)
    )
    orders = open_orders[open_orders["ordered_at"] < end].sort_values("order_id", ignore_index=True)
    local = (
        orders["ordered_at"]
        .dt.tz_localize("UTC")
        .dt.tz_convert(time_zone)
        .dt.tz_localize(None)
        .dt.normalize()
    )
    usual = orders["shipping_method"].map(ASSUMED_PROMISE_DAYS).fillna(ASSUMED_PROMISE_DAYS_UNKNOWN)
    assumed = local + pd.to_timedelta(usual.astype(int), unit="D")
    promised = pd.to_datetime(orders["promised_delivery_date"])
    return orders.assign(
        location_id=orders["location_id"].fillna(NO_LOCATION),
        gate=_gates(orders),
        promise=promised.fillna(assumed),
        is_promised=promised.notna(),
        waiting_days=(end - orders["ordered_at"]).dt.total_seconds() / 86_400,
    )


def _gates(orders: pd.DataFrame) -> pd.Series:
    """``open``, or why the order may not go: PAYMENT_FAILED, UNPAID, ON_HOLD or WAITING_STOCK."""
    status, payment = orders["order_status"], orders["payment_status"]
    # Where no order has a payment status the shop has no payments feed: nothing is known against any order.
    has_payments = bool(payment.notna().any() or orders["paid_at"].notna().any())
    paid = (
        status.isin(["paid", "packed"]) | orders["paid_at"].notna() | payment.isin(["captured", "authorised"])
    )
    gate = pd.Series("open", index=orders.index)
    gate[~orders["is_all_in_stock"].astype("boolean").fillna(True).astype(bool)] = "WAITING_STOCK"
    if has_payments:
        gate[~paid] = "UNPAID"
    gate[payment.isin(["failed", "refunded"])] = "PAYMENT_FAILED"
    if "is_on_hold" in orders:
        gate[orders["is_on_hold"].astype("boolean").fillna(False).astype(bool)] = "ON_HOLD"
    return gate


def _queue(
    orders: pd.DataFrame, floor: Floor, table: TransitTable, as_of: date, params: PriorityParams
) -> pd.DataFrame:
    """One location's orders with probabilities, place, class, score and reasons."""
    days = floor.next_days(as_of, params.look_ahead_days + 1)
    lanes = _table_rows(orders, days, table)

    def odds_with(extra: int) -> np.ndarray:
        return _odds(orders["promise"] + pd.Timedelta(days=extra), days, lanes, table)

    odds = odds_with(0)
    is_open = (orders["gate"] == "open").to_numpy()
    weights = later_weights(int(is_open.sum()), floor.capacity, params.look_ahead_days)
    open_value = orders["value_amount"].astype(float).where(is_open).to_numpy()
    orders = orders.assign(
        gain_ratio=expected_gain(odds, weights),
        urgent_gain=urgent_gain(odds_with, weights, params),
        on_time_now_ratio=odds[:, 0],
        on_time_next_ratio=odds[:, 1],
        on_time_after_ratio=odds[:, min(2, len(days) - 1)],
        value_weight=value_weight(open_value, params),
        median_value=float(np.nanmedian(open_value)) if np.isfinite(open_value).any() else np.nan,
        overdue_days=[(pd.Timestamp(days[0]) - promise).days for promise in orders["promise"]],
    )
    orders = _with_places(orders, np.flatnonzero(is_open), floor, params)
    orders["priority_class"] = _classes(orders, floor.capacity, params)
    n_open = max(int(is_open.sum()), 1)
    place = orders["rank_in_location"].astype("Float64")
    orders["score"] = (100.0 * (n_open - place + 1) / n_open).fillna(0.0).astype(float)
    return reasons_of(orders, days, table, params)


def _table_rows(orders: pd.DataFrame, days: list[date], table: TransitTable) -> list[np.ndarray]:
    """Rows of the transit table for dispatch on each of the days."""
    method = orders["shipping_method"].astype(object).where(orders["shipping_method"].notna(), None)
    country = orders["shipping_country"].astype(object).where(orders["shipping_country"].notna(), None)
    lanes = pd.DataFrame(
        {"shipping_method": method, "destination_country": country, "location_id": orders["location_id"]}
    )
    return [table.rows_of(lanes.assign(weekday=day.weekday())[LANE]) for day in days]


def _odds(promise: pd.Series, days: list[date], lanes: list[np.ndarray], table: TransitTable) -> np.ndarray:
    """P(on time) by order and day of dispatch."""
    columns = []
    for day, rows in zip(days, lanes, strict=True):
        slack = np.clip((promise - pd.Timestamp(day)).dt.days.to_numpy(), -1, MAX_DAYS)
        columns.append(table.on_time(rows, slack))
    return np.column_stack(columns)


def _with_places(orders: pd.DataFrame, at: np.ndarray, floor: Floor, params: PriorityParams) -> pd.DataFrame:
    ready = orders.iloc[at]
    urgent = urgency(
        ready["urgent_gain"].to_numpy(dtype=float),
        ready["value_weight"].to_numpy(dtype=float),
        is_perishable=ready["has_perishable"].astype("boolean").fillna(False).to_numpy(dtype=bool),
        was_late_before=ready["customer_n_late_orders"].fillna(0).to_numpy(dtype=float) > 0,
        params=params,
    )
    timing: dict[str, Any] = {
        "overdue_days": ready["overdue_days"].to_numpy(),
        "promise_day": ready["promise"].to_numpy().astype("datetime64[D]").astype(np.int64),
        "tie": np.arange(len(ready)),  # rows are in order of order_id
        "capacity": floor.capacity,
    }
    order = queue_order(urgent, **timing, params=params)
    place = np.empty(len(ready), dtype=np.int64)
    place[order] = np.arange(1, len(ready) + 1)
    places = pd.Series(place, index=ready.index, dtype="Int64").reindex(orders.index)
    aged = pd.Series(is_in_aged_lane(**timing, params=params), index=ready.index).reindex(
        orders.index, fill_value=False
    )
    return orders.assign(rank_in_location=places, is_aged=aged)


def _classes(orders: pd.DataFrame, capacity: float, params: PriorityParams) -> np.ndarray:
    """``high`` only as far as the next wave reaches; an overdue order is never ``low``."""
    in_wave = (orders["rank_in_location"] <= max(1.0, capacity)).fillna(False).to_numpy(dtype=bool)
    now, gain = orders["on_time_now_ratio"].to_numpy(), orders["gain_ratio"].to_numpy()
    pressing = (gain >= params.high_gain) & (now >= params.savable_ratio)
    high = in_wave & (pressing | orders["is_aged"].to_numpy(dtype=bool))
    two_days = np.maximum(
        now - orders["on_time_next_ratio"], orders["on_time_next_ratio"] - orders["on_time_after_ratio"]
    )
    low = (gain < params.low_gain) & (two_days < params.low_gain) & (orders["overdue_days"].to_numpy() < 1)
    gate = orders["gate"].to_numpy()
    return np.select(
        [gate == "WAITING_STOCK", gate != "open", high, low],
        ["waiting_stock", "blocked", "high", "low"],
        "normal",
    )
