"""What the readers of the three formats share: files of a batch, the account of a read, the rejects table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from data_quality.free_text import mask_text
from feeds.dialect import Shape
from feeds.landed import LandedBytes
from feeds.records import BadLine
from feeds.refusals import RefusedFile
from feeds.report import FeedError
from feeds.vault import Vault


@dataclass(frozen=True)
class BatchFile:
    """A landed file of a batch under its number in it, with what its source says of it.

    ``sent`` is where its sender had put it, ``address`` that of its content.
    """

    number: int
    path: Path
    name: str
    format: str
    delimiter: str = ","
    vault: Vault | None = None
    size: int = 0
    sheet: str | None = None
    records: str | None = None
    address: str = ""
    sent: Path | None = None

    @property
    def column_delimiter(self) -> str:
        """What stands between the columns: a tab in a TSV whose source says nothing else."""
        return "\t" if self.format == "tsv" and self.delimiter == "," else self.delimiter

    @property
    def content(self) -> LandedBytes:
        """The door to the file's bytes; ``path`` may hold them sealed."""
        return LandedBytes(self.path, self.vault)


@dataclass
class ShapeRead:
    """What reading told: data lines (cells of wide files), repeats dropped, differences from the shape."""

    rows: int = 0
    duplicate_lines: int = 0
    drift: list[str] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)

    def refuse(self, file: BatchFile, reason: str) -> None:
        """Note that nothing of a file is read, and why."""
        self.refused.append(RefusedFile(file.number, file.name, reason))

    def differs(self, event: str) -> None:
        """Note a difference once."""
        event = mask_text(event)
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


def in_shapes_case(shape: Shape, header: Sequence[str], told: ShapeRead) -> list[str]:
    """A header in which names that differ from the shape's in their case alone are the shape's."""
    own = {name.casefold(): name for name in shape.columns}
    known = {*shape.columns, *shape.ignored}
    named = [c if c in known else own.get(c.casefold(), c) for c in header]
    for found, meant in zip(header, named, strict=True):
        if found != meant and meant not in header:
            told.differs(f"{shape.name}: column {meant!r} is written {found!r}")
    return named


def check_columns(shape: Shape, header: Sequence[str], name: str, told: ShapeRead) -> None:
    """Raise ``FeedError`` when a file lacks a required column or repeats one; note the other differences."""
    missing = [c for c in shape.required if c not in header]
    if missing:
        raise FeedError(
            f"{name}: line 1 lacks the column {', '.join(missing)} ({_names_told(shape, header)}). "
            "Send the column, or correct the source's dialect or delimiter in the shop file."
        )
    repeated = sorted({c for c in header if list(header).count(c) > 1})
    if repeated:
        raise FeedError(
            f"{name}: line 1 names the column {mask_text(', '.join(repeated))} twice. Rename one of them."
        )
    for column in header:
        known = column in shape.columns or column in shape.ignored
        if not known and not (shape.wide and re.fullmatch(shape.wide, column)):
            told.differs(f"{shape.name}: unknown column {column!r} is ignored")
    for column in shape.optional:
        if column not in header:
            told.differs(f"{shape.name}: optional column {column!r} is absent")


def _names_told(shape: Shape, header: Sequence[str]) -> str:
    """What a header has; of a line without any known name only how many, for it may be somebody's data."""
    if not set(header) & {*shape.columns, *shape.ignored}:
        return f"it has {len(header)} values, none of them a known name: is there a header?"
    return f"it has {mask_text(', '.join(header))}"


def count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    """Rows of a relation."""
    row = con.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0
