"""What the readers of the three formats share: files of a batch, the account of a read, the rejects table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from feeds.dialect import Shape
from feeds.records import BadLine
from feeds.report import FeedError


@dataclass(frozen=True)
class BatchFile:
    """A landed file of a batch under its number in it, with what its source says of it."""

    number: int
    path: Path
    name: str
    format: str
    delimiter: str = ","


@dataclass
class ShapeRead:
    """What reading told: data lines (cells of wide files), repeats dropped, differences from the shape."""

    rows: int = 0
    duplicate_lines: int = 0
    drift: list[str] = field(default_factory=list)

    def differs(self, event: str) -> None:
        """Note a difference once."""
        if event not in self.drift:
            self.drift.append(event)


def create_rejects(con: duckdb.DuckDBPyConnection) -> None:
    """The table that lines go to which cannot be read."""
    con.execute(
        "create temp table rejects "
        "(_file_id bigint, _line bigint, rule varchar, message varchar, raw varchar)"
    )


def reject(con: duckdb.DuckDBPyConnection, bad: Sequence[tuple[int, BadLine]]) -> None:
    """Add lines that are no records."""
    if bad:
        rows = [(f, b.line, b.rule, b.message, b.raw.decode("utf-8", "replace")) for f, b in bad]
        con.executemany("insert into rejects values (?, ?, ?, ?, ?)", rows)


def check_columns(shape: Shape, header: Sequence[str], name: str, told: ShapeRead) -> None:
    """Raise ``FeedError`` when a file lacks a required column or repeats one; note the other differences."""
    missing = [c for c in shape.required if c not in header]
    if missing:
        raise FeedError(
            f"{name}: line 1 lacks the column {', '.join(missing)} (it has {', '.join(header)}). "
            "Send the column, or correct the source's dialect or delimiter in the shop file."
        )
    repeated = sorted({c for c in header if list(header).count(c) > 1})
    if repeated:
        raise FeedError(f"{name}: line 1 names the column {', '.join(repeated)} twice. Rename one of them.")
    for column in header:
        if column not in shape.columns and not (shape.wide and re.fullmatch(shape.wide, column)):
            told.differs(f"{shape.name}: unknown column {column!r} is ignored")
    for column in shape.optional:
        if column not in header:
            told.differs(f"{shape.name}: optional column {column!r} is absent")


def count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    """Rows of a relation."""
    row = con.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0
