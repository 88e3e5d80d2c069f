"""Three reasons for an order's place, with the numbers they rest on.

A test recomputes the numbers from the tables.
"""

from __future__ import annotations

from datetime import date
from typing import Any, cast

import numpy as np
import pandas as pd

from ml.priority.scoring import PriorityParams
from ml.priority.transits import TransitTable

N_REASONS = 3

GATE_TEXTS = {
    "PAYMENT_FAILED": "The payment failed or was refunded.",
    "UNPAID": "No payment has arrived yet.",
    "ON_HOLD": "The order is held for review.",
    "WAITING_STOCK": "Not every item is in stock.",
}

Reason = tuple[float, str, str]


def reasons_of(
    orders: pd.DataFrame, days: list[date], table: TransitTable, params: PriorityParams
) -> pd.DataFrame:
    """The orders with reason_1_code, reason_1_text ... reason_3_text, strongest first."""
    columns: dict[str, list[str | None]] = {
        f"reason_{n}_{part}": [] for n in range(1, N_REASONS + 1) for part in ("code", "text")
    }
    for order in orders.to_dict("records"):
        found = sorted(_reasons(order, days, table, params), key=lambda r: (-r[0], r[1]))[:N_REASONS]
        for n in range(1, N_REASONS + 1):
            _, code, text = found[n - 1] if n <= len(found) else (0.0, None, None)
            columns[f"reason_{n}_code"].append(code)
            columns[f"reason_{n}_text"].append(text)
    return orders.assign(**cast("dict[str, Any]", columns))


def _reasons(
    order: dict[Any, Any], days: list[date], table: TransitTable, params: PriorityParams
) -> list[Reason]:
    if order["gate"] != "open":
        return [(9.0, order["gate"], GATE_TEXTS[order["gate"]]), *_age(order)]
    found = [_timing(order, days, params), *_age(order), *_lane(order, table, params), *_value(order)]
    if order["has_perishable"] is True or order["has_perishable"] == 1:
        found.append((0.6, "PERISHABLE", "Contains goods that spoil."))
    late = _number(order["customer_n_late_orders"])
    if late > 0:
        total = max(_number(order["customer_n_orders"]), late)
        found.append(
            (0.3, "CUSTOMER_LATE_BEFORE", f"{late:.0f} of the customer's {total:.0f} orders came late.")
        )
    return found


def _timing(order: dict[Any, Any], days: list[date], params: PriorityParams) -> Reason:
    now, later, gain = order["on_time_now_ratio"], order["on_time_next_ratio"], order["gain_ratio"]
    promise = "Promised" if order["is_promised"] else "Expected, though nothing was promised,"
    start = f"{promise} for {order['promise']:%Y-%m-%d}:"
    if now < params.savable_ratio:
        return 0.9, "LATE_ANYWAY", f"{start} {_percent(now)} on time even if sent on {days[0]}."
    odds = f"{start} {_percent(now)} on time if sent on {days[0]}, {_percent(later)} if sent on {days[1]}."
    if gain < params.low_gain:
        return 0.8, "CAN_WAIT", odds
    return 1.0 + gain, "DEADLINE", odds


def _age(order: dict[Any, Any]) -> list[Reason]:
    overdue = int(order["overdue_days"])
    if overdue <= 0:
        return []
    code = "WAITED_TOO_LONG" if order["is_aged"] else "OVERDUE"
    due = "promise" if order["is_promised"] else "usual time (nothing was promised)"
    strength = 3.0 if order["is_aged"] else 0.7
    return [(strength, code, f"{_days(overdue)} past the {due} at the next dispatch.")]


def _lane(order: dict[Any, Any], table: TransitTable, params: PriorityParams) -> list[Reason]:
    lane = (order["shipping_method"], order["shipping_country"])
    n_parcels = table.n_parcels(lane)
    if n_parcels < params.min_lane_parcels:
        return []
    cdf = table.cdf_[table.rows_[lane]]
    within = int(np.searchsorted(cdf, 0.9))
    text = (
        f"{lane[0]} to {lane[1]}: 9 in 10 parcels arrive within {_days(within)} ({n_parcels} parcels seen)."
    )
    return [(0.2, "LANE", text)]


def _value(order: dict[Any, Any]) -> list[Reason]:
    value, median = _number(order["value_amount"]), _number(order["median_value"])
    if value <= 0 or median <= 0 or 0.5 < value / median < 1.5:
        return []
    code, strength = ("HIGH_VALUE", 0.5) if value > median else ("LOW_VALUE", 0.25)
    currency = f" {order['currency']}" if isinstance(order["currency"], str) else ""
    return [
        (strength, code, f"Worth {value:.2f}{currency}, {value / median:.1f} times the median open order.")
    ]


def _number(value: Any) -> float:
    return 0.0 if pd.isna(value) else float(value)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _days(n: int) -> str:
    return "1 day" if n == 1 else f"{n} days"
