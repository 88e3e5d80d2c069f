"""The ledger says which files are due, and concurrent writers lose nothing."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import pytest

from feeds.connectors.files import feed_date, find_files
from feeds.ledger import Ledger
from feeds.ledger_rows import LandedFile, Sighting


def landed(name: str, sha256: str | None = None) -> LandedFile:
    sha = sha256 or name
    return LandedFile("s", sha, name, 10, feed_date(name), f"landing/s/{sha}.csv", "csv")


def record(ledger: Ledger, *files: LandedFile) -> list[str]:
    sightings = [Sighting("s", f.name, f.size, 1, f.sha256) for f in files]
    return [f.name for f in ledger.record_landed(files, sightings)]


def due(ledger: Ledger, feed: str = "events") -> list[str]:
    return [file.name for file in ledger.pending(feed, ["s"])]


def test_files_are_due_once_for_each_feed_oldest_day_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    record(ledger, landed("2026-02-02.csv"), landed("2026-02-01.csv"), landed("all.csv"))
    assert due(ledger) == ["all.csv", "2026-02-01.csv", "2026-02-02.csv"]
    number = ledger.begin("events", ledger.pending("events", ["s"]), at_least=1)
    assert (due(ledger), len(due(ledger, "orders"))) == ([], 3)
    ledger.forget("events", number)
    assert len(due(ledger)) == 3


def test_the_same_content_is_landed_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert record(ledger, landed("a.csv", "x")) == ["a.csv"]
    assert record(ledger, landed("b.csv", "x")) == []
    assert due(ledger) == ["a.csv"]


def test_a_file_replaced_before_it_was_consumed_is_not_due(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    record(ledger, landed("a.csv", "old"))
    record(ledger, landed("a.csv", "new"))
    assert [file.sha256 for file in ledger.pending("events", ["s"])] == ["new"]


def test_processes_at_once_open_one_ledger_and_get_different_load_numbers(tmp_path: Path) -> None:
    path, n_loads = tmp_path / "ledger.sqlite", 12
    files = [[landed(f"{n}.csv")] for n in range(n_loads)]
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        ledgers = list(pool.map(Ledger, [path] * 3))
        numbers = list(pool.map(ledgers[0].begin, ["events"] * n_loads, files, [1] * n_loads))
    assert sorted(numbers) == list(range(1, n_loads + 1))


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("2026-02-01.csv", date(2026, 2, 1)),
        ("sales/2026-02-01/part.csv", date(2026, 2, 1)),
        ("from 2026-01-01 to 2026-02-01.csv", date(2026, 2, 1)),
        ("2026-02-31.csv", None),
        ("12026-02-011.csv", None),
        ("sales.csv", None),
    ],
)
def test_the_day_of_a_file_is_the_last_date_in_its_name(name: str, day: date | None) -> None:
    assert feed_date(name) == day


def test_a_drop_folder_gives_finished_files_of_known_formats(tmp_path: Path) -> None:
    for name in ("b.csv", "a/x.jsonl", ".hidden.csv", "c.csv.tmp", "readme.md", "d.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [(f.name, f.format) for f in find_files(tmp_path)] == [
        ("a/x.jsonl", "jsonl"), ("b.csv", "csv"), ("d.parquet", "parquet"),
    ]  # fmt: skip
    assert [f.name for f in find_files(tmp_path / "b.csv")] == ["b.csv"]
    assert find_files(tmp_path, settle_seconds=3600) == []
