"""What each visitor did with each SKU on a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from data_quality.contract import load_contract
from transforms.interactions import daily_interactions
from transforms.tables import conform, contract_schema

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def before_midnight(**ago):
    return MIDNIGHT - timedelta(**ago)


def interactions(frame):
    rows = conform(
        daily_interactions(frame), contract_schema(load_contract("daily_interactions", "core"))
    ).collect()
    return {tuple(row)[:3]: tuple(row)[3:] for row in rows}


def test_actions_are_counted_by_utc_day_visitor_and_sku(events):
    found = interactions(
        events(
            {"sku": "mug", "occurred_at": before_midnight(microseconds=1)},
            {"sku": "mug", "occurred_at": before_midnight(hours=2)},
            {"sku": "mug", "event_type": "add_to_cart", "occurred_at": before_midnight(hours=1)},
            {"sku": "mug", "event_type": "purchase", "occurred_at": MIDNIGHT},
            {"sku": "pot", "event_type": "favourite", "occurred_at": MIDNIGHT, "visitor_id": "bea"},
        )
    )
    assert found == {
        (date(2026, 3, 1), "ann", "mug"): (None, 2, 1, 0, 0),
        (date(2026, 3, 2), "ann", "mug"): (None, 0, 0, 0, 1),
        (date(2026, 3, 2), "bea", "pot"): (None, 0, 0, 1, 0),
    }


def test_the_customer_is_the_first_one_known_that_day(events):
    found = interactions(
        events(
            {"sku": "mug", "occurred_at": before_midnight(hours=3)},
            {"sku": "mug", "occurred_at": before_midnight(hours=1), "customer_id": "late"},
            {"sku": "mug", "occurred_at": before_midnight(hours=2), "customer_id": "early"},
        )
    )
    assert found == {(date(2026, 3, 1), "ann", "mug"): ("early", 3, 0, 0, 0)}


def test_searches_shares_and_removals_are_no_interactions(events):
    frame = events(
        {"event_type": "search", "occurred_at": MIDNIGHT},
        {"event_type": "share", "sku": "mug", "occurred_at": MIDNIGHT},
        {"event_type": "remove_from_cart", "sku": "mug", "occurred_at": MIDNIGHT},
        {"event_type": "view", "sku": None, "occurred_at": MIDNIGHT},
    )
    assert interactions(frame) == {}
    assert interactions(events()) == {}
