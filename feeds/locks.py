"""One process at a time for one feed: an advisory file lock that the operating system frees when its holder
dies.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feeds.report import FeedError


@contextmanager
def exclusive(path: Path, timeout_seconds: float = 3600) -> Iterator[None]:
    """Hold the lock for the block; waits for another holder; ``FeedError`` when it takes too long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        waited_until = time.monotonic() + timeout_seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > waited_until:
                    raise FeedError(
                        f"Another process has held {path} for {timeout_seconds:.0f} s. "
                        "End it, then run again."
                    ) from None
                time.sleep(0.05)
        yield
