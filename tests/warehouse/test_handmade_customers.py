"""Visits and customers of the shop in ``handmade_shop.yaml``, computed by hand from feeds to marts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest


def test_a_cart_without_a_purchase_is_abandoned(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select session_id, shopper_id, cart_status, n_skus_left, n_orders, is_recovered from marts.fct_carts"
    ) == [("v1", "visitor x", "abandoned", 1, 0, False)]


def test_bots_are_counted_apart_and_nowhere_else(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select session_id, bot_reason, session_date, duration_seconds from marts.fct_bot_sessions"
    ) == [("b1", "endless", date(2026, 3, 8), 90000)]
    for mart in ("fct_sessions", "fct_carts", "dim_visitors"):
        assert handmade_build.rows(f"select visitor_id from marts.{mart}") == [("x",)]
    assert handmade_build.rows("select sum(n_sessions) from marts.agg_funnel_daily") == [(1,)]


def test_a_search_of_unknown_results_that_fills_the_cart_is_no_search_without_results(
    handmade_build: Any,
) -> None:
    # half past midnight on 10 March in Berlin
    assert handmade_build.rows("select * from marts.agg_searches_daily") == [
        (date(2026, 3, 10), "cup", 1, 0, 0, 1, 0, 0, 1)
    ]


def test_every_order_is_listed_where_no_visit_led_to_it(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select order_id, shopper_id, attribution_rule, last_channel "
        "from marts.fct_order_attributions order by 1"
    ) == [
        ("o1", "ada", "none", "unknown"),
        ("o2", "ada", "none", "unknown"),
        ("o3", "order o3", "none", "unknown"),
        ("o4", "bob", "none", "unknown"),
        ("o5", "bob", "none", "unknown"),
    ]


def test_recency_frequency_and_value_count_what_was_kept(handmade_build: Any) -> None:
    # the 80,000 mugs cancelled the same day are an order of nothing; the dollar order has no rate
    assert handmade_build.rows(
        "select person_id, recency_days, n_orders, shop_net_amount, recency_score, frequency_score, "
        "monetary_score from marts.agg_customers_rfm order by 1"
    ) == [("ada", 7, 2, Decimal("9.00"), 1, 1, 1), ("bob", 1, 2, Decimal("20.00"), 3, 1, 3)]


def test_the_march_cohort_is_still_running(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select cohort_month, months_since_first, is_month_over, n_customers, n_active_customers, n_orders, "
        "cumulative_shop_net_amount from marts.agg_cohorts_monthly"
    ) == [(date(2026, 3, 1), 0, False, 2, 2, 4, Decimal("29.00"))]


def test_one_of_three_purchases_was_repeated_and_none_was_watched_for_a_month(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select category_id, n_customers, repeat_customer_ratio, n_purchase_days, n_repeats, "
        "median_gap_days, observed_median_gap_days, repeated_ratio_30_days "
        "from marts.agg_repurchase_by_category"
    ) == [("unknown", 2, pytest.approx(0.5), 3, 1, None, 1.0, None)]


def test_customers_are_loyal_and_the_visitor_is_interested(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select shopper_id, is_anonymous, stage, stage_30_days_before, first_loyal_date "
        "from marts.agg_shoppers_stages order by 1"
    ) == [
        ("ada", False, "loyalty", "none", date(2026, 3, 3)),
        ("bob", False, "loyalty", "none", date(2026, 3, 9)),
        ("visitor x", True, "interest", "none", None),
    ]
