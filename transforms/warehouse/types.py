"""Types of DuckDB's expressions, where sqlglot knows none or another one. Nothing is rewritten here.

Decimals have no precision and scale here: what matters is whether a number is a decimal, a double or whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

MOMENTS: Final = {exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ}
INTERVALS: Final[Mapping[str, int]] = {"TO_SECONDS": 3, "TO_MINUTES": 2, "TO_HOURS": 1, "TO_DAYS": 0}
"""Functions that make an interval, and the place of their number in Spark's ``make_dt_interval``."""

_FUNCTIONS: Final = {
    "PRODUCT": exp.DType.DOUBLE,
    "EPOCH_US": exp.DType.BIGINT,
    "ROW": exp.DType.STRUCT,
} | dict.fromkeys(INTERVALS, exp.DType.INTERVAL)
# Of two types of an operation or of the branches of a case the one that comes first.
_ORDERS: Final = (
    (exp.DType.TEXT, exp.DType.VARCHAR),
    (
        exp.DType.DOUBLE, exp.DType.FLOAT, exp.DType.DECIMAL, exp.DType.INT128, exp.DType.BIGINT,
        exp.DType.INT, exp.DType.SMALLINT, exp.DType.TINYINT,
    ),
    (exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.DATE),
)  # fmt: skip
COERCES_TO: Final = {type_: set(order[:place]) for order in _ORDERS for place, type_ in enumerate(order)}


def column_type(physical: str) -> exp.DataType:
    """The type of a column that DuckDB or a contract calls so."""
    if physical.lower().startswith("decimal"):
        return exp.DataType(this=exp.DType.DECIMAL)
    return exp.DataType.build(physical, dialect="duckdb")


def _function(annotator: Any, node: exp.Anonymous) -> exp.Expr:
    """A function that sqlglot does not know by name."""
    name = node.name.upper()
    if name == "TIMEZONE":
        zoned = node.expressions[1].is_type(exp.DType.TIMESTAMPTZ)
        return annotator._set_type(node, exp.DType.TIMESTAMP if zoned else exp.DType.TIMESTAMPTZ)
    return annotator._set_type(node, _FUNCTIONS.get(name, exp.DType.UNKNOWN))


def _difference(annotator: Any, node: exp.Sub) -> exp.Expr:
    """A day less a day is a number, a moment less a moment an interval; sqlglot takes the one for a day."""
    if node.this.is_type(exp.DType.DATE) and node.expression.is_type(exp.DType.DATE):
        return annotator._set_type(node, exp.DType.BIGINT)
    if node.this.is_type(*MOMENTS) and node.expression.is_type(*MOMENTS):
        return annotator._set_type(node, exp.DType.INTERVAL)
    return DuckDB.EXPRESSION_METADATA[exp.Sub]["annotator"](annotator, node)


def _literal(annotator: Any, node: exp.Literal) -> exp.Expr:
    """A number with a point and no exponent is a decimal."""
    if not node.is_string and "." in node.name and "e" not in node.name.lower():
        return annotator._set_type(node, exp.DType.DECIMAL)
    return annotator._annotate_literal(node)


def _cast(annotator: Any, node: exp.Cast) -> exp.Expr:
    return annotator._set_type(node, node.args["to"].this)


def _rounded(annotator: Any, node: exp.Round) -> exp.Expr:
    return annotator._annotate_by_args(node, "this")


EXPRESSION_TYPES: Final[dict[type[exp.Expr], dict[str, Any]]] = {
    **DuckDB.EXPRESSION_METADATA,
    exp.Anonymous: {"annotator": _function},
    exp.ArgMax: {"annotator": lambda annotator, node: annotator._annotate_by_args(node, "this")},
    exp.ArgMin: {"annotator": lambda annotator, node: annotator._annotate_by_args(node, "this")},
    exp.Cast: {"annotator": _cast},
    exp.Div: {"returns": exp.DType.DOUBLE},
    exp.Literal: {"annotator": _literal},
    exp.Median: {"returns": exp.DType.DOUBLE},
    exp.PercentileCont: {"returns": exp.DType.DOUBLE},
    exp.Round: {"annotator": _rounded},
    exp.Sub: {"annotator": _difference},
    exp.UnixToTime: {"returns": exp.DType.TIMESTAMP},
}
