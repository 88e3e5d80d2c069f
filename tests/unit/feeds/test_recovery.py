"""A kill at any moment loses nothing and doubles nothing, and a lost ledger is written again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from feeds.failpoints import FAILPOINTS, reach

ROOT = Path(__file__).resolve().parents[3]
CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from feeds.ingest import ingest_feed
from feeds.shop import load_shop
home, feeds = Path(sys.argv[1]), Path(sys.argv[2])
now = datetime(2026, 3, 1, 12, tzinfo=UTC)
ingest_feed(load_shop("corner", home, data=feeds), "events", home, key=b"test key", now=now)
"""


def state(world: Any) -> dict[str, Any]:
    """What an outsider can see of the events feed."""
    bad = [str(path) for path in sorted((world.folder / "quarantine" / "events").glob("*.parquet"))]
    return {
        "rows": world.rows("events", "event_id", "occurred_at", "_line", "_file_id", "_load_number"),
        "versions": world.lake.version("raw", "events"),
        "loads": [
            (x.number, x.state, x.files, x.rows_read, x.accepted, x.quarantined) for x in world.ledger.loads()
        ],
        "quarantine": duckdb.execute("select load_number, line, rule from read_parquet(?)", [bad]).fetchall(),
    }


def send(world: Any, event: Callable[..., str]) -> None:
    _ = world.shop
    world.send_events("2026-02-01.csv", *(event(n) for n in range(50)), event(50, kind="bad"))


@pytest.mark.parametrize("failpoint", [f for f in FAILPOINTS if "pull" not in f])
def test_a_kill_and_a_restart_equal_an_undisturbed_run(
    make_world: Callable[[], Any], event: Callable[..., str], failpoint: str
) -> None:
    calm, stormy = make_world(), make_world()
    send(calm, event)
    send(stormy, event)
    calm.ingest("events")
    killed = subprocess.run(
        [sys.executable, "-c", CHILD, str(stormy.home), str(stormy.feeds)],
        env={**os.environ, "SHOPWRIGHT_FAILPOINT": failpoint, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    stormy.ingest("events")
    assert state(stormy) == state(calm)


def test_an_error_midway_leaves_nothing_behind(
    world: Any, event: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(world, event)
    monkeypatch.setattr(
        "feeds.loading.write_quarantine", lambda *a: (_ for _ in ()).throw(OSError(28, "disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        world.ingest("events")
    assert world.ledger.loads() == []
    assert not list((world.folder / "tmp").iterdir())
    monkeypatch.undo()
    assert world.ingest("events").load_number == 1


def test_a_lost_ledger_is_written_again_from_lake_and_landing(world: Any, event: Callable[..., str]) -> None:
    send(world, event)
    world.ingest("events")
    before = state(world)
    for leftover in world.folder.glob("ledger.sqlite*"):
        leftover.unlink()
    shutil.rmtree(world.feeds / "events")
    world.send_events("2026-02-02.csv", event(99, at="2026-02-02T10:00:00Z"))
    told = world.ingest("events")
    assert (told.load_number, told.accepted, told.deduplicated) == (2, 1, 0)
    assert state(world)["loads"][0] == before["loads"][0]


def test_an_unknown_failpoint_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="expected one of"):
        reach("somewhere")
