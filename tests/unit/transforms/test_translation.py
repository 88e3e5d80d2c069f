"""What has no translation is refused with the reason, not guessed."""

from __future__ import annotations

import pytest

from transforms.warehouse.rules import TranslationError
from transforms.warehouse.translation import Known, translate

TABLES = {
    "shop.orders": {"order_id": "varchar", "ordered_at": "timestamp", "day": "date", "n": "bigint"},
    "shop.prices": {"order_id": "varchar", "valid_from": "timestamp"},
}
KNOWN = Known(TABLES.__getitem__)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("select unheard_of(order_id) - 1 from shop.orders", "unknown, and a difference depends on it"),
        ("select cast(unheard_of(order_id) as bigint) from shop.orders", "unknown, and a cast depends on it"),
        ("select missing from shop.orders", "missing"),
        ("select date_diff('quarter', day, day) from shop.orders", "date_diff by quarter has no rule"),
        ("select generate_series(1, n) from shop.orders", "series"),
        (
            "select 1 from shop.orders asof join shop.prices on orders.ordered_at < prices.valid_from",
            "takes equalities and one >=",
        ),
        (
            "select distinct n from shop.orders qualify row_number() over (order by n) = 1",
            "`qualify` with distinct",
        ),
        (
            "with recursive r as (select n from shop.orders union all select n + 1 from r) select n from r",
            "no `union` of a start and a step",
        ),
        ("select from where", "Expected table name"),
    ],
)
def test_what_has_no_translation_is_refused_with_the_reason(query: str, reason: str) -> None:
    with pytest.raises(TranslationError, match=reason):
        translate(query, KNOWN)


def test_dbts_tables_are_read_under_sparks_names_and_values_of_a_known_row_put_in() -> None:
    known = Known(
        lambda name: TABLES[name],
        views={"shop.orders": "shop__orders"},
        rows={"control.shop_settings": {"as_of": "cast('2026-03-10' as date)"}},
    )
    query = "select o.n from shop.orders as o where o.day <= (select s.as_of from control.shop_settings as s)"
    assert translate(query, known).sql == (
        "SELECT o.n AS n FROM shop__orders AS o WHERE o.day <= (CAST('2026-03-10' AS DATE))"
    )
