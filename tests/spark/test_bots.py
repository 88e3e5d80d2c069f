"""Which sessions are set aside, at and just beyond each bound."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from transforms.bots import BotParams, judged, of_bots, of_people, without_bots
from transforms.sessions import summarise, with_sessions

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def reasons(frame, params=None):
    found = judged(summarise(with_sessions(frame)), params or BotParams())
    return {row.visitor_id: row.bot_reason for row in found.collect()}


def steady(visitor, n, seconds_apart):
    return [
        {
            "event_id": f"{visitor}{i:05}",
            "visitor_id": visitor,
            "occurred_at": NOON + timedelta(seconds=i * seconds_apart),
        }
        for i in range(n)
    ]


def test_each_bound_belongs_to_people_and_one_more_to_machines(events):
    frame = events(
        *steady("five_hundred", 500, 10),
        *steady("five_hundred_and_one", 501, 10),
        *steady("sixty_in_a_minute", 60, 0.5),
        *steady("sixty_one_in_a_minute", 61, 0.5),
        *steady("a_burst", 20, 0.01),
        *steady("a_day", 49, 1800),
        *steady("a_day_and_more", 50, 1800),
    )
    assert reasons(frame) == {
        "five_hundred": None,
        "five_hundred_and_one": "too_many_events",
        "sixty_in_a_minute": None,
        "sixty_one_in_a_minute": "too_fast",
        "a_burst": None,
        "a_day": None,
        "a_day_and_more": "endless",
    }


def test_a_fast_pace_held_for_minutes_is_a_machines(events):
    # 301 events in 150 seconds: 120 a minute, though fewer than the bound on events.
    assert reasons(events(*steady("fast", 301, 0.5))) == {"fast": "too_fast"}


@pytest.mark.parametrize(
    ("params", "reason"),
    [(BotParams(max_events=5), "too_many_events"), (BotParams(max_events_per_minute=4), "too_fast"),
     (BotParams(max_hours=0.001), "endless"), (BotParams(), None)],
)  # fmt: skip
def test_the_bounds_are_settings(events, params, reason):
    assert reasons(events(*steady("ann", 6, 1)), params) == {"ann": reason}


def test_every_session_is_either_a_persons_or_a_bots_and_bots_take_their_events_with_them(events):
    tagged = with_sessions(events(*steady("person", 3, 20), *steady("bot", 600, 5)))
    sessions = judged(summarise(tagged))
    assert [row.visitor_id for row in of_people(sessions).collect()] == ["person"]
    assert [(row.visitor_id, row.bot_reason) for row in of_bots(sessions).collect()] == [
        ("bot", "too_many_events")
    ]
    kept = without_bots(tagged, of_bots(sessions)).select("event_id").collect()
    assert sorted(row.event_id for row in kept) == ["person00000", "person00001", "person00002"]
