"""From files to one commit: what arrives counts once, bad lines are set aside, bad files stop the feed."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from data_quality.contract import load_contract
from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.landing import land_source
from feeds.shop import load_shop

Event = Callable[..., str]
JSON_EVENT = '{{"event_id":"e{0}","visitor_id":"v","event_type":"view","occurred_at":"2026-02-01T10:00:00Z"}}'


def test_a_day_of_events_becomes_one_commit_with_its_account(world: Any, event: Event) -> None:
    world.send_events("2026-02-01.csv", *(event(n) for n in range(5)))
    told = world.ingest("events")
    assert (told.rows_read, told.accepted, told.load_number, told.delta_version) == (5, 5, 1, 0)
    assert told.by_day == {date(2026, 2, 1): 5}
    table = world.lake.read("raw", "events")
    expected = load_contract("events").arrow_schema()
    assert table.schema.names == [*expected.names, "_load_number", "_file_id", "_line", "_month"]
    assert [table.schema.field(f.name).type for f in expected] == [f.type for f in expected]
    assert world.rows("events", "_line", "_month", "_load_number")[0] == (2, "2026-02", 1)
    (load,) = world.ledger.loads("events")
    assert (load.state, load.accepted, load.delta_version) == ("done", 5, 0)


def test_replaying_a_file_under_any_name_is_a_no_op(world: Any, event: Event) -> None:
    first = world.send_events("2026-02-01.csv", event(1))
    world.ingest("events")
    assert world.ingest("events").skipped_reason == "nothing new has arrived"
    world.send("events", "again 2026-02-01.csv", first.read_bytes())
    first.touch()
    assert world.ingest("events").skipped_reason == "nothing new has arrived"
    assert world.lake.version("raw", "events") == 0


def test_a_file_that_repeats_known_rows_adds_only_the_new_ones(world: Any, event: Event) -> None:
    world.send_events("2026-02-01.csv", event(1), event(2))
    world.ingest("events")
    world.send_events("2026-02-02.csv", event(2), event(3, at="2026-02-02T10:00:00Z"))
    told = world.ingest("events")
    assert (told.accepted, told.deduplicated) == (1, 1)
    assert world.rows("events", "event_id") == [("e1",), ("e2",), ("e3",)]


def test_late_files_are_taken_when_they_come(world: Any, event: Event) -> None:
    world.send_events("2026-02-03.csv", event(3, at="2026-02-03T10:00:00Z"))
    world.ingest("events")
    world.send_events("2026-01-30.csv", event(1, at="2026-01-30T10:00:00Z"))
    told = world.ingest("events")
    assert (told.accepted, told.by_day) == (1, {date(2026, 1, 30): 1})
    assert world.rows("events", "event_id") == [("e1",), ("e3",)]


def test_only_the_days_asked_for_are_taken_and_files_without_a_day_always(world: Any, event: Event) -> None:
    for day in (1, 2, 3):
        world.send_events(f"2026-02-0{day}.csv", event(day))
    world.send_events("backlog.csv", event(9))
    told = world.ingest("events", first_day=date(2026, 2, 2), last_day=date(2026, 2, 2))
    assert world.rows("events", "event_id") == [("e2",), ("e9",)]
    assert told.files == 2
    assert world.ingest("events").accepted == 2


def test_ragged_lines_are_quarantined_with_their_line_and_the_rest_loads(world: Any, event: Event) -> None:
    lines = [event(n) for n in range(100)]
    lines[10], lines[20], lines[30] = "e10,v1", event(20) + ",too,many", 'e30,"v,view'
    world.send_events("2026-02-01.csv", *lines)
    told = world.ingest("events")
    assert (told.rows_read, told.accepted, told.quarantined) == (100, 97, 3)
    assert told.by_rule == {"csv_missing_columns": 1, "csv_too_many_columns": 1, "unterminated_quote": 1}
    path = str(world.folder / "quarantine" / "events" / "1.parquet")
    rows = duckdb.execute(
        "select line, file_name, rule from read_parquet(?) order by line", [path]
    ).fetchall()
    assert [(line, name) for line, name, _ in rows] == [(n, "2026-02-01.csv") for n in (12, 22, 32)]


def test_quoted_newlines_keep_true_line_numbers(world: Any) -> None:
    header = "event_id,visitor_id,event_type,occurred_at,search_query\r\n"
    body = 'e1,v,search,2026-02-01T10:00:00Z,"red\r\nshoes"\r\n\ne2,v,search,2026-02-01T10:00:00Z,hat\n'
    world.send("events", "f.csv", header + body)
    world.ingest("events")
    assert world.rows("events", "event_id", "_line", "search_query") == [
        ("e1", 2, "red\nshoes"),
        ("e2", 5, "hat"),
    ]


def test_bad_json_lines_are_quarantined_with_their_line(world: Any) -> None:
    lines = [JSON_EVENT.format(n) for n in range(100)]
    lines[5], lines[6], lines[7] = '{"event_id": ', "[1, 2]", JSON_EVENT.format(7).replace("view", "vi\x01ew")
    world.send("events", "2026-02-01.jsonl", "\n".join(lines))
    told = world.ingest("events")
    assert (told.accepted, told.by_rule) == (97, {"json_invalid": 2, "json_not_an_object": 1})
    assert sorted(example["line"] for example in told.examples) == [6, 7, 8]


def test_an_unknown_column_is_ignored_and_reported_as_drift(world: Any, event: Event) -> None:
    world.send(
        "events", "a.csv", "event_id,visitor_id,event_type,occurred_at,mood\ne1,v,view,2026-02-01,happy\n"
    )
    world.send("events", "b.jsonl", JSON_EVENT.format(2).replace("}", ',"weather":"fine"}'))
    drift = world.ingest("events").drift
    assert "events: unknown column 'mood' is ignored" in drift
    assert "events: unknown column 'weather' is ignored" in drift


def test_empty_files_and_headers_alone_bring_no_rows_and_are_reported(world: Any) -> None:
    world.send_events("2026-02-01.csv")
    world.send("events", "2026-02-02.csv", "")
    told = world.ingest("events")
    assert (told.rows_read, told.files) == (0, 2)
    assert "2026-02-02.csv: the file is empty" in told.drift
    assert world.lake.n_rows("raw", "events") == 0
    assert world.ingest("events").skipped_reason


def test_unfinished_transfers_are_left_for_next_time(world: Any, event: Event) -> None:
    path = world.send_events("2026-02-01.csv.part", event(1))
    assert world.ingest("events").skipped_reason == "nothing new has arrived"
    path.rename(path.with_suffix(""))
    assert world.ingest("events").accepted == 1


def test_a_file_that_changes_while_it_is_read_is_left(
    world: Any, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    import feeds.taking

    path, copy = world.send_events("2026-02-01.csv", event(1)), feeds.taking._written

    def copy_while_it_grows(*arguments: Any) -> tuple[str, int]:
        outcome = copy(*arguments)
        with path.open("a") as growing:
            growing.write(event(2) + "\n")
        return outcome

    monkeypatch.setattr(feeds.taking, "_written", copy_while_it_grows)
    source = world.shop.sources_of("events")[0]
    assert land_source(source, world.folder, world.ledger).unfinished == 1
    monkeypatch.undo()
    assert world.ingest("events").accepted == 2


def test_many_bytes_are_taken_in_several_loads(world: Any, event: Event) -> None:
    for day in (1, 2, 3):
        world.send_events(f"2026-02-0{day}.csv", event(day))
    told = world.ingest("events", max_load_bytes=150)
    assert (told.loads, told.accepted) == ((1, 2, 3), 3)


def test_two_ingestions_at_once_count_every_row_once(world: Any, event: Event) -> None:
    for day in range(1, 6):
        world.send_events(f"2026-02-0{day}.csv", *(event(day * 100 + n) for n in range(20)))
    shop = world.shop
    with ThreadPoolExecutor(3) as pool:
        started = [pool.submit(ingest_feed, shop, "events", world.home, key=b"k") for _ in range(3)]
        told = sorted(future.result().accepted for future in started)
    assert told == [0, 0, 100]
    assert world.lake.n_rows("raw", "events") == 100


def test_personal_data_is_in_no_file_but_landing(world: Any) -> None:
    rows = (
        "".join(f"c{n},Ada{n} Lovelace,ada{n}@example.org,2026-02-01\n" for n in range(30))
        + "c1,Bob Secret,x,soon\n"
    )
    world.send("customers", "2026-02-01.csv", "customer_id,full_name,email,updated_at\n" + rows)
    told = world.ingest("customers")
    assert (told.accepted, told.quarantined) == (30, 1)
    hashes = world.rows("customers", "full_name")
    assert all(len(value) == 64 for (value,) in hashes)
    assert len(set(hashes)) == 30
    for path in world.folder.rglob("*"):
        if path.is_file() and "landing" not in path.parts:
            content = str(pq.read_table(path).to_pydict()) if path.suffix == ".parquet" else path.read_bytes()
            assert not any(secret in str(content) for secret in ("Lovelace", "example.org", "Secret")), path


def test_one_feed_from_two_platforms_is_loaded_a_dialect_at_a_time(tmp_path: Path) -> None:
    """The golden order of Taobao and of JD, in their own files: both end in one table of orders."""
    golden, home = Path(__file__).parents[2] / "data" / "golden", tmp_path / "home"
    sources = [{"name": p, "path": str(golden / p), "dialect": p} for p in ("taobao", "jd")]
    shop = {"name": "two", "time_zone": "Asia/Shanghai", "currency": "CNY", "sources": sources}
    (home / "shops").mkdir(parents=True)
    (home / "shops" / "two.yaml").write_text(json.dumps(shop))
    two = load_shop("two", home)
    told = ingest_feed(two, "orders", home, key=b"k", now=datetime(2030, 1, 1, tzinfo=UTC))
    assert len(told.loads) == 2
    orders = Lake(home / "two" / "lake").read("raw", "orders", columns=["channel", "_load_number"])
    assert set(orders["channel"].to_pylist()) == {"taobao", "jd"}
    assert len(set(orders["_load_number"].to_pylist())) == 2
    assert ingest_feed(two, "orders", home, key=b"k").skipped_reason
