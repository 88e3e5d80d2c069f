"""Planted stuck orders are found by what is usual, or by fixed limits, and two marts name the same ones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

NO_MONEY = {"gross_amount": 0, "shipping_amount": 0, "total_amount": 0}


def rows(warehouse: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(query).fetchall()


def lived(
    order_id: str, method: str, paid_at: datetime, *, is_shipped: bool
) -> dict[str, list[dict[str, object]]]:
    """The feeds' rows of an order that was paid when it was placed and, if shipped, left ten hours later."""
    moments = {"placed": paid_at, "paid": paid_at} | (
        {"shipped": paid_at + timedelta(hours=10)} if is_shipped else {}
    )
    told = {"updated_at": max(moments.values()), "order_status": list(moments)[-1], "shipping_method": method}
    parcel = {"shipment_id": order_id, "order_id": order_id, "updated_at": told["updated_at"]}
    return {
        "orders": [{"order_id": order_id, "ordered_at": paid_at, "currency": "EUR", **NO_MONEY, **told}],
        "order_status_events": [
            {"order_id": order_id, "order_status": state, "status_at": at} for state, at in moments.items()
        ],
        "shipments": [parcel | {"dispatched_at": moments["shipped"]}] if is_shipped else [],
    }


def test_planted_stuck_orders_are_found_by_what_is_usual_and_both_marts_name_the_same(
    growing_shop: Any,
) -> None:
    now = datetime(2026, 3, 31, 22, tzinfo=UTC)  # the end of the day in Berlin
    second, feeds = timedelta(seconds=1), ("orders", "order_status_events", "shipments")
    past = [
        # forty teach that express leaves within ten hours; twenty-nine of economy teach nothing
        *(lived(f"e{n}", "express", now - timedelta(days=20 + n), is_shipped=True) for n in range(40)),
        *(lived(f"t{n}", "economy", now - timedelta(days=20 + n), is_shipped=True) for n in range(29)),
    ]
    planted = {
        "a day": ("express", timedelta(hours=24)),
        "a day and a second": ("express", timedelta(hours=24) + second),
        "five days": ("economy", timedelta(hours=120)),
        "five days and a second": ("economy", timedelta(hours=120) + second),
    }
    waiting = [
        lived(name, method, now - since, is_shipped=False) for name, (method, since) in planted.items()
    ]
    growing_shop.load(**{feed: [row for one in [*past, *waiting] for row in one[feed]] for feed in feeds})
    warehouse = growing_shop.build(date(2026, 3, 31), "fct_order_processes")

    stuck = [("a day and a second", 24.0), ("five days and a second", 120.0)]
    assert (
        rows(
            warehouse,
            "select order_id, stuck_after_hours from marts.fct_order_states where is_stuck order by order_id",
        )
        == stuck
    )
    assert rows(
        warehouse,
        "select order_id from marts.fct_order_processes where process_state = 'stuck' order by order_id",
    ) == [(name,) for name, _ in stuck]
    # no order of this shop was ever delivered: nothing is stuck on its way, however long ago it left
    assert rows(
        warehouse,
        "select distinct stuck_after_hours from marts.fct_order_states where order_status = 'shipped'",
    ) == [(None,)]
