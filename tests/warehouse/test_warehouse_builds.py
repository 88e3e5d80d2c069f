"""The whole dbt project on a shop without any feed, and on one whose every figure was computed by hand."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from data_quality.contract import all_contracts
from orchestration.defs.serving.publication import MARTS


def not_passed(statuses: dict[str, str]) -> dict[str, str]:
    return {name: status for name, status in statuses.items() if status not in ("success", "pass")}


def test_everything_builds_and_every_test_passes_without_any_feed(empty_build: Any) -> None:
    assert not_passed(empty_build.statuses) == {}
    assert len(empty_build.statuses) > 150


def test_a_shop_without_feeds_has_every_table_and_no_rows(empty_build: Any) -> None:
    tables = empty_build.rows(
        "select table_schema || '.' || table_name from information_schema.tables "
        "where table_schema in ('marts', 'features', 'serving')"
    )
    assert len(tables) == len(MARTS) + 11 + len(all_contracts("served"))
    counts = {name: empty_build.rows(f"select count(*) from {name}")[0][0] for (name,) in tables}
    # the metric dictionary is the same for every shop
    assert {name for name, rows in counts.items() if rows} == {"marts.metrics"}


def test_everything_builds_and_every_test_passes_on_the_handmade_shop(handmade_build: Any) -> None:
    assert not_passed(handmade_build.statuses) == {}


def test_a_mistyped_quantity_cancelled_the_same_day_leaves_no_demand(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select units, cancelled_units, demand_units, shop_net_amount from marts.fct_order_lines "
        "where order_id = 'o2'"
    ) == [(80000, 80000, 0, Decimal("0.00"))]


def test_demand_series_are_dense_net_of_cancellations_and_keep_returns(handmade_build: Any) -> None:
    daily = handmade_build.rows(
        "select sku, location_id, day(demand_date), units_sold from features.feat_skus_daily order by all"
    )
    sold = {("mug", "north", 1): 2, ("jug", "north", 1): 1, ("jug", "north", 8): 2, ("mug", "main", 9): 1}
    # launched on 1 March and kept in the north, the mug's series starts there at once; elsewhere with a sale
    first_days = (("jug", "north", 1), ("mug", "main", 9), ("mug", "north", 1))
    days = [(sku, location, day) for sku, location, first in first_days for day in range(first, 11)]
    assert daily == [(*day, sold.get(day, 0)) for day in days]


def test_stock_outs_promotions_prices_and_trading_days_mark_the_series(handmade_build: Any) -> None:
    days = handmade_build.rows(
        "select day(demand_date), price_amount, list_price_amount, discount_ratio, is_on_promotion, "
        "is_stocked_out, is_trading_day from features.feat_skus_daily "
        "where sku = 'mug' and location_id = 'north' order by 1"
    )
    # paid 10 less 1 discount for two on the first day; 5 orders later the price of the last sale still stands
    assert {row[1] for row in days} == {4.5}
    assert {row[2] for row in days} == {6.0}
    assert [row[0] for row in days if row[4]] == [9, 10]
    assert {row[3] for row in days if row[4]} == {0.2}
    assert [row[0] for row in days if row[5]] == [2]
    # orders on 1, 3, 8 (a closure that traded) and 9 March; on Tuesday the 10th chance may have brought none
    assert [row[0] for row in days if row[6]] == [1, 3, 8, 9, 10]


def test_money_is_converted_at_the_days_rate_and_stays_empty_without_one(handmade_build: Any) -> None:
    orders = handmade_build.rows(
        "select order_id, net_amount, shop_net_amount, exchange_rate, is_rate_missing "
        "from marts.fct_orders order by 1"
    )
    assert orders == [
        ("o1", Decimal("9.00"), Decimal("9.00"), Decimal(1), False),
        ("o2", Decimal("0.00"), Decimal("0.00"), Decimal(1), False),
        ("o3", Decimal("15.00"), Decimal("15.00"), Decimal(1), False),
        ("o4", Decimal("160.00"), Decimal("20.00"), Decimal("0.125"), False),
        ("o5", Decimal("6.00"), None, None, True),
    ]


def test_daily_sales_keep_cancelled_orders_apart(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select n_orders, n_cancelled_orders, net_amount, cancelled_amount from marts.agg_sales_daily "
        "where ordered_date = date '2026-03-03'"
    ) == [(2, 1, Decimal("0.00"), Decimal("15.00"))]


def test_the_inventory_position_counts_no_unit_twice(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select supplier_id, lead_time_days, lead_time_days_mean, round(lead_time_days_sd, 4), n_receipts, "
        "is_stock_known, on_hand_units, on_order_units, in_transit_units, reserved_units, backordered_units, "
        "inventory_position_units from features.feat_skus_supply where sku = 'mug' and location_id = 'north'"
    ) == [("s1", 9.0, 11.0, 1.4142, 2, True, 10.0, 14.0, 6.0, 4.0, 1.0, 25.0)]


def test_an_overdue_receipt_is_expected_tomorrow(handmade_build: Any) -> None:
    assert handmade_build.rows("select * from features.feat_receipts_expected") == [
        ("mug", "north", date(2026, 3, 11), 20.0)
    ]


def test_open_orders_carry_what_their_priority_depends_on(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select order_id, location_id, paid_at, payment_status, value_amount, n_units, is_all_in_stock, "
        "has_perishable, customer_n_orders, customer_n_late_orders from features.feat_orders_open order by 1"
    ) == [
        ("o4", "north", datetime(2026, 3, 8, 9, 5), "captured", 21.25, 2, True, True, 0, 0),
        ("o5", "main", None, None, None, 1, True, False, 1, 1),
    ]


def test_delivered_parcels_give_transit_days_and_lateness(handmade_build: Any) -> None:
    assert handmade_build.rows("select * from features.feat_transits") == [
        ("s1", "north", None, "DE", None, date(2026, 3, 2), 3)
    ]
    assert handmade_build.rows("select shipment_id, is_late from marts.fct_shipments order by 1") == [
        ("s1", True),
        ("s2", False),
    ]


def test_purchases_are_product_lines_net_of_cancellations_with_guests(handmade_build: Any) -> None:
    assert handmade_build.rows("select order_id, sku, units from features.feat_purchases order by all") == [
        ("o1", "jug", 1.0),
        ("o1", "mug", 2.0),
        ("o4", "jug", 2.0),
        ("o5", "mug", 1.0),
    ]


def test_only_promotions_announced_by_as_of_are_planned(handmade_build: Any) -> None:
    planned = handmade_build.rows(
        "select sku, demand_date, discount_ratio from features.feat_skus_planned order by 2"
    )
    assert planned == [("mug", date(2026, 3, 11), 0.2), ("mug", date(2026, 3, 12), 0.2)]


def test_events_of_several_countries_become_one_calendar_day_and_only_the_shops_own_country_closes_it(
    handmade_build: Any,
) -> None:
    assert handmade_build.rows("select * from features.feat_calendar_days order by 1") == [
        (date(2026, 3, 8), "Stocktaking", False, False, True),
        (date(2026, 3, 9), "Spring Festival", False, False, False),
        (date(2026, 4, 5), "Easter | Pâques", True, False, False),
    ]


def test_skus_say_whether_they_are_on_sale_and_in_stock(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select sku, title, price_amount, revenue_amount, is_active, is_in_stock "
        "from features.feat_skus order by 1"
    ) == [
        # one jug at 10 and two at 80 yuan; the latest paid price is 80 * 0.125
        ("jug", "Jug", 10.0, 30.0, True, True),
        # the dollar sale has no rate and brings no revenue
        ("mug", "Mug", 5.0, 9.0, True, True),
        ("pan", "Pan", None, 0.0, False, True),
    ]


def test_sessions_belong_to_the_business_day_and_keep_actions_on_skus_only(handmade_build: Any) -> None:
    assert handmade_build.rows("select session_date, has_cart, has_purchase from marts.fct_sessions") == [
        (date(2026, 3, 10), True, False)
    ]
    assert handmade_build.rows("select position, event_type from features.feat_session_items order by 1") == [
        (1, "view"),
        (3, "add_to_cart"),
    ]


def test_a_row_of_the_models_reaches_its_served_table_unchanged(handmade_build: Any) -> None:
    [served] = handmade_build.rows("select * from serving.stock_risks")
    assert [served] == handmade_build.rows("select * from ml.stock_risks")
    assert served[:4] == ("mug", "north", 10.0, 25.0)


def test_a_rerun_for_an_earlier_day_sees_the_state_of_that_day(earlier_build: Any) -> None:
    assert not_passed(earlier_build.statuses) == {}
    assert earlier_build.rows("select order_id, order_status from marts.fct_orders order by 1") == [
        ("o2", "placed"),
        ("o3", "placed"),
    ]
    # the mistyped order is already cancelled, the guest's order is not
    assert earlier_build.rows("select order_id, sku, units from features.feat_purchases order by all") == [
        ("o1", "jug", 1.0),
        ("o1", "mug", 2.0),
        ("o3", "mug", 3.0),
    ]


@pytest.mark.parametrize("schema", ["marts", "features", "serving"])
def test_no_published_column_holds_a_wide_or_untyped_number(handmade_build: Any, schema: str) -> None:
    odd = handmade_build.rows(
        "select table_name, column_name, data_type from information_schema.columns "
        f"where table_schema = '{schema}' "
        "and (data_type in ('HUGEINT', '\"NULL\"') or data_type like '%WITH TIME ZONE')"
    )
    assert odd == []
