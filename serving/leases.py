"""Leases: small files by which readers say which generation they have open, so that it is not collected.

A reader that cannot write (a read-only mount) simply has no lease; its open file stays readable all the same.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path

FRESH_SECONDS = 15 * 60.0
"""A lease that was not renewed for this long belongs to a reader that is gone."""

RENEW_SECONDS = 60.0


class Lease:
    """One reader's claim on one generation."""

    def __init__(self, published: Path, generation: int) -> None:
        self._path = _folder(published, generation) / f"{os.getpid()}-{uuid.uuid4().hex}"
        self._renewed = 0.0
        self.renew()

    def renew(self) -> None:
        """Touch the lease file, at most once in ``RENEW_SECONDS``."""
        now = time.monotonic()
        if self._renewed and now - self._renewed < RENEW_SECONDS:
            return
        self._renewed = now
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()

    def release(self) -> None:
        """Give the generation up."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def leased_generations(published: Path, fresh_seconds: float = FRESH_SECONDS) -> set[int]:
    """Numbers of the generations that some reader claimed within the last ``fresh_seconds``."""
    leased = set()
    oldest = time.time() - fresh_seconds
    for path in (published / "leases").glob("*/*"):
        with suppress(FileNotFoundError):  # released between the listing and the look
            if path.stat().st_mtime >= oldest:
                leased.add(int(path.parent.name))
    return leased


def drop_leases(published: Path, generation: int) -> None:
    """Forget all leases of a generation that is being deleted."""
    shutil.rmtree(_folder(published, generation), ignore_errors=True)


def _folder(published: Path, generation: int) -> Path:
    return published / "leases" / str(generation)
