"""The rows of the ledger as typed values, and how a Delta commit tells its load. No storage here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

COMMIT_KEY = "shopwright.load"
COUNTS = ("source_rows", "rows_read", "accepted", "deduplicated", "quarantined", "filtered")
DETAILS = ("contract", "drift", "volume", "by_day")


@dataclass(frozen=True)
class LandedFile:
    """A file in landing; ``path`` is relative to the shop's folder, ``name`` to the folder it came from."""

    source: str
    sha256: str
    name: str
    size: int
    feed_date: date | None
    path: str
    format: str


@dataclass(frozen=True)
class Sighting:
    """The last look at a file of a source: unchanged size and time mean it need not be read again."""

    source: str
    name: str
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class Load:
    """One row of the account: a load of a feed, its counts, seconds and Delta version (once committed)."""

    feed: str
    number: int
    state: str
    files: int
    source_rows: int | None
    rows_read: int | None
    accepted: int | None
    deduplicated: int | None
    quarantined: int | None
    filtered: int | None
    seconds: float | None
    delta_version: int | None
    by_rule: Mapping[str, int]
    started_at: str
    finished_at: str | None
    contract: str | None = None
    drift: tuple[str, ...] = ()
    volume: tuple[str, ...] = ()


def commit_metadata(
    feed: str, number: int, files: Sequence[LandedFile], told: Mapping[str, object]
) -> dict[str, str]:
    """What a Delta commit says about its load: enough to write the ledger's rows again."""
    entries = [{**asdict(f), "feed_date": str(f.feed_date) if f.feed_date else None} for f in files]
    return {
        COMMIT_KEY: json.dumps({"feed": feed, "number": number, **told, "files": entries}, sort_keys=True)
    }
