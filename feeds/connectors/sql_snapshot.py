"""Snapshots of a table: what a row that is gone had, so that its deletion can be told as one last version.

A snapshot is a file of JSON Lines under the name of its content. The cursor names the one that was compared
last, so a pull that was killed compares with the same one again. Personal columns are not kept.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from feeds.connectors.pull import json_line
from feeds.connectors.sql_options import SqlOptions
from feeds.report import FeedError

log = logging.getLogger(__name__)


class Snapshots:
    """The snapshots of one source in a folder."""

    def __init__(self, folder: Path, options: SqlOptions) -> None:
        self._folder, self._options = folder, options

    def compare(
        self, rows: Iterable[dict[str, Any]], known: str, now: datetime
    ) -> tuple[list[dict[str, Any]], str]:
        """Tombstones of rows that the known snapshot has and these lack, and the name of the new snapshot.

        Raises ``FeedError`` when more than ``refuse_ratio`` of the rows are gone at once: an emptied or
        wrong table is likelier than that many deletions.
        """
        taken, keys = self._write(rows)
        gone, n_known = [], 0
        for line in self._read(known):
            row = json.loads(line)
            n_known += 1
            if self._key(row) not in keys:
                gone.append({**row, **dict(self._options.tombstone), self._options.version: now})
        if len(gone) > max(10, self._options.refuse_ratio * n_known):
            raise FeedError(
                f"Source {self._options.source!r}: {len(gone)} of {n_known} rows of {self._options.table} "
                "are gone at once; nothing was taken. If they were truly deleted, raise deletes.refuse_ratio."
            )
        self._remove_others({known, taken})
        return gone, taken

    def _write(self, rows: Iterable[dict[str, Any]]) -> tuple[str, set[str]]:
        self._folder.mkdir(parents=True, exist_ok=True)
        aside = self._folder / f".tmp-{os.getpid()}"
        content, keys = hashlib.sha256(), set()
        with aside.open("w", encoding="utf-8") as out:
            for row in rows:
                line = json_line(row)
                keys.add(self._key(json.loads(line)))
                content.update(line.encode())
                out.write(line)
            out.flush()
            os.fsync(out.fileno())
        os.replace(aside, self._folder / f"{content.hexdigest()}.jsonl")
        return content.hexdigest(), keys

    def _read(self, known: str) -> Iterator[str]:
        file = self._folder / f"{known}.jsonl"
        if known and not file.exists():
            log.warning("%s is lost; rows deleted since it was taken cannot be told", file.name)
        elif known:
            with file.open(encoding="utf-8") as lines:
                yield from lines

    def _key(self, row: dict[str, Any]) -> str:
        return json.dumps([row[name] for name in self._options.key])

    def _remove_others(self, kept: set[str]) -> None:
        for path in self._folder.glob("*.jsonl"):
            if path.stem not in kept:
                path.unlink()
