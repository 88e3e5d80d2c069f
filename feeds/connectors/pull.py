"""Pulls: what a REST, SQL, webhook or platform source hands over, page by page, and how it is landed.

A pull is one file of JSON Lines, landed under its content like any file, together with the cursor that says
where the next pull resumes. How a source is asked is its connector's work; the meaning is its dialect's.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as dt_time
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from feeds.connectors.files import FoundFile
from feeds.failpoints import reach
from feeds.landing import LandingReport, land_written
from feeds.ledger import Ledger
from feeds.locks import exclusive
from feeds.report import FeedError
from feeds.scratch import private_scratch
from feeds.shop import Source
from feeds.vault import Vault

PLATFORMS = ("taobao", "jd", "ali1688", "shopify")
SHARED_SECONDS = 900


@dataclass(frozen=True)
class Page:
    """Records as the source gave them, and the cursor from which a reader may resume after them."""

    records: list[dict[str, Any]]
    cursor: str | None


class Pull(Protocol):
    """One way to read a source from where the last pull ended."""

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Pages after the cursor, oldest change first where the source can; ``None`` is the beginning."""
        ...


def open_pull(source: Source, feed: str, folder: Path, vault: Vault | None = None) -> Pull:
    """The pull of a source by its connector; raises ``FeedError`` when its extra packages are missing.

    The connectors are imported here, so that a shop of files needs none of their packages.
    """
    if source.connector == "webhook":
        from feeds.connectors import webhook

        return webhook.connect(source, feed, folder, vault)
    if source.connector == "sql":
        from feeds.connectors import sql

        return sql.connect(source, feed, folder)
    from feeds.connectors.http import HttpClient, HttpLimits

    client = HttpClient(HttpLimits.of(source.pull))
    if source.connector == "rest":
        from feeds.connectors import rest

        return rest.connect(source, feed, client)
    from feeds.connectors import platforms

    return platforms.connect(source, feed, client)


def land_pull(
    source: Source,
    feed: str,
    folder: Path,
    ledger: Ledger,
    *,
    pull: Pull | None = None,
    vault: Vault | None = None,
) -> LandingReport:
    """Pull what is new and land it as one file; the ledger takes file and cursor in one transaction.

    ``folder`` is the shop's. Killed at any moment, the pull is repeated from the old cursor; what it had read
    is read again, and what overlaps is removed by acceptance. Records of the same bytes as an earlier pull
    are no new file. Of the feeds that one source provides, the first asks the source and the others take what
    it landed, each once and within ``SHARED_SECONDS``.
    """
    lock = exclusive(folder / "locks" / f"source_{source.name}.lock")
    with lock, private_scratch(folder) as scratch:
        resource = source.shape or feed
        if _is_shared(source) and ledger.takes_part(source.name, resource, feed, SHARED_SECONDS):
            return LandingReport()
        before = ledger.cursor(source.name, resource)
        pages = (pull or open_pull(source, feed, folder, vault)).pages(before)
        aside = scratch / "pull.jsonl"
        n_records, after = _write(aside, pages, before)
        reach("after_pull_written")
        stat = aside.stat()
        name = f"{resource}.pull{ledger.count_pulls(source.name, resource) + 1:06d}.jsonl"
        file = FoundFile(aside, name, stat.st_size, stat.st_mtime_ns, "jsonl")
        pulled = [file] if n_records else []
        told = land_written(source, pulled, folder, ledger, cursor=(resource, after), vault=vault)
        if _is_shared(source):
            ledger.note_puller(source.name, resource, feed)
        return told


def _is_shared(source: Source) -> bool:
    """Whether one answer of the source holds the records of several feeds and is dear to ask for."""
    return len(source.provides) > 1 and source.connector in (*PLATFORMS, "rest")


def _write(aside: Path, pages: Iterable[Page], cursor: str | None) -> tuple[int, str | None]:
    """Number of records written, and the cursor of the last page."""
    n_records = 0
    descriptor = os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
        for page in pages:
            out.writelines(json_line(record) for record in page.records)
            n_records += len(page.records)
            cursor = page.cursor if page.cursor is not None else cursor
            reach("between_pull_pages")
        out.flush()
        os.fsync(out.fileno())
    return n_records, cursor


def json_line(record: Any) -> str:
    """A record as one line; decimals, times and UUIDs as text, so that no digit is lost.

    What JSON or UTF-8 cannot hold (a number that is none, half a surrogate pair) stands in it as text or
    escaped, so that it is one record's fault and not the pull's.
    """
    try:
        line = json.dumps(
            record, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_text
        )
        line.encode()
    except ValueError:
        line = json.dumps(_finite(record), separators=(",", ":"), default=_as_text)
    return line + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, date | dt_time | timedelta | Decimal | UUID):
        return str(value)
    raise FeedError(f"A pulled record holds {type(value).__name__}, which has no JSON form.")
