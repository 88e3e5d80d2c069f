"""Joins and windows that Spark lacks, one rule each. Expressions are in ``functions``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from transforms.warehouse.rules import Rule, TranslationError, call, if_

_NEXT: Final = "asof_next"
"""The moment of the row after, in the right side of an as-of join."""
_CHOSEN: Final = "is_qualified"


def _join(node: exp.Expr) -> exp.Expr:
    """``asof``: of the rows that began by then the latest, which holds until the next one begins."""
    if node.args.get("kind") == "ANTI" and not node.args.get("side"):
        node.set("side", "LEFT")
    if node.args.get("method") != "ASOF":
        return node
    right = node.alias_or_name
    conditions = list(node.args["on"].flatten())
    began = [condition for condition in conditions if isinstance(condition, exp.GTE)]
    equal = [condition for condition in conditions if isinstance(condition, exp.EQ)]
    if len(began) != 1 or len(began) + len(equal) != len(conditions):
        raise TranslationError(f"An as-of join takes equalities and one >=, not {node.sql('duckdb')}.")
    moment, start = began[0].this, began[0].expression
    keys = [side for condition in equal for side in condition.unnest_operands() if _table_of(side) == right]
    if _table_of(start) != right or len(keys) != len(equal):
        raise TranslationError(
            f"The right side has to begin, and be named in each equality: {node.sql('duckdb')}."
        )
    following = exp.Window(
        this=call("lead", start.copy()),
        partition_by=[key.copy() for key in keys],
        order=exp.Order(expressions=[exp.Ordered(this=start.copy())]),
    )
    rows = exp.select(exp.Star(), exp.alias_(following, _NEXT)).from_(node.this.copy())
    next_start = exp.column(_NEXT, table=right)
    still = exp.or_(
        exp.Is(this=next_start, expression=exp.null()),
        exp.LT(this=moment.copy(), expression=next_start.copy()),
    )
    node.set("this", rows.subquery(right))
    node.set("on", exp.and_(*(condition.copy() for condition in conditions), still))
    node.set("method", None)
    return node


def _table_of(side: exp.Expr) -> str:
    return side.table if isinstance(side, exp.Column) else ""


def _window(node: exp.Expr) -> exp.Expr:
    """A filtered aggregate over a window counts nulls in place of the rows left out; a product is folded."""
    over = node.this
    if isinstance(over, exp.Filter):
        aggregate, condition = over.this, over.expression.this
        value = exp.Literal.number(1) if isinstance(aggregate.this, exp.Star) else aggregate.this
        aggregate.set("this", if_(condition, value))
        node.set("this", aggregate)
    if isinstance(over, exp.Anonymous) and over.name.upper() == "PRODUCT":
        so_far, next_ = exp.to_identifier("so_far"), exp.to_identifier("next_factor")
        node.set("this", call("collect_list", over.expressions[0]))
        fold = exp.Lambda(
            this=exp.Mul(this=exp.column("so_far"), expression=exp.column("next_factor")),
            expressions=[so_far, next_],
        )
        return call("aggregate", node.copy(), exp.cast(exp.Literal.number(1), "double"), fold)
    # Spark takes `over name - other` for one name with a hyphen in it
    return exp.paren(node.copy()) if isinstance(node.parent, exp.Binary) else node


def _select(node: exp.Expr) -> exp.Expr:
    """``qualify``: its condition becomes a column, and the rows are chosen by it one query further out."""
    qualify = node.args.get("qualify")
    if qualify is None or not isinstance(node, exp.Select):
        return node
    if any(node.args.get(clause) for clause in ("distinct", "order", "limit")):
        raise TranslationError(f"`qualify` with distinct, order or limit has no rule: {node.sql('duckdb')}.")
    inner = node.copy()
    inner.set("qualify", None)
    inner.set("with_", None)
    inner.select(exp.alias_(qualify.this.copy(), _CHOSEN), copy=False)
    outer = exp.select(*(exp.column(column.alias_or_name) for column in node.selects))
    outer = outer.from_(inner.subquery("qualified")).where(exp.column(_CHOSEN))
    outer.set("with_", node.args.get("with_"))
    return outer


RELATION_RULES: Final[Mapping[type[exp.Expr], Rule]] = {
    exp.Join: _join,
    exp.Window: _window,
    exp.Select: _select,
}
