"""Dialects: how the rows of a source become rows of the canonical feeds, declared in YAML and SQL.

A dialect is one file ``feeds/dialects/<name>.yaml``: the shapes of its files, its lookup tables, and for
each feed which contract column comes from which expression. One with long SQL may be a folder with
``dialect.yaml`` and one ``<feed>.sql`` a feed; a shop may bring its own file. Shape columns arrive as text.
Judging the rows is acceptance's work, composing the SQL that of ``dialect_sql``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from data_quality.contract import ContractError, all_contracts, load_contract
from feeds.dialect_sql import MACROS, feed_sql, lookup_sql

DIALECTS = Path(__file__).parent / "dialects"

# What one canonical row stands for in the account of a load: a line of the file, a cell of a wide file, or a
# group of lines. Lines and cells must add up to the file; groups are counted as the dialect makes them.
COUNTED_BY = ("lines", "cells", "groups")


class DialectError(ValueError):
    """A dialect is unknown or its files contradict each other."""


@dataclass(frozen=True)
class Shape:
    """Columns of one kind of file; ``wide`` matches headers that are turned into rows (header, cell).

    ``ignored`` are columns that the source is known to send and the dialect leaves out on purpose.
    """

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    wide: str | None = None
    deduplicate_lines: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All named columns, required ones first."""
        return self.required + self.optional


@dataclass(frozen=True)
class FeedMapping:
    """How one feed is made: from which shapes, counted by what, with which select.

    ``items`` says, for a feed of nested records, how many rows a line of the shape must give (an expression).
    """

    feed: str
    shapes: tuple[str, ...]
    counted_by: str
    sql: str
    items: str | None = None


@dataclass(frozen=True)
class StatusTable:
    """What the source's states mean in the contract's words; ``makes`` is the ``feed.column`` it fills."""

    makes: str | None
    values: Mapping[str, str | None]


@dataclass(frozen=True)
class Dialect:
    """A named set of shapes and the feeds made of them; ``prelude`` defines views that the selects share."""

    name: str
    shapes: Mapping[str, Shape]
    feeds: Mapping[str, FeedMapping]
    settings: Mapping[str, Any] = field(default_factory=dict)
    lookups: Mapping[str, Path] = field(default_factory=dict)
    prelude: str = ""
    statuses: Mapping[str, StatusTable] = field(default_factory=dict)
    untold: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def feeds_from(self, shape: str | None) -> tuple[str, ...]:
        """Feeds that take rows from a shape (from any, when none is named), in name order."""
        if shape is not None and shape not in self.shapes:
            raise DialectError(
                f"dialect {self.name} has no shape {shape!r}; it has {', '.join(self.shapes)}."
            )
        return tuple(sorted(f for f, m in self.feeds.items() if shape is None or shape in m.shapes))

    def shape_of(self, feed: str, shape: str | None) -> Shape:
        """The shape in which a source carries the feed."""
        return self.shapes[shape or self.feeds[feed].shapes[0]]


@cache
def load_dialect(name: str) -> Dialect:
    """The dialect of that name, or of the YAML file of that path; raises ``DialectError`` (listing the known
    ones) when there is none.
    """
    if name == "canonical":
        return _canonical()
    file = _file_of(name)
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as broken:
        raise DialectError(f"{file.name} is not valid YAML: {broken}. Correct the file.") from broken
    try:
        return _parse(document, file)
    except (KeyError, TypeError, AttributeError) as missing:
        raise DialectError(
            f"{file.name}: {missing!r} is missing or of the wrong kind. A dialect has name, shapes and feeds."
        ) from missing


def known_dialects() -> tuple[str, ...]:
    """Names of the shipped dialects, sorted."""
    folders = {path.parent.name for path in DIALECTS.glob("*/dialect.yaml")}
    return tuple(sorted({"canonical", *folders, *(path.stem for path in DIALECTS.glob("*.yaml"))}))


