"""Which items go together: counts and weights worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from chispa import assert_df_equality
from pyspark.sql import functions as F

from data_quality.contract import load_contract
from transforms.pairs import PairParams, item_pairs
from transforms.sessions import with_sessions
from transforms.tables import conform, contract_schema

AS_OF_END = datetime(2026, 3, 2, tzinfo=UTC)
ONCE = PairParams(min_together=1)


def days_ago(days, seconds=0):
    return AS_OF_END - timedelta(days=days, seconds=seconds)


def pairs(session_events=None, lines=None, params=ONCE):
    found = item_pairs(session_events, lines, AS_OF_END, params)
    rows = conform(found, contract_schema(load_contract("item_pairs", "core"))).collect()
    return {(r.pair_kind, r.sku, r.paired_sku): r for r in rows}


def test_orders_pair_their_product_lines_in_both_directions(order_lines):
    found = pairs(
        lines=order_lines(
            ("o1", "mug", days_ago(30)),
            ("o1", "pot", days_ago(30)),
            ("o1", "post", days_ago(30), "shipping"),
            ("o2", "mug", days_ago(60)),
            ("o2", "pot", days_ago(60)),
            ("o2", "pot", days_ago(60)),
            ("o3", "mug", days_ago(1)),
        )
    )
    assert sorted(found) == [("co_purchase", "mug", "pot"), ("co_purchase", "pot", "mug")]
    there, back = found["co_purchase", "mug", "pot"], found["co_purchase", "pot", "mug"]
    assert (there.n_together, there.n_sku, there.n_paired) == (2, 3, 2)
    assert (back.n_together, back.n_sku, back.n_paired) == (2, 2, 3)
    # One half-life ago weighs a half, two weigh a quarter.
    assert there.decayed_weight == back.decayed_weight == pytest.approx(0.75, abs=1e-11)
    assert there.last_together_at.astimezone(UTC) == days_ago(30)


def test_sessions_pair_views_with_views_and_carts_with_carts(events):
    frame = with_sessions(
        events(
            {"sku": "mug", "occurred_at": days_ago(1, 300)},
            {"sku": "pot", "occurred_at": days_ago(1, 200)},
            {"sku": "mug", "occurred_at": days_ago(1, 100)},
            {"sku": "mug", "event_type": "add_to_cart", "occurred_at": days_ago(1, 90)},
            {"sku": "pan", "event_type": "add_to_cart", "occurred_at": days_ago(1, 80)},
            {"event_type": "search", "occurred_at": days_ago(1, 70)},
            {"sku": "lid", "event_type": "favourite", "occurred_at": days_ago(1, 60)},
        )
    )
    found = pairs(frame, params=PairParams(min_together=1, half_life_days=10))
    assert sorted(found) == [
        ("co_cart", "mug", "pan"), ("co_cart", "pan", "mug"),
        ("co_view", "mug", "pot"), ("co_view", "pot", "mug"),
    ]  # fmt: skip
    viewed = found["co_view", "mug", "pot"]
    assert viewed.last_together_at.astimezone(UTC) == days_ago(1, 100)
    assert viewed.decayed_weight == pytest.approx(2 ** -((1 + 100 / 86400) / 10), abs=1e-11)


def test_purchase_events_stand_in_only_where_a_shop_has_no_order_lines(events, order_lines):
    frame = with_sessions(
        events(
            {"sku": "mug", "event_type": "purchase", "order_id": "o1", "occurred_at": days_ago(1)},
            {"sku": "pot", "event_type": "purchase", "order_id": "o1", "occurred_at": days_ago(0.5)},
            {"sku": "lid", "event_type": "purchase", "occurred_at": days_ago(0.1, 1)},
            {"sku": "pan", "event_type": "purchase", "occurred_at": days_ago(0.1)},
        )
    )
    without_lines = pairs(frame)
    # An order spans sessions; without an order the session is the basket.
    assert {key[1:] for key in without_lines} == {
        ("mug", "pot"),
        ("pot", "mug"),
        ("lid", "pan"),
        ("pan", "lid"),
    }
    with_lines = pairs(frame, order_lines(("o9", "a", days_ago(1)), ("o9", "b", days_ago(1))))
    assert {key[1:] for key in with_lines} == {("a", "b"), ("b", "a")}


def test_a_pair_that_met_once_is_left_out_by_default(order_lines):
    once = [("o1", "mug", days_ago(1)), ("o1", "pot", days_ago(1))]
    twice = [*once, ("o2", "mug", days_ago(2)), ("o2", "pot", days_ago(2))]
    assert pairs(lines=order_lines(*once), params=PairParams()) == {}
    assert len(pairs(lines=order_lines(*twice), params=PairParams())) == 2


def test_only_the_last_items_of_a_long_session_pair_and_all_count_as_support(events):
    frame = with_sessions(
        events(*[{"sku": f"s{n}", "occurred_at": days_ago(0.5, 60 * (9 - n))} for n in range(5)])
    )
    found = pairs(frame, params=PairParams(min_together=1, max_session_skus=2))
    assert sorted(found) == [("co_view", "s3", "s4"), ("co_view", "s4", "s3")]
    assert found["co_view", "s3", "s4"].n_sku == 1


def test_of_equal_pairs_those_of_the_lower_sku_are_kept(order_lines):
    lines = [(f"o{n}", sku, days_ago(3)) for n, other in enumerate("dbca") for sku in ("x", other)]
    found = pairs(lines=order_lines(*lines), params=PairParams(min_together=1, max_paired=2))
    assert sorted(paired for _, sku, paired in found if sku == "x") == ["a", "b"]
    assert {sku for _, sku, paired in found if paired == "x"} == {"a", "b", "c", "d"}


def test_heavier_pairs_are_kept_before_more_frequent_ones(order_lines):
    old = [(f"old{n}", sku, days_ago(300)) for n in range(3) for sku in ("x", "often")]
    new = [("new", "x", days_ago(1)), ("new", "lately", days_ago(1))]
    found = pairs(lines=order_lines(*old, *new), params=PairParams(min_together=1, max_paired=1))
    assert [paired for _, sku, paired in found if sku == "x"] == ["lately"]


def test_the_order_of_rows_does_not_change_a_single_bit(order_lines):
    lines = order_lines(*[(f"o{n // 3}", f"s{(n * n) % 11}", days_ago(n / 7)) for n in range(300)])
    params = PairParams(min_together=1, max_paired=3)
    straight = item_pairs(None, lines, AS_OF_END, params)
    shuffled = item_pairs(None, lines.orderBy(F.hash("order_id", "sku")).repartition(7), AS_OF_END, params)
    assert_df_equality(straight, shuffled, ignore_row_order=True)


def test_nothing_bought_makes_no_pairs(events, order_lines):
    assert pairs(with_sessions(events()), order_lines()) == {}


def test_pairs_of_nothing_at_all_are_refused():
    with pytest.raises(ValueError, match="neither session events nor order lines"):
        item_pairs(None, None, AS_OF_END)
