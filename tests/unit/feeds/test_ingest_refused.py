"""Loads that fail closed and files that cannot be read: what stays out, what is told, what is due again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feeds.ingest import ingest_feed
from feeds.landing import land_source
from feeds.refusals import FilesRefused
from feeds.report import FeedError, LandingError, LoadRejected
from feeds.shop import load_shop

Event = Callable[..., str]
JSON_EVENT = '{{"event_id":"e{0}","visitor_id":"v","event_type":"view","occurred_at":"2026-02-01T10:00:00Z"}}'


def test_a_file_without_a_required_column_is_refused_and_the_others_load(world: Any, event: Event) -> None:
    world.send_events("2026-02-01.csv", event(1))
    world.send("events", "2026-02-02.csv", "event_id,visitor_id,occurred_at\ne2,v,2026-02-02\n")
    with pytest.raises(
        FeedError, match=r"2026-02-02.csv: line 1 lacks the column event_type .*Send the column"
    ):
        world.ingest("events")
    assert world.rows("events", "event_id") == [("e1",)]
    (load,) = world.ledger.loads("events")
    assert (load.state, load.files) == ("done", 1)
    assert "lacks the column event_type" in world.ledger.refusals("events")[0]
    with pytest.raises(FeedError, match="lacks the column event_type"):
        world.ingest("events")
    world.send_events("2026-02-02.csv", event(2))
    assert world.ingest("events").accepted == 1
    assert world.ledger.refusals("events") == []


@pytest.mark.parametrize(
    ("n_rows", "n_bad", "fails"),
    [
        (1000, 50, False),
        (1000, 51, True),
        # A few rows are chance, whatever their share; more than half of a load is not.
        (100, 19, False),
        (100, 20, True),
        (10, 1, False),
        (10, 5, False),
        (10, 6, True),
    ],
)
def test_a_load_fails_closed_just_above_five_percent_and_twenty_rows_or_half(
    world: Any, event: Event, n_rows: int, n_bad: int, fails: bool
) -> None:
    world.send_events("2026-02-01.csv", *(event(n, kind="x" if n < n_bad else "view") for n in range(n_rows)))
    if not fails:
        assert world.ingest("events").accepted == n_rows - n_bad
        return
    with pytest.raises(
        LoadRejected, match=rf"{n_bad} of {n_rows} rows .* 2026-02-01.csv line 2, field event_type"
    ) as refused:
        world.ingest("events")
    assert refused.value.report.by_rule == {"event_type_allowed": n_bad}
    assert not world.lake.exists("raw", "events")
    assert (world.folder / "quarantine" / "events" / "1.parquet").exists()
    assert [load.state for load in world.ledger.loads("events")] == ["rejected"]


def test_a_corrected_file_replaces_the_rejected_one(world: Any, event: Event) -> None:
    world.send_events("2026-02-01.csv", *(event(n, kind="x") for n in range(3)))
    with pytest.raises(LoadRejected):
        world.ingest("events")
    world.send_events("2026-02-01.csv", *(event(n) for n in range(3)))
    told = world.ingest("events")
    assert (told.accepted, told.files, told.load_number) == (3, 1, 2)


def test_the_limit_of_rejected_rows_is_the_sources(world: Any, event: Event) -> None:
    rows = [event(n, kind="x" if n < 30 else "view") for n in range(100)]
    world.options = ", max_rejected_ratio: 0.29"
    world.send_events("2026-02-01.csv", *rows)
    with pytest.raises(LoadRejected):
        world.ingest("events")
    world.options = ", max_rejected_ratio: 0.29, min_rejected_rows: 31"
    assert world.ingest("events").quarantined == 30


def test_bytes_of_no_certain_encoding_refuse_their_file_with_the_offset(world: Any, event: Event) -> None:
    world.send_events("2026-02-01.csv", event(1))
    bad = world.send("events", "2026-02-02.csv", "event_id,sku\ne1,杯".encode("gb18030"))
    with pytest.raises(LandingError, match=r"2026-02-02.csv: byte 16 is not valid UTF-8.*encoding"):
        world.ingest("events")
    assert world.rows("events", "event_id") == [("e1",)]
    bad.unlink()
    assert world.ingest("events").skipped_reason == "nothing new has arrived"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig", "cp1252"])
def test_a_declared_encoding_is_brought_to_utf8(world: Any, encoding: str) -> None:
    world.options = f", encoding: {encoding}"
    text = "Grüße" if encoding == "cp1252" else "红色杯子"
    line = f"e1,v,search,2026-02-01T10:00:00Z,{text}\n"
    content = ("event_id,visitor_id,event_type,occurred_at,search_query\n" + line).encode(encoding)
    world.send("events", "2026-02-01.csv", content)
    world.ingest("events")
    assert world.rows("events", "search_query") == [(text,)]


def test_a_wrong_declared_encoding_is_told_with_its_offset(world: Any) -> None:
    world.options = ", encoding: gb18030"
    world.send("events", "a.csv", b"event_id\n\xff\xff\n")
    with pytest.raises(LandingError, match="byte 9 is not valid gb18030"):
        world.ingest("events")


def test_a_feed_without_source_or_folder_is_skipped_with_the_reason(world: Any, tmp_path: Path) -> None:
    assert "there is no" in (world.ingest("orders").skipped_reason or "")
    rockets = load_shop("retailrocket", world.home, data=tmp_path)
    assert "no source that provides orders" in (
        ingest_feed(rockets, "orders", world.home, key=b"k").skipped_reason or ""
    )


def test_a_feeds_folder_that_is_missing_or_not_given_is_an_error(world: Any, tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"does not exist\. Correct --feeds"):
        ingest_feed(load_shop("demo", data=tmp_path / "nowhere"), "events", world.home, key=b"k")
    with pytest.raises(FeedError, match="Name it with --feeds"):
        ingest_feed(load_shop("demo"), "events", world.home, key=b"k")


def test_a_refused_file_is_due_until_its_sender_removes_it(world: Any, event: Event) -> None:
    wrong = world.send("events", "2026-02-01.csv", "colour,shape\nred,round\n")
    world.send_events("2026-02-02.csv", event(1))
    for _ in range(2):
        with pytest.raises(FilesRefused, match="line 1 lacks the column"):
            world.ingest("events")
    wrong.unlink()
    assert world.ingest("events").skipped_reason == "nothing new has arrived"
    assert world.ledger.refusals("events") == []


def test_a_good_file_that_its_sender_removes_after_landing_is_still_loaded(world: Any, event: Event) -> None:
    sent = world.send_events("2026-02-01.csv", event(1))
    (source,) = world.shop.sources_of("events")
    land_source(source, world.folder, world.ledger)
    sent.unlink()
    assert world.ingest("events").accepted == 1
