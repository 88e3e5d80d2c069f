"""A small shop on disk that speaks the canonical dialect, and the calls every ingestion test makes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.ledger import Ledger
from feeds.report import LoadReport
from feeds.shop import Shop, load_shop

# Modules beside the tests that are no tests (``platform_server``) are imported by their names.
sys.path.append(str(Path(__file__).parent))

KEY = b"test key"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT_HEADER = "event_id,visitor_id,event_type,occurred_at,sku"


class World:
    """A feeds folder, a data home and a shop over them."""

    def __init__(self, root: Path) -> None:
        self.home, self.feeds = root / "home", root / "feeds"
        self.home.mkdir()
        self.feeds.mkdir()
        self.options = ""

    @property
    def shop(self) -> Shop:
        file = self.home / "shops" / "corner.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(
            "name: corner\ntime_zone: Europe/Berlin\ncurrency: EUR\nsources:\n"
            f'  - {{name: "{{feed}}", path: "{{data}}/{{feed}}", dialect: canonical{self.options}}}\n',
            encoding="utf-8",
        )
        return load_shop("corner", self.home, data=self.feeds)

    @property
    def folder(self) -> Path:
        return self.home / "corner"

    @property
    def lake(self) -> Lake:
        return Lake(self.folder / "lake")

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.folder / "ledger.sqlite")

    def send(self, feed: str, name: str, content: str | bytes) -> Path:
        path = self.feeds / feed / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def send_events(self, name: str, *rows: str) -> Path:
        return self.send("events", name, "\n".join([EVENT_HEADER, *rows]) + "\n")

    def ingest(self, feed: str, **options: Any) -> LoadReport:
        return ingest_feed(self.shop, feed, self.home, key=KEY, **{"now": NOW, **options})

    def rows(self, feed: str, *columns: str) -> list[tuple[Any, ...]]:
        table = self.lake.read("raw", feed, columns=list(columns))
        return sorted(zip(*(table[c].to_pylist() for c in columns), strict=True), key=repr)


def event(number: int, *, kind: str = "view", at: str = "2026-02-01T10:00:00Z", sku: str = "A") -> str:
    """One CSV line of an event."""
    return f"e{number},v{number % 7},{kind},{at},{sku}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def make_world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], World]:
    return lambda: World(tmp_path_factory.mktemp("world"))


@pytest.fixture(name="event")
def event_line() -> Callable[..., str]:
    return event
