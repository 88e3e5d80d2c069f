"""The simulated world: amounts to the cent, stock that balances, hidden demand, planted pairs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from feeds.simulator import SimulationParams, simulate
from feeds.simulator.festivals import SPRING_FESTIVALS, black_friday, calendar_of, easter, festival_factor
from feeds.simulator.streams import occurrence, running_total_before

PARAMS = SimulationParams(days=75, skus=60, customers=700, seed=11)
CSV_FEEDS = (
    "events", "orders", "order_lines", "order_status_events", "refunds", "shipments", "products", "customers",
    "promotions", "purchase_orders", "prices", "supply_terms", "suppliers",
)  # fmt: skip
MONEY = "decimal(18, 2)"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Feeds as views, latest versions as ``latest_*``, the truth as ``true_*``."""
    folder = simulate(PARAMS, tmp_path_factory.mktemp("world")).out_dir
    with duckdb.connect() as con:
        con.execute("set threads = 1; set timezone = 'UTC'")
        for feed in CSV_FEEDS:
            read = f"read_csv('{folder}/{feed}/*.csv', union_by_name = true, sample_size = -1)"
            con.execute(f"create table {feed} as select * from {read}")
        con.execute(f"create table payments as from read_json('{folder}/payments/*.jsonl')")
        con.execute(f"create table stock as from read_parquet('{folder}/stock_levels/*.parquet')")
        for path in Path(folder, "_truth").glob("*.parquet"):
            con.execute(f"create table true_{path.stem} as from read_parquet('{path}')")
        for feed, key in (("orders", "order_id"), ("shipments", "shipment_id"), ("products", "sku"),
                          ("purchase_orders", "purchase_order_id, line_number")):  # fmt: skip
            con.execute(
                f"create table latest_{feed} as from {feed} "
                f"qualify row_number() over (partition by {key} order by updated_at desc) = 1"
            )
        yield con


