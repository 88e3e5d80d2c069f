"""Quarantined rows that a corrected contract or source makes good are released once, with an audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

import feeds.batch
import feeds.replay
from data_quality.contract import Contract, load_contract
from feeds.replay import replay_quarantine
from feeds.report import FeedError, LoadReport

Event = Callable[..., str]
KEY = b"test key"


def replay(world: Any, feed: str = "events") -> LoadReport:
    return replay_quarantine(world.shop, feed, world.home, key=KEY, by="ann")


def allow(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    """A next version of the events contract that allows more kinds of events."""
    known = load_contract("events")
    columns = tuple(
        replace(c, allowed=(*c.allowed, *kinds)) if c.name == "event_type" else c for c in known.columns
    )
    later: Contract = replace(known, columns=columns, version="1.1.0")
    monkeypatch.setattr(feeds.replay, "load_contract", lambda name: later)


@pytest.fixture
def stocked(world: Any, event: Event) -> Any:
    """Two files with 200 good rows, three wishes, two kinds that nobody knows, and a torn line."""
    good = [event(n) for n in range(100)]
    world.send_events("2026-02-01.csv", *good, event(200, kind="wish"), event(201, kind="wish"), "torn,line")
    later = [event(n, at="2026-02-02T10:00:00Z") for n in range(300, 400)]
    world.send_events(
        "2026-02-02.csv", event(202, kind="wish"), *later, event(203, kind="poke"), event(204, kind="poke")
    )
    assert world.ingest("events").quarantined == 6
    return world


def test_exactly_the_rows_that_are_good_now_become_one_new_load(
    stocked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, "wish")
    told = replay(stocked)
    assert (told.rows_read, told.accepted, told.quarantined, told.load_number) == (6, 3, 3, 2)
    assert told.by_day == {date(2026, 2, 1): 2, date(2026, 2, 2): 1}
    rows = stocked.rows("events", "event_id", "_load_number", "_line")
    assert [row for row in rows if row[1] == 2] == [("e200", 2, 102), ("e201", 2, 103), ("e202", 2, 2)]
    assert len(rows) == 203
    load = stocked.ledger.loads("events")[1]
    assert (load.state, load.contract, load.accepted) == ("done", "events 1.1.0", 3)


def test_replaying_again_changes_nothing_and_the_next_fix_releases_the_rest(
    stocked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, "wish")
    replay(stocked)
    again = replay(stocked)
    assert "none of 3 quarantined rows" in (again.skipped_reason or "")
    assert (len(stocked.ledger.loads("events")), stocked.lake.version("raw", "events")) == (2, 1)
    allow(monkeypatch, "wish", "poke")
    assert replay(stocked).accepted == 2
    assert len(stocked.rows("events", "event_id")) == 205


def test_the_audit_says_who_released_which_row_from_which_load_and_the_quarantine_stays(
    stocked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder: Path = stocked.folder / "quarantine" / "events"
    before = (folder / "1.parquet").read_bytes()
    allow(monkeypatch, "wish")
    replay(stocked)
    audit = duckdb.execute(
        "select from_load, load_number, file_name, line, rule, outcome, released_by, released_at is not null "
        "from read_parquet(?) order by file_name, line",
        [str(folder / "released" / "2.parquet")],
    ).fetchall()
    told = ("event_type_allowed", "accepted", "ann", True)
    assert audit == [
        (1, 2, "2026-02-01.csv", 102, *told),
        (1, 2, "2026-02-01.csv", 103, *told),
        (1, 2, "2026-02-02.csv", 2, *told),
    ]
    assert (folder / "1.parquet").read_bytes() == before


def test_a_row_that_meanwhile_came_another_way_is_released_as_a_duplicate(
    stocked: Any, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, "wish")
    monkeypatch.setattr("feeds.ingest.load_contract", feeds.replay.load_contract)
    stocked.send_events("2026-02-03.csv", event(200, kind="wish"))
    assert stocked.ingest("events").accepted == 1
    told = replay(stocked)
    assert (told.accepted, told.deduplicated) == (2, 1)
    assert "keeps the contract yet" in (replay(stocked).skipped_reason or "")


def test_an_error_before_the_commit_leaves_every_row_open(
    stocked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, "wish")
    with monkeypatch.context() as full:
        full.setattr(feeds.replay, "commit_accepted", lambda *a, **k: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            replay(stocked)
    assert not list((stocked.folder / "quarantine" / "events").glob("released/*"))
    assert (replay(stocked).accepted, stocked.ledger.loads("events")[-1].number) == (3, 2)


def test_rows_of_a_rejected_load_are_not_replayed_for_their_files_are_due_again(
    world: Any, event: Event
) -> None:
    world.send_events("2026-02-01.csv", *(event(n, kind="wish") for n in range(30)))
    with pytest.raises(FeedError, match="30 of 30"):
        world.ingest("events")
    assert replay(world).skipped_reason == "no quarantined row of events is open"


def test_originals_that_are_gone_are_told_with_the_remedy(stocked: Any) -> None:
    for original in (stocked.folder / "landing").rglob("*.csv"):
        original.unlink()
    with pytest.raises(FeedError, match=r"6 quarantined rows are open, but .* gone\. Send the files again"):
        replay(stocked)


def test_a_feed_without_quarantine_has_nothing_to_replay(world: Any, event: Event) -> None:
    world.send_events("2026-02-01.csv", event(1))
    world.ingest("events")
    assert replay(world).skipped_reason == "no quarantined row of events is open"
