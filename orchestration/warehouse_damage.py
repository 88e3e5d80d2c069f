"""A damaged private warehouse is set aside, not deleted: all of it can be built anew from the lake.

DuckDB compares the checksum of every block that it reads; what it says of damage is recognised here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import duckdb

SIGNS = (
    "Corrupt database file",
    "Could not read enough bytes",
    "not a valid DuckDB database file",
    "Failed to deserialize",
    "replaying WAL",
)


def tells_of_damage(message: str) -> bool:
    """Whether this is what DuckDB says of a file whose bytes are not those that it wrote."""
    return any(sign in message for sign in SIGNS)


def set_aside(warehouse: Path) -> str:
    """Rename the file and its log out of the way and say so; the next build starts without them."""
    number = 1 + len(list(warehouse.parent.glob(f"{warehouse.name}.damaged-*")))
    aside = warehouse.with_name(f"{warehouse.name}.damaged-{number}")
    for suffix in ("", ".wal"):
        part = warehouse.with_name(warehouse.name + suffix)
        if part.exists():
            os.replace(part, aside.with_name(aside.name + suffix))
    return (
        f"The private warehouse was damaged and is kept as {aside}; run again, and it is built anew from the "
        "lake. Delete the damaged file when nobody wants to look at it."
    )


def or_anew(warehouse: Path, open_it: Callable[[], object]) -> str | None:
    """Do what opens the file first; where that fails for its damage, set it aside and do it on a new one.

    Gives what was done with the damaged file, or ``None``.
    """
    try:
        open_it()
    except (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException) as refused:
        if not tells_of_damage(str(refused)):
            raise
        told = set_aside(warehouse)
        open_it()
        return told
    return None
