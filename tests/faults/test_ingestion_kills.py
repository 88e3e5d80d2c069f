"""Whatever kills, starves or races an ingestion, the next one ends in the tables of an undisturbed run."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from feeds.failpoints import FAILPOINTS

STEPS = [name for name in FAILPOINTS if "pull" not in name]
MAX_RECOVERY_SECONDS = 30
# From nothing at all to enough for everything: the ledger, the originals, each Parquet file and the commit.
FILE_LIMITS = [1, 100, 1_000, 2_000, 4_096, 6_000, 10_000, 16_000, 20_000, 33_000, 50_000, 70_000, 100_000]


@pytest.fixture
def new_drill(ingest_drill: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Any]:
    def make() -> Any:
        drill = ingest_drill.Drill(tmp_path_factory.mktemp("shop"))
        ingest_drill.fill(drill)
        return drill

    return make


@pytest.fixture(scope="module")
def calm(ingest_drill: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an undisturbed run ends in."""
    drill = ingest_drill.Drill(tmp_path_factory.mktemp("calm"))
    ingest_drill.fill(drill)
    drill.run()
    told: dict[str, Any] = drill.fingerprint()
    assert told["events"]["quarantine"]
    assert len(told["events"]["files"]) == 2
    return told


def recover(drill: Any, calm: dict[str, Any]) -> None:
    drill.check_acknowledged()
    started = time.monotonic()
    drill.run()
    assert time.monotonic() - started < MAX_RECOVERY_SECONDS
    assert drill.fingerprint() == calm


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_each_step_converges_to_the_same_bytes(
    new_drill: Callable[[], Any], calm: dict[str, Any], step: str
) -> None:
    drill = new_drill()
    assert drill.run_in_child(failpoint=step) == -9
    recover(drill, calm)


def kill_at_random(
    ingest_drill: Any, new_drill: Callable[[], Any], calm: dict[str, Any], kills: int, root: Path, seed: int
) -> int:
    """Rounds of one or two kills each, until so many of them have hit a process at work."""
    chance, hit, rounds = random.Random(seed), 0, 0
    span = ingest_drill.undisturbed_seconds(root)
    while hit < kills:
        drill = new_drill()
        hit += drill.kill_after(chance.uniform(0.02, span))
        if chance.random() < 0.3:
            hit += drill.kill_after(chance.uniform(0.02, span))
        recover(drill, calm)
        rounds += 1
        assert rounds <= 4 * kills
    return hit


def test_a_few_kills_at_arbitrary_instants_converge_to_the_same_bytes(
    ingest_drill: Any, new_drill: Callable[[], Any], calm: dict[str, Any], tmp_path: Path
) -> None:
    kill_at_random(ingest_drill, new_drill, calm, 2, tmp_path, seed=5)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("twenty", range(10))
def test_two_hundred_kills_at_arbitrary_instants_converge_to_the_same_bytes(
    ingest_drill: Any, new_drill: Callable[[], Any], calm: dict[str, Any], tmp_path: Path, twenty: int
) -> None:
    assert kill_at_random(ingest_drill, new_drill, calm, 20, tmp_path, seed=6 + twenty) >= 20


@pytest.mark.parametrize("limit", FILE_LIMITS[::5])
def test_a_disk_that_is_full_fails_cleanly_and_the_next_run_goes_on(
    new_drill: Callable[[], Any], calm: dict[str, Any], limit: int
) -> None:
    starve(new_drill(), calm, limit)


@pytest.mark.chaos
def test_a_disk_that_is_full_at_any_file_size_fails_cleanly(
    new_drill: Callable[[], Any], calm: dict[str, Any]
) -> None:
    for limit in sorted({*FILE_LIMITS, *range(2_500, 120_000, 3_700)}):
        starve(new_drill(), calm, limit)


