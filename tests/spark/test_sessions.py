"""Where one visit ends and the next begins, checked against cases worked out by hand."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from chispa import assert_df_equality
from pyspark.sql import functions as F

from data_quality.contract import load_contract
from transforms.sessions import SessionParams, summarise, with_sessions
from transforms.tables import conform, contract_schema

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(minutes=0, seconds=0, microseconds=0):
    return NOON + timedelta(minutes=minutes, seconds=seconds, microseconds=microseconds)


def visits(frame, **params):
    """Event ids by session, in order of position, sessions in order of their first event."""
    rows = (
        with_sessions(frame, SessionParams(**params))
        .orderBy("visitor_id", "occurred_at", "event_id")
        .collect()
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.session_id, []).append(row.event_id)
        assert row.position == len(found[row.session_id])
    return list(found.values())


def test_a_pause_of_exactly_thirty_minutes_stays_in_the_session(events):
    frame = events({"occurred_at": at()}, {"occurred_at": at(30)}, {"occurred_at": at(60)})
    assert visits(frame) == [["e00", "e01", "e02"]]


def test_a_microsecond_more_than_thirty_minutes_begins_a_new_session(events):
    frame = events({"occurred_at": at()}, {"occurred_at": at(30, microseconds=1)})
    assert visits(frame) == [["e00"], ["e01"]]


def test_the_pause_is_a_setting(events):
    frame = events({"occurred_at": at()}, {"occurred_at": at(6)})
    assert visits(frame, gap_minutes=5) == [["e00"], ["e01"]]


def test_visitors_never_share_a_session(events):
    frame = events({"occurred_at": at()}, {"occurred_at": at(), "visitor_id": "bea"})
    assert visits(frame) == [["e00"], ["e01"]]


def test_a_session_lasts_across_midnight_and_the_change_to_summer_time(events):
    before = datetime(2026, 3, 29, 0, 50, tzinfo=UTC)
    frame = events({"occurred_at": before}, {"occurred_at": before + timedelta(minutes=20)})
    assert visits(frame) == [["e00", "e01"]]


def test_actions_at_one_instant_are_ordered_by_event_id(events):
    frame = events(
        {"event_id": "b", "occurred_at": at()},
        {"event_id": "c", "occurred_at": at()},
        {"event_id": "a", "occurred_at": at()},
    )
    assert visits(frame) == [["a", "b", "c"]]


def test_a_session_named_by_the_source_is_kept_apart_even_when_visits_overlap(events):
    frame = events(
        {"source_session_id": "left", "occurred_at": at(0)},
        {"source_session_id": "right", "occurred_at": at(0)},
        {"source_session_id": "left", "occurred_at": at(2)},
        {"source_session_id": None, "occurred_at": at(3)},
    )
    assert sorted(visits(frame)) == [["e00", "e02"], ["e01"], ["e03"]]


def test_a_long_pause_splits_a_session_named_by_the_source_too(events):
    frame = events(
        {"source_session_id": "left", "occurred_at": at(0)},
        {"source_session_id": "left", "occurred_at": at(31)},
    )
    assert visits(frame) == [["e00"], ["e01"]]


def test_an_action_delivered_twice_counts_once(events):
    twice = {"event_id": "a", "occurred_at": at()}
    assert visits(events(twice, {"event_id": "b", "occurred_at": at()}, twice)) == [["a", "b"]]


def test_the_session_id_is_the_hash_of_visitor_source_session_and_start(events):
    frame = events(
        {"occurred_at": at(1)},
        {"visitor_id": "bea", "source_session_id": "s9", "occurred_at": at(2)},
    )
    micros = int(NOON.timestamp()) * 1_000_000
    expected = {
        "ann": hashlib.sha256(f"ann|{micros + 60_000_000}".encode()).hexdigest(),
        "bea": hashlib.sha256(f"bea|s9|{micros + 120_000_000}".encode()).hexdigest(),
    }
    assert {r.visitor_id: r.session_id for r in with_sessions(frame).collect()} == expected


def test_the_order_of_rows_changes_nothing(spark, events):
    frame = events(*[{"visitor_id": f"v{n % 3}", "occurred_at": at((n * 17) % 240)} for n in range(60)])
    shuffled = frame.orderBy(F.hash("event_id")).repartition(5)
    assert_df_equality(with_sessions(frame), with_sessions(shuffled), ignore_row_order=True)


def test_a_session_is_summed_up_with_what_was_seen_first(spark, events):
    frame = events(
        {"event_type": "view", "sku": "mug", "occurred_at": at(0), "device_type": "mobile"},
        {"event_type": "search", "occurred_at": at(1), "channel": "email", "country": "DE"},
        {
            "event_type": "add_to_cart",
            "sku": "mug",
            "occurred_at": at(2),
            "customer_id": "c7",
            "device_type": "app",
        },
        {"event_type": "purchase", "sku": "mug", "occurred_at": at(3), "customer_id": "c8", "order_id": "o1"},
        {
            "event_type": "purchase",
            "sku": "pot",
            "occurred_at": at(3, seconds=30),
            "order_id": "o2",
            "country": "FR",
        },
    )
    (row,) = conform(
        summarise(with_sessions(frame)), contract_schema(load_contract("sessions", "core"))
    ).collect()
    got = row.asDict()
    # Spark hands timestamps over in the zone of this machine; compare instants.
    times = {name: got.pop(name).astimezone(UTC) for name in ("started_at", "ended_at")}
    assert times == {"started_at": at(0), "ended_at": at(3, seconds=30)}
    assert len(got.pop("session_id")) == 64
    assert got == {
        "visitor_id": "ann", "customer_id": "c7", "duration_seconds": 210, "n_events": 5, "n_views": 1,
        "n_searches": 1, "n_add_to_carts": 1, "n_remove_from_carts": 0, "n_favourites": 0, "n_shares": 0,
        "n_purchases": 2, "n_skus": 2, "order_id": "o1", "device_type": "mobile", "country": "DE",
        "channel": "email",
    }  # fmt: skip


@pytest.mark.parametrize("make", [with_sessions, lambda frame: summarise(with_sessions(frame))])
def test_no_events_make_no_sessions(events, make):
    assert make(events()).collect() == []
