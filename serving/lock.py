"""One publisher at a time: a lock on the published folder that a killed process cannot leave behind."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

POLL_SECONDS = 0.05


class PublishRefused(RuntimeError):
    """This publish may not happen, or not now; what is live stays live. The message says what to do."""


@contextmanager
def publisher_lock(published: Path, run_id: str, wait_seconds: float = 60.0) -> Iterator[None]:
    """Hold the folder's lock; ``PublishRefused`` names the holder when it is taken for ``wait_seconds``."""
    published.mkdir(parents=True, exist_ok=True)
    with (published / ".lock").open("a+", encoding="utf-8") as handle:
        _acquire(handle, wait_seconds)
        handle.truncate(0)
        handle.write(
            f"process {os.getpid()}, run {run_id}, since {datetime.now(UTC).isoformat(timespec='seconds')}"
        )
        handle.flush()
        yield  # closing the handle releases the lock, and so does the end of the process


def _acquire(handle: IO[str], wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                handle.seek(0)
                raise PublishRefused(
                    f"Another publisher holds the lock ({handle.read() or 'unknown owner'}). "
                    "Wait for it to end, or end that process; the lock goes with it."
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return
