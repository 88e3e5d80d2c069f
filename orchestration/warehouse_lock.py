"""Who may open the private warehouse file: many readers, or one writer, over all processes of this machine.

DuckDB refuses at once to open a file that another process writes; steps that run beside each other wait here
instead. The kernel lets go of a lock whose process dies.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def reading(warehouse: Path) -> Iterator[None]:
    """Wait until nobody writes the warehouse, and keep writers out while inside."""
    with _held(warehouse, fcntl.LOCK_SH):
        yield


@contextmanager
def writing(warehouse: Path) -> Iterator[None]:
    """Wait until nobody reads or writes the warehouse, and keep everybody out while inside; never nested."""
    with _held(warehouse, fcntl.LOCK_EX):
        yield


@contextmanager
def _held(warehouse: Path, kind: int) -> Iterator[None]:
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    with warehouse.with_suffix(".lock").open("a") as file:
        fcntl.flock(file, kind)
        yield
