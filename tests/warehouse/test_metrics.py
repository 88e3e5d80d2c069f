"""Every metric of the dictionary, computed a second time with pandas and a third time by hand: one number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from data_quality.metrics import load_metrics

METRICS = load_metrics()
Frames = Callable[[str], pd.DataFrame]


@pytest.fixture(scope="module")
def frames(handmade_build: Any) -> Frames:
    """A mart as a frame, with exact decimals."""

    def frame(mart: str) -> pd.DataFrame:
        columns = [
            name
            for (name,) in handmade_build.rows(
                "select column_name from information_schema.columns "
                f"where table_schema = 'marts' and table_name = '{mart}' order by ordinal_position"
            )
        ]
        return pd.DataFrame(handmade_build.rows(f"select * from marts.{mart}"), columns=columns)

    return frame


def _summed(rows: pd.DataFrame, day: str, column: str) -> dict[date, Decimal]:
    """Sum of what is known by day; a day on which nothing is known has none."""
    known = rows[rows[column].notna() & rows[day].notna()]
    return {
        key: sum((Decimal(value) for value in group[column]), Decimal(0)) for key, group in known.groupby(day)
    }


def _counted(rows: pd.DataFrame, day: str, flag: pd.Series) -> dict[date, Decimal]:
    """Rows with the flag by day; a day with rows but none flagged counts 0."""
    return {key: Decimal(int(group.sum())) for key, group in flag.astype(bool).groupby(rows[day])}


def simple_metrics(frames: Frames) -> dict[str, dict[date, Decimal]]:
    """What the dictionary's definitions say, in pandas: metric, day, value."""
    orders, lines, sessions = frames("fct_orders"), frames("fct_order_lines"), frames("fct_sessions")
    stock, parcels = frames("fct_stock_daily"), frames("fct_shipments")
    kept = orders[~orders["is_cancelled"]]
    products = lines.assign(
        returned=[
            u if kind == "product" else 0
            for u, kind in zip(lines.returned_units, lines.line_kind, strict=True)
        ]
    )
    arrived = parcels[parcels["delivered_date"].notna()]
    money = {
        "gross_sales": "shop_gross_amount",
        "discounts": "shop_discount_amount",
        "refunds": "shop_refund_amount",
        "net_sales": "shop_net_amount",
        "shipping_charged": "shop_shipping_amount",
        "tax": "shop_tax_amount",
    }
    return {name: _summed(kept, "ordered_date", column) for name, column in money.items()} | {
        "orders_placed": _counted(orders, "ordered_date", orders["order_id"].notna()),
        "orders": _counted(orders, "ordered_date", ~orders["is_cancelled"]),
        "cancelled_orders": _counted(orders, "ordered_date", orders["is_cancelled"]),
        "orders_with_rate": _counted(
            orders, "ordered_date", ~orders["is_cancelled"] & orders["exchange_rate"].notna()
        ),
        "units": _summed(lines, "ordered_date", "demand_units"),
        "returned_units": _summed(products, "ordered_date", "returned"),
        "sessions": _counted(sessions, "session_date", sessions["session_id"].notna()),
        "sessions_with_purchase": _counted(sessions, "session_date", sessions["n_purchases"] > 0),
        "stock_days": _counted(stock, "stock_date", stock["sku"].notna()),
        "stock_out_days": _counted(stock, "stock_date", stock["is_stocked_out"]),
        "parcels_delivered": _counted(arrived, "delivered_date", arrived["shipment_id"].notna()),
        "parcels_on_time": _counted(arrived, "delivered_date", ~arrived["is_late"]),
    }


def served(build: Any, metric: str) -> dict[date, Decimal | None]:
    return dict(
        build.rows(f"select metric_date, metric_value from marts.metrics_daily where metric = '{metric}'")
    )


def test_every_amount_and_count_is_what_pandas_makes_of_the_marts(
    handmade_build: Any, frames: Frames
) -> None:
    computed = simple_metrics(frames)
    assert sorted(computed) == sorted(name for name, metric in METRICS.items() if metric.denominator is None)
    assert {name: served(handmade_build, name) for name in computed} == computed


def test_every_ratio_is_its_numerator_over_its_denominator(handmade_build: Any, frames: Frames) -> None:
    computed = simple_metrics(frames)
    ratios = {name: metric for name, metric in METRICS.items() if metric.denominator}
    assert len(ratios) >= 8
    for name, metric in ratios.items():
        above, below = computed[str(metric.numerator)], computed[str(metric.denominator)]
        expected = {
            day: round(above[day] / below[day], 6) if below[day] else None for day in above if day in below
        }
        assert served(handmade_build, name) == expected, name


@pytest.mark.parametrize(
    ("metric", "by_day_of_march"),
    [
        # 2 mugs at 5 and a jug at 10; 80,000 mugs by mistake; two jugs at 80 yuan of 0.125
        ("gross_sales", {1: 20, 3: 400000, 8: 20}),
        # the jug of 10 came back, 1 was discounted; the mistyped order was paid back
        ("net_sales", {1: 9, 3: 0, 8: 20}),
        ("shipping_charged", {1: 3, 3: 0, 8: "1.25"}),
        ("orders", {1: 1, 3: 1, 8: 1, 9: 1}),
        ("cancellation_ratio", {1: 0, 3: "0.5", 8: 0, 9: 0}),
        ("average_order_value", {1: 9, 3: 0, 8: 20}),
        ("refund_ratio", {1: "0.5", 3: 1, 8: 0}),
        ("units", {1: 3, 3: 0, 8: 2, 9: 1}),
        ("return_ratio", {1: "0.333333", 3: None, 8: 0, 9: 0}),
        # begun at half past midnight on the 10th in Berlin
        ("conversion_ratio", {10: 0}),
        ("stock_out_ratio", {1: 0, 2: 1, 10: 0}),
        # promised for the 4th, delivered on the 5th
        ("on_time_ratio", {5: 0}),
    ],
)
def test_a_metric_is_what_was_computed_by_hand(
    handmade_build: Any, metric: str, by_day_of_march: dict[int, Any]
) -> None:
    assert served(handmade_build, metric) == {
        date(2026, 3, day): None if value is None else Decimal(value)
        for day, value in by_day_of_march.items()
    }


def test_the_published_dictionary_is_the_one_that_the_docs_and_python_read(handmade_build: Any) -> None:
    published = handmade_build.rows(
        "select metric, label, definition, formula, unit, owner, grain, denominator_metric "
        "from marts.metrics order by 1"
    )
    assert published == [
        (m.name, m.label, m.definition, m.formula, m.unit, m.owner, m.grain, m.denominator)
        for m in sorted(METRICS.values(), key=lambda metric: metric.name)
    ]


def test_metrics_agree_with_the_daily_sales_that_analysts_read(handmade_build: Any) -> None:
    """Another mart, by another way, to the cent."""
    by_metric = dict(
        handmade_build.rows("select metric, sum(numerator) from marts.metrics_daily group by metric")
    )
    [(orders, cancelled, net)] = handmade_build.rows(
        "select sum(n_orders), sum(n_cancelled_orders), sum(shop_net_amount) from marts.agg_sales_daily"
    )
    assert (by_metric["orders_placed"], by_metric["cancelled_orders"]) == (orders, cancelled)
    assert by_metric["net_sales"] == net == Decimal("29.00")