def starve(drill: Any, calm: dict[str, Any], limit: int) -> None:
    # 0: there was room for everything; 1: an error was raised. A negative code would be a crash.
    assert drill.run_in_child(limit=limit) in (0, 1)
    recover(drill, calm)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a file system; the limit on file sizes stands in for it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def test_a_file_system_without_room_is_survived_and_used_again_when_there_is_some(
    ingest_drill: Any, calm: dict[str, Any], small_disk: Path
) -> None:
    drill = ingest_drill.Drill(small_disk)
    ingest_drill.fill(drill)
    hog = small_disk / "hog"
    for kilobytes in (900, 700, 500, 300):
        with hog.open("wb") as handle:
            try:
                handle.write(b"\0" * kilobytes * 1024)
                handle.flush()
            except OSError:
                pass
        assert drill.run_in_child() in (0, 1)
        hog.unlink()
        drill.check_acknowledged()
    recover(drill, calm)


def test_concurrent_runs_of_the_same_shop_count_every_row_once(
    new_drill: Callable[[], Any], calm: dict[str, Any]
) -> None:
    drill = new_drill()
    children = [drill.start() for _ in range(3)]
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert drill.fingerprint() == calm


def test_two_feeds_at_a_time_in_separate_processes_share_the_ledger(
    new_drill: Callable[[], Any], calm: dict[str, Any]
) -> None:
    drill = new_drill()
    children = [drill.start(feeds=[feed]) for feed in ("events", "suppliers") for _ in range(2)]
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0] * 4
    assert drill.fingerprint() == calm


def test_a_lost_ledger_is_written_again_and_nothing_is_doubled(
    new_drill: Callable[[], Any], calm: dict[str, Any]
) -> None:
    drill = new_drill()
    drill.run()
    for leftover in drill.folder.glob("ledger.sqlite*"):
        leftover.unlink()
    drill.run()
    assert drill.fingerprint() == calm


@pytest.mark.parametrize(
    "hours", [-48, 48, *(pytest.param(hours, marks=pytest.mark.chaos) for hours in (-24, -1, 1, 24))]
)
def test_a_host_whose_clock_is_wrong_moves_no_event(
    ingest_drill: Any, new_drill: Callable[[], Any], calm: dict[str, Any], hours: int
) -> None:
    drill = new_drill()
    drill.run(now=ingest_drill.NOW + timedelta(hours=hours))
    assert drill.fingerprint() == calm


def test_events_of_the_future_are_set_aside_beyond_ten_minutes(
    ingest_drill: Any, new_drill: Callable[[], Any]
) -> None:
    drill = new_drill()
    ahead = {f"f{minutes}": ingest_drill.NOW + timedelta(minutes=minutes) for minutes in (9, 11, 60 * 48)}
    lines = [f"{key},v,view,{at:%Y-%m-%dT%H:%M:%SZ},S1" for key, at in ahead.items()]
    drill.send("events", "2026-03-01.csv", lines)
    drill.run(feeds=["events"])
    ids = drill.lake.read("raw", "events", columns=["event_id"])["event_id"].to_pylist()
    assert ahead.keys() & set(ids) == {"f9"}
    rules = [rule for *_, rule in drill.quarantined("events")]
    assert rules.count("occurred_in_the_future") == 2


def test_the_hour_of_an_event_is_that_of_its_own_zone_even_when_clocks_change(
    new_drill: Callable[[], Any],
) -> None:
    # 02:30 on 30 March 2025 does not exist on Berlin's clocks: the text's own offset alone decides.
    utc_hours = {"Z": 1, "+02:00": 23, "+08:00": 17, "-05:00": 6, "": 1}
    drill = new_drill()
    lines = [f"zone{zone},v,view,2025-03-30T01:30:00{zone},S1" for zone in utc_hours]
    drill.send("events", "2025-03-30.csv", lines)
    drill.run(feeds=["events"])
    rows = drill.lake.read("raw", "events", columns=["event_id", "occurred_at"]).to_pylist()
    told = {row["event_id"]: row["occurred_at"].hour for row in rows if row["event_id"].startswith("zone")}
    assert told == {f"zone{zone}": hour for zone, hour in utc_hours.items()}