def _file_of(name: str) -> Path:
    candidates = [DIALECTS / f"{name}.yaml", DIALECTS / name / "dialect.yaml"]
    if name.endswith((".yaml", ".yml")):
        candidates = [Path(name)]
    for file in candidates:
        if file.is_file():
            return file
    raise DialectError(f"there is no dialect {name!r}. Known: {', '.join(known_dialects())}.")


def _parse(document: Mapping[str, Any], file: Path) -> Dialect:
    folder = file.parent
    shapes = {key: _shape(key, value) for key, value in document["shapes"].items()}
    statuses = {
        table: StatusTable(value.get("makes"), {str(k): v for k, v in value["values"].items()})
        for table, value in document.get("statuses", {}).items()
    }
    prelude = document.get("prelude", "")
    if (folder / "prelude.sql").exists() and file.name == "dialect.yaml":
        prelude = (folder / "prelude.sql").read_text(encoding="utf-8")
    tables = lookup_sql({table: status.values for table, status in statuses.items()})
    return Dialect(
        name=document["name"],
        shapes=shapes,
        feeds={
            feed: _mapping(feed, value, document, folder, shapes) for feed, value in document["feeds"].items()
        },
        settings=document.get("settings", {}),
        lookups={table: folder / path for table, path in document.get("lookups", {}).items()},
        prelude="\n".join((MACROS, tables, prelude)),
        statuses=statuses,
        untold={feed: tuple(columns) for feed, columns in document.get("untold", {}).items()},
    )


def _shape(name: str, value: Mapping[str, Any]) -> Shape:
    return Shape(
        name=name,
        required=tuple(value["columns"]),
        optional=tuple(value.get("optional", ())),
        wide=value.get("wide"),
        deduplicate_lines=bool(value.get("deduplicate_lines", False)),
        ignored=tuple(value.get("ignored", ())),
    )


def _mapping(
    feed: str,
    value: Mapping[str, Any],
    document: Mapping[str, Any],
    folder: Path,
    shapes: Mapping[str, Shape],
) -> FeedMapping:
    name = document["name"]
    told = value.get("from", next(iter(shapes)))
    used = (told,) if isinstance(told, str) else tuple(told)
    unknown = [shape for shape in used if shape not in shapes]
    if unknown:
        raise DialectError(
            f"{name}: feed {feed} is made from {unknown}, but the shapes are {sorted(shapes)}."
        )
    counted_by = value.get("counted_by", "groups" if "items" in value else "lines")
    if counted_by not in COUNTED_BY:
        raise DialectError(f"{name}: feed {feed} is counted by {counted_by!r}; use one of {COUNTED_BY}.")
    try:
        known = load_contract(feed).column_names
    except ContractError as absent:
        raise DialectError(f"{name}: there is no feed {feed!r}: {absent}") from absent
    strange = [column for column in value.get("columns", {}) if column not in known]
    if strange:
        raise DialectError(f"{name}: feed {feed} has no column {strange}; it has {', '.join(known)}.")
    if "columns" not in value and "sql" not in value:
        value = {**value, "sql": (folder / f"{feed}.sql").read_text(encoding="utf-8")}
    if "columns" in value:
        everywhere = {c: made for c, made in document.get("everywhere", {}).items() if c in known}
        value = {**value, "columns": {**everywhere, **value["columns"]}}
    sql = feed_sql(value, document.get("views", {}))
    return FeedMapping(feed=feed, shapes=used, counted_by=counted_by, sql=sql, items=value.get("items"))


def _canonical() -> Dialect:
    """The dialect of sources that already speak in contracts: one shape a feed, its columns those of the
    contract.
    """
    contracts = all_contracts("feeds")
    shapes = {
        c.name: Shape(
            name=c.name,
            required=tuple(column.name for column in c.columns if column.required),
            optional=tuple(column.name for column in c.columns if not column.required),
        )
        for c in contracts
    }
    feeds = {c.name: FeedMapping(c.name, (c.name,), "lines", f"select * from {c.name}") for c in contracts}
    return Dialect(name="canonical", shapes=shapes, feeds=feeds)
