"""Private scratch folders: plain bytes may stand in one while its process lives, and no longer.

A folder is removed when its block ends. One whose process was killed is removed by the next that opens one:
the operating system frees the dead process's lock on it.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feeds.locks import exclusive

_PREFIX = "load-"
_LOCK = ".alive"


@contextmanager
def private_scratch(folder: Path) -> Iterator[Path]:
    """A new folder (mode 0700) under ``<folder>/tmp``; what dead processes left there is removed first."""
    root = folder / "tmp"
    root.mkdir(parents=True, exist_ok=True)
    sweep_scratch(folder)
    # Held while the folder is made and locked, so that no sweep finds it unlocked.
    with exclusive(folder / "locks" / "scratch.lock"):
        scratch = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        alive = (scratch / _LOCK).open("a")
        fcntl.flock(alive, fcntl.LOCK_EX)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        alive.close()


def sweep_scratch(folder: Path) -> int:
    """Remove scratch folders of dead processes; gives how many there were."""
    root, swept = folder / "tmp", 0
    if not root.exists():
        return 0
    with exclusive(folder / "locks" / "scratch.lock"):
        for left in root.glob(f"{_PREFIX}*"):
            if _is_dead(left):
                shutil.rmtree(left, ignore_errors=True)
                swept += 1
    return swept


def _is_dead(scratch: Path) -> bool:
    try:
        with (scratch / _LOCK).open("a") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return False
    return True
