"""What lies in the folders of the shop's sources and is new: for the sensor, and for the range of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from feeds.connectors.files import FoundFile, feed_date
from feeds.connectors.remote import files_of
from feeds.connectors.spool import unread_segments
from feeds.connectors.webhook import spool_folder
from feeds.ledger import Ledger
from feeds.shop import Source
from orchestration.workspace import Workspace


@dataclass(frozen=True)
class Arrived:
    """New files, the first and last day in their names (``None`` where no name says a day), and a cursor."""

    files: tuple[FoundFile, ...]
    days: tuple[date, date] | None
    cursor: str


def arrived_since(workspace: Workspace, cursor: str | None) -> Arrived:
    """Files that no load has landed yet and that differ from what the cursor saw."""
    files = tuple(sorted(_not_landed(workspace), key=lambda file: str(file.path)))
    state = hashlib.sha256("\n".join(f"{f.path}|{f.size}|{f.mtime_ns}" for f in files).encode()).hexdigest()
    if not files or state == cursor:
        return Arrived((), None, cursor or "")
    return Arrived(files, _span(feed_date(file.name) for file in files), state)


def pending_days(workspace: Workspace) -> tuple[date, date] | None:
    """First and last day of what no load has consumed yet, landed or not; ``None`` if nothing new tells."""
    days = [feed_date(file.name) for file in _not_landed(workspace)]
    ledger = _ledger(workspace)
    if ledger:
        for feed in sorted(workspace.shop.feeds):
            sources = [source.name for source in workspace.shop.sources_of(feed)]
            days += [file.feed_date for file in ledger.pending(feed, sources)]
    return _span(days)


def has_files(workspace: Workspace) -> bool:
    """Whether any file lies in the folder of any source, taken before or not."""
    return any(source.is_pulled or _found(source) for source in workspace.shop.sources)


def _found(source: Source) -> list[FoundFile]:
    if source.is_pulled or not source.exists:
        return []
    return files_of(source)


def _spooled(workspace: Workspace, source: Source, ledger: Ledger | None) -> list[FoundFile]:
    """Segments of pushed deliveries that no ingestion has read to their end."""
    resource = source.shape or source.provides[0]
    read = int((ledger.cursor(source.name, resource) if ledger else None) or 0)
    found = []
    for path in unread_segments(spool_folder(workspace.folder, source.name), read):
        stat = path.stat()
        found.append(FoundFile(path, path.name, stat.st_size, stat.st_mtime_ns, "jsonl"))
    return found


def _ledger(workspace: Workspace) -> Ledger | None:
    path = workspace.folder / "ledger.sqlite"
    return Ledger(path) if path.exists() else None


def _not_landed(workspace: Workspace) -> list[FoundFile]:
    ledger = _ledger(workspace)
    new: list[FoundFile] = []
    for source in workspace.shop.sources:
        if source.connector == "webhook":
            new += _spooled(workspace, source, ledger)
            continue
        seen = ledger.sightings(source.name) if ledger else {}
        new += [f for f in _found(source) if seen.get(f.name, (0, 0, ""))[:2] != (f.size, f.mtime_ns)]
    return new


def _span(days: Iterable[date | None]) -> tuple[date, date] | None:
    known = [day for day in days if day]
    return (min(known), max(known)) if known else None
