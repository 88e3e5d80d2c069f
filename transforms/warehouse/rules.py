"""What the rules share: their shape, their error, and questions about types. No rule belongs here."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

Rule = Callable[[exp.Expr], exp.Expr]
"""Gives the expression that stands for a DuckDB one in Spark; the same object where nothing is to be done."""

WHOLE_NUMBERS = exp.DataType.INTEGER_TYPES
DOUBLES = {exp.DType.DOUBLE, exp.DType.FLOAT}
DECIMALS = {exp.DType.DECIMAL}


class TranslationError(ValueError):
    """A query has no translation; the message says what was met and why it cannot be rendered."""


def known_type(node: exp.Expr, why: str) -> exp.DataType:
    """The type of an expression; raises ``TranslationError`` where it is not known."""
    if node.type is None or node.type.is_type(exp.DType.UNKNOWN):
        raise TranslationError(f"The type of {node.sql('duckdb')} is unknown, and {why} depends on it.")
    return node.type


def is_of(node: exp.Expr, types: set[exp.DType], why: str) -> bool:
    """Whether an expression has one of these types; its type has to be known."""
    return known_type(node, why).this in types


def cast(node: exp.Expr, type_: str) -> exp.Cast:
    """A cast to a DuckDB type."""
    return exp.cast(node, exp.DataType.build(type_, dialect="duckdb"), copy=False)


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A call of a function of Spark's."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def if_(condition: exp.Expr, value: exp.Expr) -> exp.If:
    """The value where the condition holds, else null."""
    return exp.If(this=condition, true=value, false=exp.null())


def typed(node: exp.Expr, type_: str) -> exp.Expr:
    """The same expression, known to be of a DuckDB type."""
    node.type = exp.DataType.build(type_, dialect="duckdb")
    return node
