"""What was once true stays so: versions, prices and rates of the past, when later loads and days come."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

Rows = list[tuple[Any, ...]]


def rows(warehouse: Path, query: str) -> Rows:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(query).fetchall()


def order(order_id: str, ordered_at: str, **amounts: object) -> dict[str, object]:
    return {
        "order_id": order_id,
        "ordered_at": ordered_at,
        "updated_at": ordered_at,
        "order_status": "placed",
        "currency": "CNY",
        "gross_amount": 80,
        "shipping_amount": 8,
        "total_amount": 88,
        **amounts,
    }


def line(order_id: str, ordered_at: str) -> dict[str, object]:
    return {
        "order_id": order_id,
        "line_number": 1,
        "sku": "mug",
        "line_kind": "product",
        "ordered_at": ordered_at,
        "units": 2,
        "unit_price_amount": 40,
        "currency": "CNY",
    }


def rate(day: str, value: float) -> dict[str, object]:
    return {"rate_date": day, "base_currency": "CNY", "quote_currency": "EUR", "rate": value}


def test_running_again_next_month_with_new_rates_never_changes_last_months_money(
    growing_shop: Any,
) -> None:
    # a Monday with a rate, a Saturday that takes Friday's, the last day of the month with the rate of the day
    # before, and a day more than a week after the last rate: April's first rate must not reach back to it
    moments = {
        "monday": "2026-03-02T10:00:00Z",
        "saturday": "2026-03-07T10:00:00Z",
        "unrated": "2026-03-20T10:00:00Z",
        "last": "2026-03-31T10:00:00Z",
    }
    march = [rate("2026-03-02", 0.125), rate("2026-03-06", 0.13), rate("2026-03-30", 0.128)]
    growing_shop.load(
        orders=[order(order_id, moment) for order_id, moment in moments.items()],
        order_lines=[line(order_id, moment) for order_id, moment in moments.items()],
        fx_rates=march,
    )
    marts = {
        "fct_orders": "ordered_date",
        "fct_order_lines": "ordered_date",
        "agg_sales_daily": "ordered_date",
        "agg_demand_daily": "demand_date",
    }

    def of_march(warehouse: Path) -> dict[str, Rows]:
        return {
            mart: rows(warehouse, f"select * from marts.{mart} where {day} < date '2026-04-01' order by all")
            for mart, day in marts.items()
        }

    before = of_march(growing_shop.build(date(2026, 3, 31), *marts))
    april = [rate(f"2026-04-{day:02}", round(0.5 + day / 100, 2)) for day in range(1, 31)]
    # the source sends its whole history again, with the new rates
    growing_shop.load(
        fx_rates=[*march, *april],
        orders=[order("april", "2026-04-15T10:00:00Z")],
        order_lines=[line("april", "2026-04-15T10:00:00Z")],
    )
    kept = growing_shop.build(date(2026, 4, 30), *marts)
    anew = growing_shop.build(date(2026, 4, 30), *marts, warehouse="anew")

    assert of_march(kept) == before
    assert of_march(anew) == before
    assert rows(
        kept,
        "select order_id, net_amount, currency, shop_net_amount, shop_currency "
        "from marts.fct_orders order by order_id",
    ) == [
        ("april", Decimal(80), "CNY", Decimal("52.00"), "EUR"),
        ("last", Decimal(80), "CNY", Decimal("10.24"), "EUR"),
        ("monday", Decimal(80), "CNY", Decimal("10.00"), "EUR"),
        ("saturday", Decimal(80), "CNY", Decimal("10.40"), "EUR"),
        ("unrated", Decimal(80), "CNY", None, "EUR"),
    ]


VERSIONS = ("dim_customer_versions", "dim_product_versions", "dim_price_versions")
FIRST: dict[str, list[dict[str, object]]] = {
    "customers": [
        {"customer_id": "ada", "country": "DE", "updated_at": "2026-03-01T09:00:00Z"},
        {"customer_id": "ada", "country": "FR", "updated_at": "2026-03-03T09:00:00Z"},
    ],
    "products": [{"sku": "mug", "title": "Mug", "unit_cost_amount": 2, "updated_at": "2026-03-01T09:00:00Z"}],
    "prices": [{"sku": "mug", "currency": "EUR", "valid_from": "2026-03-01T09:00:00Z", "price_amount": 5}],
}
SECOND: dict[str, list[dict[str, object]]] = {
    # only her name changed: no version of what the marts may know
    "customers": [
        {"customer_id": "ada", "country": "FR", "full_name": "A.", "updated_at": "2026-03-04T09:00:00Z"},
        {"customer_id": "bob", "country": "IT", "updated_at": "2026-03-05T09:00:00Z"},
    ],
    "products": [{"sku": "mug", "title": "Mug", "unit_cost_amount": 3, "updated_at": "2026-03-06T09:00:00Z"}],
    "prices": [{"sku": "mug", "currency": "EUR", "valid_from": "2026-03-06T09:00:00Z", "price_amount": 6}],
}


def versions(warehouse: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows by column name of every table of versions."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = {}
        for mart in VERSIONS:
            cursor = connection.execute(f"select * from marts.{mart} order by all")
            names = [column[0] for column in cursor.description]
            found[mart] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found


def test_versions_follow_from_the_lake_alone_and_closed_ones_never_change(growing_shop: Any) -> None:
    growing_shop.load(**FIRST)
    early = versions(growing_shop.build(date(2026, 3, 3), *VERSIONS))
    growing_shop.load(**SECOND)
    late = versions(growing_shop.build(date(2026, 3, 10), *VERSIONS))

    assert versions(growing_shop.build(date(2026, 3, 10), *VERSIONS, warehouse="anew")) == late
    # the day before the second load, seen from after it
    assert versions(growing_shop.build(date(2026, 3, 3), *VERSIONS, warehouse="again")) == early
    closed = {mart: [row for row in early[mart] if not row["is_current"]] for mart in VERSIONS}
    assert [len(closed[mart]) for mart in VERSIONS] == [1, 0, 0]
    assert [row for mart in VERSIONS for row in closed[mart] if row not in late[mart]] == []
    # what was current is closed at the moment of its successor
    assert [
        (len(late[mart]), [row["valid_to"] for row in late[mart] if not row["is_current"]])
        for mart in VERSIONS
    ] == [
        (3, [datetime(2026, 3, 3, 9)]),
        (2, [datetime(2026, 3, 6, 9)]),
        (2, [datetime(2026, 3, 6, 9)]),
    ]


def test_a_question_as_of_any_moment_finds_exactly_one_version(growing_shop: Any) -> None:
    growing_shop.load(**FIRST)
    growing_shop.load(**SECOND)
    warehouse = growing_shop.build(date(2026, 3, 10), *VERSIONS)
    costs = [
        rows(
            warehouse,
            "select unit_cost_amount, is_current from marts.dim_product_versions where sku = 'mug' "
            f"and valid_from <= timestamp '{moment}' "
            f"and coalesce(valid_to, 'infinity') > timestamp '{moment}'",
        )
        for moment in ("2026-03-01 09:00:00", "2026-03-06 08:59:59", "2026-03-06 09:00:00")
    ]
    assert costs == [[(Decimal("2.00"), False)], [(Decimal("2.00"), False)], [(Decimal("3.00"), True)]]
    assert rows(
        warehouse,
        "select version_number, valid_from, valid_to, country from marts.dim_customer_versions "
        "where customer_id = 'ada' order by 1",
    ) == [
        (1, datetime(2026, 3, 1, 9), datetime(2026, 3, 3, 9), "DE"),
        (2, datetime(2026, 3, 3, 9), None, "FR"),
    ]


def test_the_life_of_the_handmade_orders(handmade_build: Any) -> None:
    """No history of states in this shop: orders, payments, parcels and versions prove them."""
    assert handmade_build.rows(
        "select order_id, order_status, day(entered_at), evidence, is_stuck "
        "from marts.fct_order_states order by order_id, state_number"
    ) == [
        ("o1", "placed", 1, "order", False),
        ("o1", "paid", 1, "payment", False),
        ("o1", "shipped", 2, "parcel", False),
        ("o1", "delivered", 5, "parcel", False),
        ("o2", "placed", 2, "order", False),
        ("o2", "shipped", 4, "parcel", False),
        ("o3", "placed", 3, "order", False),
        ("o3", "cancelled", 4, "order_version", False),
        ("o4", "placed", 8, "order", False),
        ("o4", "paid", 8, "payment", False),
        ("o5", "placed", 9, "order", False),
        # packed for more than 24 hours, but no order of this shop has ever left the state
        ("o5", "packed", 9, "order_version", False),
    ]


def test_lines_of_the_handmade_shop_find_the_price_valid_at_their_order(handmade_build: Any) -> None:
    assert handmade_build.rows(
        "select order_id, sku, currency, valid_price_amount, valid_list_price_amount, below_list_amount "
        "from marts.fct_order_lines where sku = 'mug' order by 1"
    ) == [
        # two at a list price of 6 are 12; 10 less 1 were paid
        ("o1", "mug", "EUR", Decimal(5), Decimal(6), Decimal(3)),
        ("o2", "mug", "EUR", Decimal(5), Decimal(6), Decimal(80000)),
        ("o3", "mug", "EUR", Decimal(5), Decimal(6), Decimal(3)),
        # the price list is in euros, and for dollars there is no rate
        ("o5", "mug", "USD", None, None, None),
    ]


def test_the_inventory_position_of_the_last_day_is_the_one_that_replenishment_reads(
    handmade_build: Any,
) -> None:
    assert handmade_build.rows(
        "select day(stock_date), on_hand_units, on_order_units, in_transit_units, reserved_units, "
        "backordered_units, inventory_position_units from marts.fct_stock_positions_daily order by 1"
    ) == [
        # 25 were ordered on the 1st, of which 5 are received at once
        (1, 50, 20, 0, 0, 0, 70),
        (2, 0, 20, 0, 0, 0, 20),
        (10, 10, 14, 6, 4, 1, 25),
    ]
    assert handmade_build.rows(
        "select inventory_position_units from features.feat_skus_supply "
        "where sku = 'mug' and location_id = 'north'"
    ) == [(25.0,)]