def failing(con: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    """The rows that a query finds, five at most."""
    return con.execute(f"{query} limit 5").fetchall()


def number(con: duckdb.DuckDBPyConnection, query: str) -> float:
    """The one number that a query gives."""
    [(value,)] = con.execute(query).fetchall()
    return float(value)


def test_order_amounts_add_up_to_the_cent(world: duckdb.DuckDBPyConnection) -> None:
    rows = failing(
        world,
        f"""
        select order_id from latest_orders
        where gross_amount::{MONEY} - discount_amount::{MONEY} + shipping_amount::{MONEY}
            <> total_amount::{MONEY}
        """,
    )
    assert rows == []


def test_lines_sum_to_their_order(world: duckdb.DuckDBPyConnection) -> None:
    rows = failing(
        world,
        f"""
        select o.order_id from latest_orders o join order_lines l using (order_id)
        group by o.order_id, o.gross_amount, o.discount_amount, o.tax_amount, o.shipping_amount
        having sum(l.units * l.unit_price_amount::{MONEY}) <> o.gross_amount::{MONEY}
            or sum(l.discount_amount::{MONEY}) <> o.discount_amount::{MONEY}
            or sum(l.tax_amount::{MONEY}) > o.tax_amount::{MONEY}
            or count(distinct l.currency) > 1
        """,
    )
    assert rows == []
    assert number(world, "select count(*) from latest_orders anti join order_lines using (order_id)") == 0


def test_tax_is_the_share_contained_in_the_total(world: duckdb.DuckDBPyConnection) -> None:
    rows = failing(
        world,
        """
        select order_id, tax_amount, total_amount from latest_orders
        join (values ('DE', 19), ('FR', 20), ('GB', 20), ('US', 0)) r(shipping_country, percent)
            using (shipping_country)
        -- every line and the shipping are rounded by themselves
        where abs(tax_amount - total_amount * percent / (100 + percent)) > 0.06
        """,
    )
    assert rows == []


def test_what_was_captured_is_the_total_and_no_more_is_paid_back(world: duckdb.DuckDBPyConnection) -> None:
    assert (
        failing(
            world,
            "select order_id from payments where payment_status = 'captured' group by 1 having count(*) > 1",
        )
        == []
    )
    assert failing(
        world, "select p.order_id from payments p join latest_orders using (order_id) "
        "where round(amount - total_amount, 2) <> 0"
    ) == []  # fmt: skip
    assert failing(
        world,
        """
        select order_id from refunds join latest_orders using (order_id) group by order_id, total_amount
        having round(sum(refund_amount) - total_amount, 2) > 0
        """,
    ) == []  # fmt: skip
    # A paid order that is cancelled gets everything back; an unpaid one nothing.
    assert failing(
        world,
        """
        select o.order_id from latest_orders o
        left join (select order_id, sum(refund_amount) as back from refunds group by 1) r using (order_id)
        left join (
            select order_id, sum(amount) as paid from payments where payment_status = 'captured' group by 1
        ) p using (order_id)
        where order_status = 'cancelled' and round(coalesce(paid, 0) - coalesce(back, 0), 2) <> 0
        """,
    ) == []  # fmt: skip


def test_states_follow_each_other(world: duckdb.DuckDBPyConnection) -> None:
    rows = failing(
        world,
        """
        with steps as (
            select order_id, order_status,
                lag(order_status) over (partition by order_id order by status_at) as before
            from order_status_events
        )
        select before, order_status, count(*) from steps
        where (before, order_status) not in (
            ('placed', 'paid'), ('placed', 'cancelled'), ('paid', 'cancelled'), ('paid', 'packed'),
            ('packed', 'shipped'), ('shipped', 'delivered'), ('delivered', 'returned')
        ) and not (before is null and order_status = 'placed')
        group by all
        """,
    )
    assert rows == []
    assert failing(
        world,
        """
        select order_id, o.order_status, e.order_status from latest_orders o join (
            select order_id, last(order_status order by status_at) as order_status
            from order_status_events group by 1
        ) e using (order_id) where o.order_status <> e.order_status
        """,
    ) == []  # fmt: skip


def test_units_on_hand_balance_for_every_sku_and_location(world: duckdb.DuckDBPyConnection) -> None:
    rows = failing(
        world,
        """
        with moves as (
            select sku, location_id, received_date as day, received_units as units from latest_purchase_orders
            where received_date is not null
            union all
            select l.sku, s.location_id, (s.dispatched_at at time zone 'Europe/Berlin')::date, -l.units
            from latest_shipments s join order_lines l using (order_id) where line_kind = 'product'
            union all
            select r.sku, o.location_id, (r.refunded_at at time zone 'Europe/Berlin')::date, r.units
            from refunds r join latest_orders o using (order_id) where refund_kind = 'return'
        ),
        by_day as (select sku, location_id, day as stock_date, sum(units) as moved from moves group by all),
        levels as (
            select *, lag(on_hand_units) over (partition by sku, location_id order by stock_date) as before
            from stock
        )
        select sku, location_id, stock_date, before, moved, on_hand_units from levels
        left join by_day using (sku, location_id, stock_date)
        where before is not null and before + coalesce(moved, 0) <> on_hand_units
        """,
    )
    assert rows == []
    assert (
        failing(world, "select * from stock where reserved_units > on_hand_units or reserved_units < 0") == []
    )


def test_reserved_units_are_those_of_open_orders(world: duckdb.DuckDBPyConnection) -> None:
    rows = failing(
        world,
        """
        with open_units as (
            select l.sku, o.location_id, sum(l.units) as units
            from latest_orders o join order_lines l using (order_id)
            where order_status in ('placed', 'paid') and line_kind = 'product' group by all
        )
        select * from stock left join open_units using (sku, location_id)
        where stock_date = (select max(stock_date) from stock) and reserved_units <> coalesce(units, 0)
        """,
    )
    assert rows == []


def test_sales_are_demand_unless_stock_ran_out(world: duckdb.DuckDBPyConnection) -> None:
    assert failing(world, "select * from true_demand where demanded_units <> sold_units + lost_units") == []
    assert (
        failing(world, "select * from true_demand where sold_units > demanded_units or sold_units < 0") == []
    )
    assert failing(
        world,
        """
        select * from true_demand t join stock s
            on (s.sku, s.location_id, s.stock_date) = (t.sku, t.location_id, t.demand_date)
        where (s.is_in_stock and t.lost_units > 0) or s.is_in_stock = t.is_stocked_out
        """,
    ) == []  # fmt: skip
    assert number(world, "select sum(lost_units) from true_demand") > 0


def test_order_lines_are_the_true_sales(world: duckdb.DuckDBPyConnection) -> None:
    rows = failing(
        world,
        """
        with told as (
            select l.sku, o.location_id, (l.ordered_at at time zone 'Europe/Berlin')::date as demand_date,
                sum(l.units) as units
            from order_lines l join latest_orders o using (order_id) where line_kind = 'product' group by all
        )
        select * from true_demand full join told using (sku, location_id, demand_date)
        where coalesce(units, 0) <> coalesce(sold_units, 0)
        """,
    )
    assert rows == []


def test_planted_complements_are_bought_together_and_substitutes_never(
    world: duckdb.DuckDBPyConnection,
) -> None:
    world.execute(
        "create or replace temp table b as "
        "select distinct order_id, sku from order_lines where line_kind = 'product'"
    )
    lifts = world.execute(
        """
        with n as (select count(distinct order_id) as n from b),
        k as (select sku, count(*) as k from b group by 1)
        select any_value(n.n) * count(z.order_id) / (any_value(x.k) * any_value(y.k))::double as lift
        from true_complements t join k x using (sku) join k y on y.sku = t.complement_sku cross join n
        left join (select p.order_id, p.sku as a, q.sku as b from b p join b q using (order_id)) z
            on z.a = t.sku and z.b = t.complement_sku
        group by t.sku, t.complement_sku
        """
    ).fetchnumpy()["lift"]
    assert len(lifts) >= 4
    assert np.min(lifts) > 2
    assert number(
        world,
        "select count(*) from true_substitutes t join b x using (sku) "
        "join b y on (y.order_id, y.sku) = (x.order_id, t.substitute_sku)",
    ) == 0  # fmt: skip
    both_seen = number(
        world,
        """
        select count(*) from true_substitutes t
        join (select distinct source_session_id as s, sku from events where event_type = 'view') x using (sku)
        join (select distinct source_session_id as s, sku from events where event_type = 'view') y
            on y.s = x.s and y.sku = t.substitute_sku
        """,
    )
    assert both_seen > 100


def test_customers_buy_to_their_taste(world: duckdb.DuckDBPyConnection) -> None:
    preferred = number(
        world,
        """
        select avg(preference_ratio) from order_lines join latest_orders using (order_id)
        join latest_products using (sku) join true_tastes using (customer_id, category_id)
        """,
    )
    assert preferred > 2 / 12  # a twelfth without taste


def test_promotions_are_announced_before_and_lift_sales(world: duckdb.DuckDBPyConnection) -> None:
    assert (
        failing(
            world, "select * from promotions where announced_at::date >= start_date or end_date < start_date"
        )
        == []
    )
    lift = number(
        world,
        """
        with sold as (
            select d.sku, demand_date, sum(demanded_units) as units,
                bool_or(p.sku is not null) as is_promoted
            from true_demand d left join promotions p
                on p.sku = d.sku and demand_date between start_date and end_date
            group by all
        ),
        by_sku as (
            select sku, avg(units) filter (is_promoted) as promoted,
                avg(units) filter (not is_promoted) as usual
            from sold group by 1
        )
        select sum(promoted) / sum(usual) from by_sku where promoted is not null
        """,
    )
    assert lift > 1.2
    assert (
        failing(world, "select * from order_lines where promotion_id is not null and discount_amount <= 0")
        == []
    )


def test_tracked_orders_leave_a_purchase_event_a_line(world: duckdb.DuckDBPyConnection) -> None:
    rows = failing(
        world,
        """
        with bought as (select order_id, sku, units, visitor_id from events where event_type = 'purchase'),
        lines as (
            select order_id, sku, units, o.visitor_id from order_lines join latest_orders o using (order_id)
            where line_kind = 'product' and o.channel <> 'marketplace'
        )
        from (from bought except all from lines) union all from (from lines except all from bought)
        """,
    )
    assert rows == []


@pytest.mark.parametrize(
    "phenomenon",
    [
        "select count(*) from latest_shipments where delivered_at::date > promised_delivery_date",
        "select count(*) from refunds where refund_kind = 'return'",
        "select count(*) from refunds r join order_lines l using (order_id, line_number) "
        "where r.units < l.units and r.refund_kind = 'return'",
        "select count(*) from refunds where refund_kind = 'cancellation'",
        "select count(*) from payments where payment_status = 'failed'",
        "select count(*) from latest_orders where order_status in ('placed', 'paid')",
        "select count(*) from latest_orders where customer_id is null",
        "select count(*) from latest_orders where coupon_code is not null",
        "select count(*) from order_lines where line_kind = 'sample'",
        "select count(*) from events where event_type = 'search' and n_search_results = 0",
        "select count(*) from latest_products where launched_date > '2025-01-01'",
        "select count(*) from latest_products where retired_date is not null",
        "select count(*) from prices where valid_from > '2025-01-01'",
        "select count(*) from true_skus where demand_class = 'lumpy'",
        "select count(*) from (select visitor_id from events group by 1 having count(*) > 300)",
        "select count(*) from true_odd_visitors where kind = 'shared_device'",
        "select count(*) from latest_purchase_orders where received_date > expected_receipt_date",
    ],
)
def test_every_phenomenon_is_there(world: duckdb.DuckDBPyConnection, phenomenon: str) -> None:
    assert number(world, phenomenon) > 0


def test_transit_days_follow_the_true_distribution(world: duckdb.DuckDBPyConnection) -> None:
    # The mean of ceil(gamma) is about half a day above the gamma's, Sundays add a little more.
    gap = number(
        world,
        """
        select avg(date_diff('day', dispatched_at, delivered_at) - gamma_mean_days) from latest_shipments
        join true_transits using (shipping_method, destination_country) where delivered_at is not null
            and dispatched_at < '2025-02-20'
        """,
    )
    assert 0.4 < gap < 1.0


def test_purchases_keep_the_terms(world: duckdb.DuckDBPyConnection) -> None:
    rows = failing(
        world,
        """
        select * from latest_purchase_orders join supply_terms using (supplier_id, sku, location_id)
        where ordered_units % pack_size_units <> 0 or ordered_units < pack_size_units
        """,
    )
    assert rows == []


def test_published_dates_of_moving_days() -> None:
    assert [easter(year).isoformat() for year in (2024, 2025, 2026, 2038)] == [
        "2024-03-31", "2025-04-20", "2026-04-05", "2038-04-25",
    ]  # fmt: skip
    assert [black_friday(year).isoformat() for year in (2024, 2025, 2026)] == [
        "2024-11-29",
        "2025-11-28",
        "2026-11-27",
    ]
    assert [SPRING_FESTIVALS[year].isoformat() for year in (2025, 2026, 2027)] == [
        "2025-01-29", "2026-02-17", "2027-02-06",
    ]  # fmt: skip
    assert festival_factor(black_friday(2025)) > 2
    keys = [(row.event, row.day, row.country) for year in (2025, 2026) for row in calendar_of(year)]
    assert len(keys) == len(set(keys))


def test_ranks_and_running_totals_match_a_plain_loop() -> None:
    rng = np.random.default_rng(3)
    keys, amounts = rng.integers(0, 9, 200), rng.integers(0, 5, 200)
    ranks, totals, seen, summed = [], [], {}, {}
    for key, amount in zip(keys.tolist(), amounts.tolist(), strict=True):
        ranks.append(seen.setdefault(key, 0))
        totals.append(summed.setdefault(key, 0))
        seen[key] += 1
        summed[key] += amount
    assert occurrence(keys).tolist() == ranks
    assert running_total_before(keys, amounts).tolist() == totals
    assert len(occurrence(keys[:0])) == 0
