"""Common table expressions that cannot stay in a query on Spark: recursive ones, and those read too often.

Each is taken out as a query of its own, to be run before; the query then reads a view in its place. The tree
is that of a translated query. Nothing is run here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

import sqlglot
from sqlglot import exp

from transforms.warehouse.rules import TranslationError

MOST_READS: Final = 40
"""Spark puts a common table expression in anew wherever it is read, DuckDB makes it once. The three rounds of
matching refunds would read their tables 662 times; the next longest model reads 54, most fewer than 10."""

_views = count(1)


@dataclass(frozen=True)
class Recursion:
    """A table that a query defines by itself: ``union`` of a start and of what each step adds to it.

    ``step`` reads what the step before added from ``added``; the query reads the whole from ``view``.
    """

    view: str
    start: str
    step: str
    added: str


@dataclass(frozen=True)
class Kept:
    """A table that a query reads more than once, made once."""

    view: str
    sql: str


def take_out(tree: exp.Expr) -> tuple[Recursion | Kept, ...]:
    """Take such tables out of the query, in the order in which they are to be made."""
    with_ = tree.args.get("with_")
    if with_ is None:
        return ()
    kept = _read_twice(tree) if _reads(tree) > MOST_READS else set()
    taken: list[Recursion | Kept] = []
    before: list[exp.CTE] = []
    for cte in list(with_.expressions):
        if any(_is_of(table, cte.alias) for table in cte.this.find_all(exp.Table)):
            part: Recursion | Kept = _recursion(cte, before)
        elif cte.alias in kept:
            part = Kept(_view_of(cte), _query_of(cte.this, before))
        else:
            before.append(cte)
            continue
        taken.append(part)
        cte.pop()
        _read_instead(tree, cte.alias, part.view)
    with_.set("recursive", False)
    if not with_.expressions:
        tree.set("with_", None)
    return tuple(taken)


def generate(tree: exp.Expr) -> str:
    """The tree as Spark's SQL; what sqlglot cannot render is an error."""
    return tree.sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.RAISE, comments=False)


def _recursion(cte: exp.CTE, before: Sequence[exp.CTE]) -> Recursion:
    union = cte.this
    if not isinstance(union, exp.Union) or not union.args.get("distinct"):
        raise TranslationError(f"The recursive {cte.alias} is no `union` of a start and a step.")
    view = _view_of(cte)
    added = f"{view}_added"
    step = union.right.copy()
    _read_instead(step, cte.alias, added)
    return Recursion(view, _query_of(union.left, before), _query_of(step, before), added)


def _reads(tree: exp.Expr) -> int:
    """Tables that are read once each common table expression is put in where it is read."""
    reads: dict[str, int] = {}
    for cte in tree.args["with_"].expressions:
        reads[cte.alias] = _reads_of(cte.this, reads)
    return _reads_of(_without_with(tree), reads)


def _reads_of(query: exp.Expr, reads: dict[str, int]) -> int:
    return sum(1 if table.db else reads.get(table.name, 1) for table in query.find_all(exp.Table))


def _read_twice(tree: exp.Expr) -> set[str]:
    """Common table expressions that more than one place reads, less those that only rename a table's rows."""
    read = Counter(table.name for table in tree.find_all(exp.Table) if not table.db)
    return {
        cte.alias
        for cte in tree.args["with_"].expressions
        if read[cte.alias] > 1
        and cte.this.find(exp.Join, exp.Group, exp.AggFunc, exp.Window, exp.SetOperation, exp.Explode)
    }


def _without_with(tree: exp.Expr) -> exp.Expr:
    alone = tree.copy()
    alone.set("with_", None)
    return alone


def _read_instead(tree: exp.Expr, name: str, view: str) -> None:
    """Let the query read a view where it reads a common table expression."""
    for table in list(tree.find_all(exp.Table)):
        if _is_of(table, name):
            table.replace(exp.table_(view, alias=table.alias_or_name))


def _is_of(table: exp.Table, name: str) -> bool:
    return table.name == name and not table.db


def _view_of(cte: exp.CTE) -> str:
    """A name of its own: dbt runs several models at a time in one session."""
    return f"{cte.alias}__{next(_views)}"


def _query_of(query: exp.Expr, before: Sequence[exp.CTE]) -> str:
    """A part of a query as one of its own, with the common table expressions that come before it."""
    alone = query.copy()
    if before:
        alone.set("with_", exp.With(expressions=[cte.copy() for cte in before]))
    return generate(alone)
