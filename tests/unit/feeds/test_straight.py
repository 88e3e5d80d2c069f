"""A large clean file judged while it is scanned ends in the rows, lines and quarantine of the table's way."""

from __future__ import annotations

import gzip
import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from feeds import sent_file, straight, taking
from feeds.landed import LandedBytes
from feeds.quarantine import open_rows
from feeds.sent_file import SentFile
from feeds.straight import Straight

HEADER = "event_id,visitor_id,event_type,occurred_at,sku,search_query,units"
N = 3000

# What is planted into line 1,000 (or 1,000 to 1,200), and whether the scan can stay.
PLANTED = {
    "nothing": (lambda line: line, True),
    "a ragged line": (lambda line: "e,x", True),
    "a line too long": (lambda line: line + ",more,more", True),
    "a value of the wrong type": (lambda line: line.replace("2026-02-01", "yesterday"), True),
    "spaces around values": (lambda line: line.replace(",view,", ", view ,"), True),
    "spaces in quotes": (lambda line: line.replace(",view,", ',"  view",'), True),
    "an empty quoted value": (lambda line: line.replace(",view,", ',"",'), True),
    "only spaces": (lambda line: line.replace(",view,", ",  ,"), True),
    "a repeated row": (lambda line: line.replace("e999,", "e998,").replace(",v5,", ",v4,"), True),
    "the header again": (lambda line: HEADER, False),
    "an identifier with an exponent": (lambda line: line.replace("e999,", "1.23457E+12,"), False),
    "a line feed in quotes": (lambda line: line.replace(",S9,", ',"S\n9",'), False),
    "an open quote": (lambda line: line.replace(",S9,", ',"S9,'), False),
}


def lines(plant: Any) -> str:
    made = [
        f"e{n},v{n % 7},view,2026-02-01T10:{n // 60:02}:{n % 60:02}Z,S{n % 10},red shoes," for n in range(N)
    ]
    made[999] = plant(made[999])
    return "\n".join([HEADER, *made]) + "\n"


def outcome(world: Any, at_least: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    monkeypatch.setattr(straight, "MIN_BYTES", at_least)
    told = world.ingest("events", max_load_bytes=1 << 30)
    stored = world.rows("events", "_line", "event_id", "event_type", "sku", "search_query", "units")
    kept = open_rows(world.folder, "events", [1]).to_pylist()
    assert sum(told.by_day.values()) == told.accepted
    account = replace(told, seconds=0, drift=tuple(sorted(told.drift)))
    return account, stored, kept


@pytest.mark.parametrize("fault", PLANTED)
def test_a_scanned_file_ends_as_one_read_into_a_table(
    fault: str, make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, stays = PLANTED[fault]
    settled: list[bool] = []
    settle = straight.Straight.settle

    def noted(self: straight.Straight) -> str:
        settled.append(False)
        line = settle(self)
        settled[-1] = True
        return line

    monkeypatch.setattr(straight.Straight, "settle", noted)
    scanned, read = make_world(), make_world()
    for world in (scanned, read):
        world.send("events", "sent.csv", lines(plant))
    one = outcome(scanned, 0, monkeypatch)
    assert settled == [stays]
    assert outcome(read, 1 << 40, monkeypatch) == one
    assert len(settled) == 1
    if stays:
        assert all(event == f"e{line - 2}" for line, event, *_ in one[1] if line != 1001)


def test_rows_behind_rejected_lines_keep_their_lines(
    make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world()
    bad = set(range(10, 2900, 37))
    rows = ["x,y" if n in bad else f"e{n},v,view,2026-02-01T10:00:00Z,S,," for n in range(N)]
    world.options = ", max_rejected_ratio: 0.2"
    world.send("events", "sent.csv", "\n".join([HEADER, *rows]) + "\n")
    told, stored, kept = outcome(world, 0, monkeypatch)
    assert (told.accepted, told.quarantined) == (N - len(bad), len(bad))
    assert {row[:2] for row in stored} == {(n + 2, f"e{n}") for n in range(N) if n not in bad}
    assert len(kept) == len(bad)


def test_the_senders_file_is_read_in_place_of_a_plain_copy_while_it_has_the_landed_bytes(
    make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(straight, "MIN_BYTES", 0)
    copied: list[str] = []
    copy = LandedBytes._copy
    monkeypatch.setattr(LandedBytes, "_copy", lambda self, to: copied.append(to.name) or copy(self, to))
    world = make_world()
    world.send("events", "sent.csv", lines(lambda line: line))
    assert world.ingest("events").accepted == N
    assert copied == []


def test_what_landing_has_hashed_is_not_hashed_again_unless_it_changed(
    make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(straight, "MIN_BYTES", 0)
    hashed: list[str] = []
    other_events = lines(lambda line: line).replace("\ne", "\nf")
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda f, name: hashed.append(f.name) or digest(f, name))
    world = make_world()
    world.send("events", "fresh.csv", lines(lambda line: line))
    assert world.ingest("events").accepted == N
    assert len(hashed) == 1, "a change in the same tick of the clock could not be seen"
    monkeypatch.setattr(sent_file, "_SETTLED_NS", 0)
    world.send("events", "settled.csv", other_events)
    assert world.ingest("events").accepted == N
    assert len(hashed) == 1


@pytest.mark.parametrize("packed", ["gz", "utf-16"])
def test_what_landed_otherwise_than_it_was_sent_is_not_taken_for_the_sent_file(
    packed: str, make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_file, "_SETTLED_NS", 0)
    noted: list[Path] = []
    monkeypatch.setattr(taking, "note_landed", lambda path, *_: noted.append(path))
    world = make_world()
    text = lines(lambda line: line)
    other_events = text.replace("\ne", "\nf")
    path = world.feeds / "events" / ("sent.csv.gz" if packed == "gz" else "sent.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if packed == "gz" else text.encode("utf-16"))
    assert world.ingest("events").accepted == N
    assert noted == []
    world.send("events", "plain.csv", other_events)
    world.ingest("events")
    assert [path.name for path in noted] == ["plain.csv"]


@pytest.mark.parametrize("settled_ns", [sent_file._SETTLED_NS, 0])
@pytest.mark.parametrize("moment", ["before it is read", "while it is read"])
def test_a_file_that_its_sender_changes_after_landing_is_loaded_as_it_was_landed(
    moment: str, settled_ns: int, make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(straight, "MIN_BYTES", 0)
    monkeypatch.setattr(sent_file, "_SETTLED_NS", settled_ns)
    world = make_world()
    path = world.send("events", "sent.csv", lines(lambda line: line))
    look = SentFile.holds if moment == "before it is read" else Straight.settle

    def changed(*arguments: Any) -> Any:
        # Of the same size, and with the time of change set back, as a careless copy would leave it.
        time.sleep(0.02)  # a tick of the file system's clock
        before = path.stat()
        path.write_text(path.read_text().replace(",S9,", ",S8,"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return look(*arguments)

    monkeypatch.setattr(
        *(SentFile, "holds") if moment == "before it is read" else (Straight, "settle"), changed
    )
    assert world.ingest("events").accepted == N
    skus = {sku for _, sku in world.rows("events", "event_id", "sku")}
    assert skus == {f"S{n}" for n in range(10)}
