"""Dialects: how the rows of a source become rows of the canonical feeds, declared in YAML and SQL.

A dialect is a folder ``feeds/dialects/<name>/`` with ``dialect.yaml`` (the shapes of its files, the feeds it
makes, its lookup tables) and one ``<feed>.sql`` a feed. Shape columns arrive as text. Judging the rows is
acceptance's work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from data_quality.contract import all_contracts, load_contract

DIALECTS = Path(__file__).parent / "dialects"

# What one canonical row stands for in the account of a load: a line of the file, a cell of a wide file, or a
# group of lines. Lines and cells must add up to the file; groups are counted as the dialect makes them.
COUNTED_BY = ("lines", "cells", "groups")


class DialectError(ValueError):
    """A dialect is unknown or its files contradict each other."""


@dataclass(frozen=True)
class Shape:
    """Columns of one kind of file; ``wide`` matches headers that are turned into rows (header, cell)."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    wide: str | None = None
    deduplicate_lines: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """All named columns, required ones first."""
        return self.required + self.optional


@dataclass(frozen=True)
class FeedMapping:
    """How one feed is made: from which shapes, counted by what, with which select."""

    feed: str
    shapes: tuple[str, ...]
    counted_by: str
    sql: str


@dataclass(frozen=True)
class Dialect:
    """A named set of shapes and the feeds made of them; ``prelude`` defines views that the selects share."""

    name: str
    shapes: Mapping[str, Shape]
    feeds: Mapping[str, FeedMapping]
    settings: Mapping[str, Any] = field(default_factory=dict)
    lookups: Mapping[str, Path] = field(default_factory=dict)
    prelude: str = ""

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
    """The dialect of that name; raises ``DialectError`` (listing the known ones) when there is none."""
    if name == "canonical":
        return _canonical()
    folder = DIALECTS / name
    file = folder / "dialect.yaml"
    if not file.exists():
        known = sorted({"canonical", *(p.parent.name for p in DIALECTS.glob("*/dialect.yaml"))})
        raise DialectError(f"there is no dialect {name!r}. Known: {', '.join(known)}.")
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    shapes = {
        key: Shape(
            name=key,
            required=tuple(value["columns"]),
            optional=tuple(value.get("optional", ())),
            wide=value.get("wide"),
            deduplicate_lines=bool(value.get("deduplicate_lines", False)),
        )
        for key, value in document["shapes"].items()
    }
    prelude = folder / "prelude.sql"
    return Dialect(
        name=name,
        shapes=shapes,
        feeds={feed: _mapping(feed, value, folder, shapes) for feed, value in document["feeds"].items()},
        settings=document.get("settings", {}),
        lookups={table: folder / path for table, path in document.get("lookups", {}).items()},
        prelude=prelude.read_text(encoding="utf-8") if prelude.exists() else "",
    )


def _mapping(feed: str, value: dict[str, Any], folder: Path, shapes: Mapping[str, Shape]) -> FeedMapping:
    used = (value["from"],) if isinstance(value["from"], str) else tuple(value["from"])
    unknown = [shape for shape in used if shape not in shapes]
    if unknown:
        raise DialectError(
            f"{folder.name}: feed {feed} is made from {unknown}, but the shapes are {sorted(shapes)}."
        )
    counted_by = value.get("counted_by", "lines")
    if counted_by not in COUNTED_BY:
        raise DialectError(
            f"{folder.name}: feed {feed} is counted by {counted_by!r}; use one of {COUNTED_BY}."
        )
    load_contract(feed)
    sql = (folder / f"{feed}.sql").read_text(encoding="utf-8")
    return FeedMapping(feed=feed, shapes=used, counted_by=counted_by, sql=re.sub(r";\s*$", "", sql))


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
