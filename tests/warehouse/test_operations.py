"""The operations marts on the handmade shop: every figure follows by hand from ``handmade_shop.yaml``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

HOUR = 3600


def test_each_order_is_where_its_payments_and_parcels_say(handmade_build: Any) -> None:
    orders = handmade_build.rows(
        "select order_id, stage, process_state, in_stage_seconds, paid_to_shipped_seconds, "
        "shipped_to_delivered_seconds from marts.fct_order_processes order by 1"
    )
    minute = 60
    assert orders == [
        # paid at 09:01 on the 1st, left at 09:00 on the 2nd, came at 09:00 on the 5th, due on the 4th
        ("o1", "delivered", "late", None, 24 * HOUR - minute, 72 * HOUR),
        # left at 09:00 on the 4th, on its way until 23:00 UTC on the 10th; no payment told, nothing promised
        ("o2", "in_transit", "on_time", 6 * 24 * HOUR + 14 * HOUR, None, None),
        ("o3", "cancelled", "cancelled", None, None, None),
        # paid at 09:05 on the 8th, promised to arrive on the 9th
        ("o4", "awaiting_dispatch", "late", 2 * 24 * HOUR + 13 * HOUR + 55 * minute, None, None),
        # packed, so paid for somehow: it waits since it was placed
        ("o5", "awaiting_dispatch", "on_time", 24 * HOUR + 14 * HOUR, None, None),
    ]


def test_days_of_the_process_monitor_resum_to_its_orders(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select sum(n_orders), sum(n_late), sum(n_on_time), sum(n_cancelled), sum(n_stuck + n_at_risk) "
        "from marts.agg_processes_daily"
    ) == [(5, 2, 2, 1, 0)]


def test_a_supplier_is_scored_by_what_it_delivered(handmade_build: Any) -> None:
    suppliers = handmade_build.rows(
        "select supplier_id, n_receipts, is_sample_small, agreed_lead_time_days_mean, lead_time_days_mean, "
        "lead_time_days_p90, on_time_in_full_ratio, in_full_ratio, fill_ratio, n_due_lines, overdue_units "
        "from marts.agg_supplier_scores"
    )
    # two receipts after 10 and 12 days, no day promised; the one promised for 8 March owes 20 of 25 units
    assert suppliers == [("s1", 2, True, 9.0, 11.0, pytest.approx(11.8), 0.0, 1.0, 1.0, 1, 20)]


def test_the_first_price_of_a_mug_stands_with_its_margin(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select sku, change_kind, price_amount, cost_amount, margin_ratio, alert from marts.fct_price_changes"
    ) == [("mug", "first", Decimal("5.00"), Decimal("2.00"), 0.6, None)]


def test_the_audit_explains_every_row_that_the_lake_has_and_the_warehouse_lacks(handmade_build: Any) -> None:
    orders = handmade_build.rows(
        "select day(audit_date), n_source_rows, n_replaced_rows, n_not_yet_rows, n_warehouse_rows, "
        "warehouse_amount, status from marts.agg_sync_daily where feed = 'orders' order by 1"
    )
    assert orders == [
        (1, 1, 0, 0, 1, Decimal("22.00"), "equal"),
        # two orders of two versions each: one placed half past midnight in Berlin, one cancelled later
        (3, 4, 2, 0, 2, Decimal("400015.00"), "explained"),
        (8, 1, 0, 0, 1, Decimal("170.00"), "equal"),
        (9, 1, 0, 0, 1, Decimal("6.00"), "equal"),
        (11, 1, 0, 1, 0, Decimal("0.00"), "explained"),
    ]
    assert handmade_build.rows(
        "select feed, sum(n_source_rows), sum(n_replaced_rows), sum(n_not_yet_rows), sum(n_warehouse_rows), "
        "sum(n_set_aside_rows) from marts.agg_sync_daily where feed <> 'orders' group by feed order by feed"
    ) == [
        ("order_lines", 8, 0, 1, 7, 1),
        ("payments", 3, 0, 0, 3, 1),
        ("refunds", 4, 0, 1, 3, 1),
        ("shipments", 3, 1, 0, 2, 0),
        ("stock_levels", 5, 1, 1, 3, 0),
    ]
