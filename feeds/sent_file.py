"""The sender's own file, read in place of the landed one while it provably holds the same bytes.

Landed originals rest sealed. Of a large one a plain copy would have to be written for DuckDB to read, though
the file it was taken from usually still lies where it lay. The landed bytes stay what counts: where the
sender's differ, or change while they are read, they are not used.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from feeds.vault import Vault

_LANDED: dict[Path, tuple[tuple[int, ...], str]] = {}
"""Of files that this process has landed: what the file system said of them, and the address they got."""

# A file system's clock ticks every few milliseconds: a change in the tick of the one before cannot be seen.
_SETTLED_NS = 2_000_000_000


def note_landed(path: Path, before: tuple[int, ...] | None, address: str) -> None:
    """Keep that these bytes, whole and as they are, were read from a file whose ``status_of`` was ``before``.

    Only if it is so still, and if its last change is long enough ago for another one to be seen.
    """
    if before and status_of(path) == before and time.time_ns() - before[2] > _SETTLED_NS:
        _LANDED[path] = before, address


@dataclass(frozen=True)
class SentFile:
    """A sender's file, and what the file system said of it when it was looked at."""

    path: Path
    status: tuple[int, ...]

    @classmethod
    def at(cls, path: Path | None, size: int) -> SentFile | None:
        """The file at a path, when it has the size of what was landed."""
        status = status_of(path) if path else None
        return cls(path, status) if path and status and status[0] == size else None

    def holds(self, address: str, vault: Vault | None) -> bool:
        """Whether its bytes are those of the content address. They are read, unless landing has done it."""
        if _LANDED.get(self.path) == (self.status, address):
            return True
        try:
            with self.path.open("rb", buffering=0) as file:
                digest = hashlib.file_digest(file, "sha256")
        except OSError:
            return False
        return address == (vault.address(digest.digest()) if vault else digest.hexdigest())

    @property
    def is_unchanged(self) -> bool:
        """Whether it is as it was at the first look; no writer can set back all that is compared."""
        return status_of(self.path) == self.status


def status_of(path: Path) -> tuple[int, ...] | None:
    """Size, times of change and of status change (ns), inode and device; ``None`` when it is gone."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev
