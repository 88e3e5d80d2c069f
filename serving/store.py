"""Reading what is published: always one whole generation, always the live one, from any number of threads.

Writes nothing but its lease. The rules of who may read what belong to the API, not here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from serving.duck import open_hardened
from serving.durable import CorruptFile
from serving.generations import (
    POINTER_FILE,
    SERVE_FILE,
    Manifest,
    NothingPublished,
    damage,
    generation_folder,
    newest_intact,
    read_manifest,
    read_pointer,
)
from serving.leases import Lease
from serving.status import stale_reasons

_OPEN_ATTEMPTS = 5


class _OpenGeneration:
    """An open generation and the number of queries in flight on it; closed when retired and idle."""

    def __init__(self, published: Path, manifest: Manifest) -> None:
        self.manifest = manifest
        self.lease = Lease(published, manifest.generation)
        path = generation_folder(published, manifest.generation) / SERVE_FILE
        try:
            self.connection = open_hardened(path)
        except duckdb.Error:
            self.lease.release()
            raise
        self.in_flight = 0
        self.is_retired = False

    def close_if_idle(self) -> None:
        """Close the file once nobody will ask it again; the caller holds the store's lock."""
        if self.is_retired and self.in_flight == 0:
            self.connection.close()
            self.lease.release()


class Store:
    """A read-only view of a published folder that follows the live generation.

    Each query runs on one generation from its first row to its last; queries that must see the same one
    share a ``snapshot``. A new generation is verified (size and SHA-256) before the first query on it; when
    its bytes are wrong the newest intact one is read instead. Raises ``NothingPublished`` when there is none.
    """

    def __init__(self, published: Path) -> None:
        self._published = published
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._current: _OpenGeneration | None = None
        self._seen: tuple[int, int, int] | None = None

    def __enter__(self) -> Self:
        """The store itself; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def generation(self) -> int:
        """Number of the generation that the next query will read."""
        return self.manifest.generation

    @property
    def manifest(self) -> Manifest:
        """Run, tables, rows and columns of the generation that the next query will read."""
        with self._borrow() as opened:
            return opened.manifest

    @property
    def stale(self) -> list[str]:
        """Why a newer run could not publish; empty when what is live is the newest attempt."""
        return stale_reasons(self._published)

    def tables(self) -> dict[str, int]:
        """Rows of each published table, by ``schema.table``."""
        return {entry.name: entry.rows for entry in self.manifest.tables}

    def query(
        self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The result of one statement as a list of rows; values are bound, never spliced into the text."""
        with self.snapshot() as cursor:
            cursor.execute(sql, parameters)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def arrow(self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> pa.Table:
        """The result of one statement as an Arrow table."""
        with self.snapshot() as cursor:
            return cursor.execute(sql, parameters).fetch_record_batch().read_all()

    @contextmanager
    def snapshot(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on one generation, the same for the whole block whatever is published meanwhile."""
        with self._borrow() as opened:
            cursor = opened.connection.cursor()
            try:
                yield cursor
            finally:
                cursor.close()

    def close(self) -> None:
        """Close the open generation as soon as the queries in flight are done."""
        with self._lock:
            self._retire(None)
            self._seen = None

    @contextmanager
    def _borrow(self) -> Iterator[_OpenGeneration]:
        opened = self._claim()
        try:
            yield opened
        finally:
            with self._lock:
                opened.in_flight -= 1
                opened.close_if_idle()

    def _claim(self) -> _OpenGeneration:
        """The open generation with one more query on it, replaced first when the pointer file changed."""
        while True:
            seen = self._pointer_stamp()
            if self._current is None or seen != self._seen:
                self._replace_current(seen)
            with self._lock:
                if (opened := self._current) is not None:
                    opened.in_flight += 1
                    break
        opened.lease.renew()
        return opened

    def _replace_current(self, seen: tuple[int, int, int] | None) -> None:
        """Open the live generation in this thread, while the others go on reading the one before."""
        if not self._opening.acquire(blocking=self._current is None):
            return
        try:
            if self._current is None or seen != self._seen:
                fresh = self._open_live()
                with self._lock:
                    self._retire(fresh)
                    self._seen = seen
        finally:
            self._opening.release()

    def _pointer_stamp(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._published / POINTER_FILE)
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _open_live(self) -> _OpenGeneration:
        """Open what the pointer names; tried again when it is collected between the look and the opening."""
        failure: Exception | None = None
        for _ in range(_OPEN_ATTEMPTS):
            manifest = self._live_manifest()
            if self._current and manifest.generation == self._current.manifest.generation:
                return self._current
            try:
                return _OpenGeneration(self._published, manifest)
            except duckdb.Error as error:
                failure = error
        raise NothingPublished(f"Generation {manifest.generation} cannot be opened: {failure}") from failure

    def _live_manifest(self) -> Manifest:
        with suppress(CorruptFile):
            pointer = read_pointer(self._published)
            if pointer is None:
                raise NothingPublished(
                    f"Nothing was published yet at {self._published}; run the pipeline first."
                )
            folder = generation_folder(self._published, pointer.generation)
            manifest = read_manifest(folder)
            if manifest.serve_sha256 == pointer.sha256 and not damage(folder):
                return manifest
        return newest_intact(self._published)

    def _retire(self, successor: _OpenGeneration | None) -> None:
        old, self._current = self._current, successor
        if old is not None and old is not successor:
            old.is_retired = True
            old.close_if_idle()
