"""A small shop on disk, ingested by children that can be killed, starved of space, or run side by side."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb

from data_quality.contract import load_contract
from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.ledger import Ledger
from feeds.quarantine import open_rows
from feeds.replay import replay_quarantine
from feeds.shop import load_shop

KEY = b"test key"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEEDS = ("events", "suppliers")
EVENTS = "event_id,visitor_id,event_type,occurred_at,sku"
SUPPLIERS = "supplier_id,name,updated_at"

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["feeds.ingest", "feeds.replay"])


@dataclass(frozen=True)
class Drill:
    """One shop: ``home`` is its data home, ``feeds`` the folder that it sends into."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def feeds(self) -> Path:
        return self.root / "feeds"

    @property
    def folder(self) -> Path:
        return self.home / "corner"

    @property
    def lake(self) -> Lake:
        return Lake(self.folder / "lake")

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.folder / "ledger.sqlite")

    def describe(self, options: str = "") -> None:
        """Write the shop's YAML file."""
        file = self.home / "shops" / "corner.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            "name: corner\ntime_zone: Europe/Berlin\ncurrency: EUR\nsources:\n"
            f'  - {{name: "{{feed}}", path: "{{data}}/{{feed}}", max_rejected_ratio: 1{options}}}\n'
        )

    def send(self, feed: str, name: str, rows: Sequence[str]) -> None:
        """Drop one CSV file into a feed's folder, whole at once."""
        path = self.feeds / feed / name
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f"{name}.part")
        aside.write_text("\n".join([EVENTS if feed == "events" else SUPPLIERS, *rows]) + "\n")
        aside.rename(path)

    def run(
        self,
        *,
        replay: bool = False,
        wishes: bool = False,
        feeds: Sequence[str] = FEEDS,
        now: datetime = NOW,
        **options: Any,
    ) -> None:
        """Ingest all in this process (and replay the quarantine, by a contract that knows wishes)."""
        shop = load_shop("corner", self.home, data=self.feeds)
        for feed in feeds:
            ingest_feed(shop, feed, self.home, key=KEY, now=now, **options)
            if replay and wishes:
                with knowing_wishes():
                    replay_quarantine(shop, feed, self.home, key=KEY, by="drill", now=now)
            elif replay:
                replay_quarantine(shop, feed, self.home, key=KEY, by="drill", now=now)

    def start(self, failpoint: str = "", limit: int = 0, **options: Any) -> Any:
        """The same in a child; a ``failpoint`` kills it, ``limit`` bounds the bytes of each file."""
        child = _context.Process(target=_child, args=(self.root, failpoint, limit, options))
        child.start()
        return child

    def run_in_child(self, failpoint: str = "", limit: int = 0, **options: Any) -> int:
        """Exit code of a child that ran to its end."""
        child = self.start(failpoint, limit, **options)
        child.join()
        return int(child.exitcode)

    def kill_after(self, seconds: float, **options: Any) -> bool:
        """Kill a child after so many seconds of work; says whether it was still at work."""
        child = self.start(**options)
        child.join(seconds)
        alive = child.exitcode is None
        if alive:
            os.kill(child.pid, signal.SIGKILL)
            child.join()
        return alive

    def fingerprint(self) -> dict[str, Any]:
        """Rows, bytes of the current files, loads and quarantine: all that an outsider can see."""
        told: dict[str, Any] = {}
        for feed in FEEDS:
            if not self.lake.exists("raw", feed):
                continue
            table, folder = self.lake.read("raw", feed), self.lake.path("raw", feed)
            told[feed] = {
                "rows": sorted(map(repr, table.to_pylist())),
                "files": {
                    Path(file).relative_to(folder).as_posix(): hashlib.sha256(
                        Path(file).read_bytes()
                    ).hexdigest()
                    for file in self.lake.files("raw", feed)
                },
                "loads": [
                    (x.number, x.state, x.rows_read, x.accepted, x.deduplicated, x.quarantined)
                    for x in self.ledger.loads(feed)
                ],
                "quarantine": self.quarantined(feed),
            }
        return told

    def open_rows(self, feed: str) -> list[tuple[str, int]]:
        """File and line of every quarantined row that no replay released."""
        rows = open_rows(self.folder, feed, self.ledger.done_loads(feed))
        return list(zip(rows["file_id"].to_pylist(), rows["line"].to_pylist(), strict=True))

    def quarantined(self, feed: str) -> list[tuple[Any, ...]]:
        """Load, file, line and rule of every row that was set aside."""
        files = sorted(str(p) for p in (self.folder / "quarantine" / feed).glob("*.parquet"))
        if not files:
            return []
        return duckdb.execute(
            "select load_number, file_name, line, rule from read_parquet(?) order by all", [files]
        ).fetchall()

    def check_acknowledged(self) -> None:
        """Every load that the ledger calls done has exactly its accepted rows in the lake."""
        if not (self.folder / "ledger.sqlite").exists():
            return
        for load in self.ledger.loads():
            if load.state == "done":
                numbers = self.lake.read("raw", load.feed, columns=["_load_number"])["_load_number"]
                assert numbers.to_pylist().count(load.number) == load.accepted, load


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def knowing_wishes() -> Iterator[None]:
    """For replays in this process the events contract allows wishes, too."""
    known = load_contract("events")
    columns = tuple(
        replace(c, allowed=(*c.allowed, "wish")) if c.name == "event_type" else c for c in known.columns
    )
    later = replace(known, columns=columns, version="1.1.0")
    with patch("feeds.replay.load_contract", lambda name: later if name == "events" else load_contract(name)):
        yield


def _child(root: Path, failpoint: str, limit: int, options: dict[str, Any]) -> None:
    if failpoint:
        os.environ["SHOPWRIGHT_FAILPOINT"] = failpoint
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # the child's last words are its exit code
    Drill(root).run(**options)


def fill(drill: Drill, seed: int = 1, rows: int = 300) -> None:
    """Five days of events with repeats, late records, bad rows and two versions of each supplier."""
    chance = random.Random(seed)
    drill.describe()
    for day in range(1, 6):
        lines = []
        for n in range(rows):
            number = chance.randrange(day * rows) if chance.random() < 0.2 else (day - 1) * rows + n
            kind = "bad" if number % 97 == 5 else "view"
            at = f"2026-0{1 + number % 2}-{1 + number % 20:02d}T10:00:00Z"
            lines.append(f"e{number},v{number % 7},{kind},{at},S{number % 9}")
        drill.send("events", f"2026-02-{day:02d}.csv", lines)
    for version in (1, 2):
        lines = [f"S{n},Supplier {n}.{version},2026-02-0{version}T08:00:00Z" for n in range(20)]
        drill.send("suppliers", f"2026-02-0{version}.csv", lines)


def undisturbed_seconds(root: Path) -> float:
    """How long a child takes when nobody disturbs it."""
    drill = Drill(root)
    fill(drill)
    started = time.monotonic()
    assert drill.run_in_child() == 0
    return time.monotonic() - started


def main() -> None:
    """``python ingest_drill.py ROOT``: ingest a shop that stands there, for use as a separate process."""
    Drill(Path(sys.argv[1])).run()
    print(json.dumps({"done": True}))


if __name__ == "__main__":
    main()
