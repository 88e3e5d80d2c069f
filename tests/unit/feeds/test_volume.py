"""Days with ten times or a tenth of the usual rows are told, or held where the source says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from feeds.limits import volume_spikes
from feeds.report import VolumeHeld

MONDAY = date(2026, 2, 2)
USUAL = {MONDAY - timedelta(weeks=w): rows for w, rows in ((1, 100), (2, 90), (3, 110), (4, 100))}


@pytest.mark.parametrize(
    ("rows", "is_unusual"), [(11, False), (10, True), (1, True), (100, False), (999, False), (1000, True)]
)
def test_ten_times_or_a_tenth_of_the_weekdays_median_is_unusual(rows: int, is_unusual: bool) -> None:
    assert bool(volume_spikes(USUAL, {MONDAY: rows})) == is_unusual


def test_other_weekdays_short_histories_and_small_numbers_are_not_judged() -> None:
    assert volume_spikes(USUAL, {MONDAY + timedelta(days=1): 5000}) == []
    assert volume_spikes(dict(list(USUAL.items())[:2]), {MONDAY: 5000}) == []
    assert volume_spikes(dict.fromkeys(USUAL, 2), {MONDAY: 40}) == []


def test_a_late_record_makes_no_old_day_unusual() -> None:
    assert volume_spikes({**USUAL, MONDAY: 95}, {MONDAY: 1}) == []


def days_of_events(world: Any, event: Callable[..., str], weeks: int, rows: int) -> None:
    for week in range(weeks):
        day = date(2026, 1, 5) + timedelta(weeks=week)
        lines = [event(1000 * week + n, at=f"{day}T10:00:00Z") for n in range(rows)]
        world.send_events(f"{day}.csv", *lines)


@pytest.mark.parametrize("setting", ["warn", "hold"])
def test_a_spike_is_loaded_with_a_warning_or_held_and_loaded_once_it_may(
    world: Any, event: Callable[..., str], setting: str
) -> None:
    days_of_events(world, event, weeks=4, rows=25)
    assert world.ingest("events").volume == ()
    world.options = f", on_volume: {setting}"
    world.send_events("2026-02-02.csv", *(event(n, at="2026-02-02T09:00:00Z") for n in range(9000, 9250)))
    if setting == "hold":
        with pytest.raises(VolumeHeld, match="2026-02-02: 250 rows, where 25 are usual"):
            world.ingest("events")
        assert len(world.rows("events", "event_id")) == 100
        assert world.ledger.loads("events")[-1].state == "rejected"
        world.options = ", on_volume: warn"
    told = world.ingest("events")
    assert (told.accepted, told.volume) == (
        250,
        ("2026-02-02: 250 rows, where 25 are usual on this weekday",),
    )
    assert world.ledger.loads("events")[-1].volume == told.volume
    assert world.ledger.rows_by_day("events")[date(2026, 2, 2)] == 250


def test_a_late_event_changes_its_own_day_only_and_the_days_touched_are_counted(
    world: Any, event: Callable[..., str]
) -> None:
    days_of_events(world, event, weeks=3, rows=5)
    world.ingest("events")
    before = world.ledger.rows_by_day("events")
    world.send("events", "late.csv", world_header() + event(7777, at="2026-01-12T23:30:00Z") + "\n")
    told = world.ingest("events")
    assert (told.days_touched, told.by_day) == (1, {date(2026, 1, 13): 1})
    assert world.ledger.rows_by_day("events") == before | {date(2026, 1, 13): 1}


def world_header() -> str:
    return "event_id,visitor_id,event_type,occurred_at,sku\n"
