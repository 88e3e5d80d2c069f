"""The spool: pushed deliveries on disk between their acknowledgement and the next ingestion.

Segments of one line a delivery. The receiver appends to an open segment and syncs; ingestion closes it (the
receiver then begins another), reads what is closed, and removes what its cursor, the number of the last
segment read, lies behind, keeping the delivery ids.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from feeds.connectors.spool_seal import NoSeal, Seal

SEGMENT_BYTES = 16 << 20
# Deliveries whose ids are remembered at most, at about 100 bytes of memory each.
REMEMBERED_IDS = 1_000_000
REMEMBERED_SECONDS = 7 * 86_400


@dataclass(frozen=True)
class Delivery:
    """One pushed payload under the id that its sender gave it; ``body`` is JSON in UTF-8."""

    id: str
    body: bytes

    def line(self, seal: Seal) -> bytes:
        """One line of a segment: a fingerprint of the id, then the sealed body."""
        # In JSON a line break can only stand between tokens, where a space says the same.
        line = self.body.replace(b"\n", b" ").replace(b"\r", b" ")
        return fingerprint(self.id).hex().encode() + b" " + seal.seal(line) + b"\n"


def fingerprint(delivery_id: str) -> bytes:
    """A delivery id in 16 bytes."""
    return hashlib.blake2b(delivery_id.encode(), digest_size=16).digest()


class SpoolWriter:
    """Appends deliveries to the open segment; one process only. What ``append`` took is durable."""

    def __init__(self, folder: Path, seal: Seal | None = None, segment_bytes: int = SEGMENT_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._seal, self._limit = folder, seal or NoSeal(), segment_bytes
        self._path: Path | None = None
        self._descriptor, self._size = -1, 0
        self.known = dict.fromkeys(known_ids(folder))

    def append(self, deliveries: Sequence[Delivery]) -> None:
        """Write all with one sync. Raises ``OSError`` when that fails; then none of them is in the spool."""
        block = b"".join(delivery.line(self._seal) for delivery in deliveries)
        with _locked(self._folder):
            if self._path is None or not self._path.exists() or self._size + len(block) > self._limit:
                self._begin_segment()
            try:
                view = memoryview(block)
                while view:
                    view = view[os.write(self._descriptor, view) :]
                os.fdatasync(self._descriptor)
            except OSError:
                # What a failed sync left behind is unknown: cut it off and never write to this segment again.
                try:
                    os.ftruncate(self._descriptor, self._size)
                finally:
                    self.close()
                raise
            self._size += len(block)
        self.known.update(dict.fromkeys(fingerprint(delivery.id) for delivery in deliveries))
        for oldest in list(islice(self.known, max(0, len(self.known) - REMEMBERED_IDS))):
            del self.known[oldest]

    def close(self) -> None:
        """Leave the segment; the next delivery begins another."""
        self._path = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _begin_segment(self) -> None:
        """Create the next segment; its name is durable before anything in it is."""
        self.close()
        # Numbers never return, not even after all segments were removed: the files of ids keep them.
        newest = max(map(number_of, self._folder.glob("segment-*")), default=0)
        path = self._folder / f"segment-{newest + 1:08d}.log"
        self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        self._path, self._size = path, 0
        _sync_folder(self._folder)


def read_spool(folder: Path, after: int, seal: Seal | None = None) -> Iterator[tuple[list[bytes], int]]:
    """Close the open segments, then give the bodies of each closed one after that number, with its number.

    The end of a segment that a killed receiver left half-written was never acknowledged and is no delivery.
    """
    seal = seal or NoSeal()
    if not folder.exists():
        return
    for path in _closed(folder):
        if number_of(path) > after:
            # A line without a body is a delivery that was taken out; its id stays known.
            bodies = [body for _, _, body in (line.partition(b" ") for line in _lines(path)) if body]
            yield [seal.unseal(body) for body in bodies], number_of(path)


def rewrite_spool(folder: Path, seal: Seal, change: Callable[[bytes], bytes | None]) -> None:
    """Replace the bodies of all stored deliveries by what ``change`` makes of them; ``None`` takes one out.

    The ids stay known. Nothing may read the spool meanwhile; a receiver goes on in a new segment.
    """
    for path in _closed(folder) if folder.exists() else ():
        before, after = _lines(path), list[bytes]()
        for line in before:
            mark, _, sealed = line.partition(b" ")
            plain = seal.unseal(sealed) if sealed else None
            body = change(plain) if plain is not None else None
            after.append(line if body == plain else mark if body is None else mark + b" " + seal.seal(body))
        if after != before:
            aside = path.with_suffix(".part")
            with aside.open("wb") as out:
                out.write(b"".join(line + b"\n" for line in after))
                out.flush()
                os.fsync(out.fileno())
            os.replace(aside, path)


def _closed(folder: Path) -> list[Path]:
    """All segments, none of them open any more."""
    with _locked(folder):
        for path in folder.glob("segment-*.log"):
            os.rename(path, path.with_suffix(".closed"))
        _sync_folder(folder)
    return sorted(folder.glob("segment-*.closed"))


def _lines(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]


def unread_segments(folder: Path, after: int) -> list[Path]:
    """Segments that hold something and come after that number."""
    segments = [path for path in sorted(folder.glob("segment-*")) if path.suffix in (".log", ".closed")]
    return [path for path in segments if number_of(path) > after and path.stat().st_size]


def discard_read(folder: Path, read: int) -> None:
    """Remove the segments up to that number, keeping their delivery ids for a week."""
    for path in sorted(folder.glob("segment-*.closed")):
        if number_of(path) <= read:
            aside = path.with_suffix(".part")
            with aside.open("wb") as out:
                out.write(b"".join(mark + b"\n" for mark in _marks(path)))
                out.flush()
                os.fsync(out.fileno())
            os.replace(aside, path.with_suffix(".ids"))
            path.unlink()
    newest = max(map(number_of, folder.glob("segment-*")), default=0)
    for path in folder.glob("segment-*.ids"):
        if number_of(path) < newest and time.time() - path.stat().st_mtime > REMEMBERED_SECONDS:
            path.unlink()


def known_ids(folder: Path) -> list[bytes]:
    """Fingerprints of the newest remembered deliveries, oldest first."""
    found: list[bytes] = []
    for path in sorted(folder.glob("segment-*"), key=number_of, reverse=True):
        if path.suffix in (".log", ".closed", ".ids"):
            found += [bytes.fromhex(mark.decode()) for mark in reversed(_marks(path))]
        if len(found) >= REMEMBERED_IDS:
            break
    return found[::-1]


def number_of(path: Path) -> int:
    """The number of a segment."""
    return int(path.stem.split("-")[1])


def _marks(path: Path) -> list[bytes]:
    return [line.split(b" ", 1)[0] for line in _lines(path)]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The receiver while it writes a group, or ingestion while it closes segments, never both."""
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
