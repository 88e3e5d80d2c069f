"""From the SQL that models are written in, DuckDB's, to Spark's, with the same results.

A query is parsed, its columns are resolved against the tables it reads, every expression gets its type, and
each construct that Spark lacks or reads otherwise is rewritten (``functions``, ``relations``). Types decide:
a day less a day is a number here and an interval there. Where a type matters and is unknown, the translation
stops. Nothing is run here, and PySpark is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from transforms.warehouse.common_tables import Kept, Recursion, generate, take_out
from transforms.warehouse.functions import FUNCTION_RULES
from transforms.warehouse.relations import RELATION_RULES
from transforms.warehouse.rules import Rule, TranslationError
from transforms.warehouse.types import COERCES_TO, EXPRESSION_TYPES, column_type

READ = "duckdb"
RULES: Mapping[type[exp.Expr], Rule] = {**FUNCTION_RULES, **RELATION_RULES}


@dataclass(frozen=True)
class Translated:
    """A query for Spark, and the tables to make before it, in their order."""

    sql: str
    before: tuple[Recursion | Kept, ...] = field(default=())


@dataclass(frozen=True)
class Known:
    """What a translation has to know of the tables that a query reads.

    Args:
        columns: columns of a table and their DuckDB types, by the name that the query has for it.
        views: names that Spark has for tables, where it is another one (``raw.orders``: ``raw__orders``).
        rows: tables of one row, and its values as DuckDB literals. A subquery for one becomes the value.
    """

    columns: Callable[[str], Mapping[str, str]]
    views: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def translate(sql: str, known: Known) -> Translated:
    """One DuckDB query in Spark's SQL; ``TranslationError`` says what could not be translated, and why."""
    try:
        tree = sqlglot.parse_one(sql, dialect=READ)
        _put_in(tree, known.rows)
        schema = MappingSchema(dialect=READ)
        for name in _tables_read(tree):
            schema.add_table(name, {c: column_type(t) for c, t in known.columns(name).items()}, dialect=READ)
        tree = qualify(tree, schema=schema, dialect=READ, quote_identifiers=False, identify=False)
        tree = annotate_types(
            tree, schema=schema, dialect=READ, expression_metadata=EXPRESSION_TYPES, coerces_to=COERCES_TO
        )
        tree = _rewritten(tree)
        _rename(tree, known.views)
        before = take_out(tree)
        return Translated(generate(tree), before)
    except SqlglotError as error:
        raise TranslationError(f"{error}") from error


def _tables_read(tree: exp.Expr) -> set[str]:
    """Tables outside of the query; one without a schema is a common table expression."""
    return {f"{table.db}.{table.name}" for table in tree.find_all(exp.Table) if table.db}


def _put_in(tree: exp.Expr, rows: Mapping[str, Mapping[str, str]]) -> None:
    """Replace subqueries for a value of a table of one row by the value: Spark plans a job for each."""
    for subquery in list(tree.find_all(exp.Subquery)):
        query = subquery.this
        from_ = query.args.get("from_") if isinstance(query, exp.Select) else None
        table = from_.this if from_ else None
        row = rows.get(f"{table.db}.{table.name}") if isinstance(table, exp.Table) else None
        clauses = {
            name
            for name, value in query.args.items()
            if value and name not in ("expressions", "from_", "kind")
        }
        if row is None or clauses or len(query.selects) != 1:
            continue
        value = query.selects[0].unalias().copy()
        for column in list(value.find_all(exp.Column)):
            literal = sqlglot.parse_one(row[column.name], dialect=READ)
            if column is value:
                value = literal
            else:
                column.replace(literal)
        subquery.replace(exp.paren(value, copy=False))


def _rewritten(tree: exp.Expr) -> exp.Expr:
    """The tree after the rules, innermost expressions first: a rule sees its operands rewritten."""
    for node in reversed(list(tree.walk())):
        rule = RULES.get(type(node))
        replacement = rule(node) if rule else node
        if replacement is not node:
            if replacement.type is None:
                replacement.type = node.type
            if node is tree:
                tree = replacement
            else:
                node.replace(replacement)
    return tree


def _rename(tree: exp.Expr, views: Mapping[str, str]) -> None:
    for table in list(tree.find_all(exp.Table)):
        name = views.get(f"{table.db}.{table.name}") if table.db else None
        if name:
            table.replace(exp.table_(name, alias=table.alias_or_name))
