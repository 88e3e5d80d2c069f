"""Expressions that Spark lacks or reads otherwise than DuckDB, one rule each. Relations are in ``relations``.

The session's zone is UTC and its ANSI mode on (``session``): an overflow or a cast that fails is an error in
both. One thing is told apart: DuckDB divides by zero to infinity, Spark stops.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from transforms.warehouse.rules import (
    DECIMALS,
    DOUBLES,
    WHOLE_NUMBERS,
    Rule,
    TranslationError,
    call,
    cast,
    if_,
    is_of,
    known_type,
    typed,
)
from transforms.warehouse.types import INTERVALS, MOMENTS


def _function(node: exp.Expr) -> exp.Expr:
    """Functions that sqlglot does not know by name."""
    name = node.name.upper()
    if name == "TIMEZONE":
        return _in_zone(*node.expressions)
    if name == "ROW":
        return call("struct", *node.expressions)
    if name == "EPOCH_US":
        return _microseconds(node.expressions[0])
    if name in INTERVALS:
        parts: list[exp.Expr] = [exp.Literal.number(0) for _ in range(4)]
        parts[INTERVALS[name]] = node.expressions[0]
        return call("make_dt_interval", *parts)
    return node


def _in_zone(zone: exp.Expr, moment: exp.Expr) -> exp.Expr:
    """What the clock of a zone shows at a moment, or the moment at which it shows that."""
    in_utc = isinstance(zone, exp.Literal) and zone.name == "UTC"
    if is_of(moment, {exp.DType.TIMESTAMPTZ}, "a change of zone"):
        return cast(moment if in_utc else call("from_utc_timestamp", moment, zone), "timestamp")
    moment = cast(moment, "timestamptz")
    return moment if in_utc else call("to_utc_timestamp", moment, zone)


def _latest(node: exp.Expr) -> exp.Expr:
    """``arg_max`` passes over rows without a value; ``max_by`` over rows without an order only."""
    value, order = node.this, node.expression
    if isinstance(order, exp.Tuple):
        order = call("struct", *order.expressions)
    order = if_(exp.Not(this=exp.Is(this=value.copy(), expression=exp.null())), order)
    return call("max_by" if isinstance(node, exp.ArgMax) else "min_by", value, order)


def _microseconds(moment: exp.Expr) -> exp.Expr:
    """Microseconds of a moment since 1970, or of the time between two."""
    if isinstance(moment, exp.Sub):
        later, earlier = _microseconds(moment.this), _microseconds(moment.expression)
        return typed(exp.paren(exp.Sub(this=later, expression=earlier)), "bigint")
    if not is_of(moment, MOMENTS, "an epoch"):
        raise TranslationError(f"Only moments have an epoch here, not {moment.sql('duckdb')}.")
    return typed(call("unix_micros", cast(moment, "timestamptz")), "bigint")


def _seconds(node: exp.Expr) -> exp.Expr:
    """``epoch``: seconds with their fraction."""
    return exp.Div(this=_microseconds(node.this), expression=exp.Literal.number("1000000e0"))


def _moment(node: exp.Expr) -> exp.Expr:
    """``make_timestamp`` of microseconds is what a clock in UTC shows."""
    if node.text("scale") != "6":
        raise TranslationError(f"Moments are made of microseconds, not as {node.sql('duckdb')}.")
    made = node.this
    if isinstance(made, exp.Anonymous) and made.name == "unix_micros":
        return cast(made.expressions[0], "timestamp")
    return cast(call("timestamp_micros", made), "timestamp")


def _less(node: exp.Expr) -> exp.Expr:
    """A day less a day is a number of days."""
    day = {exp.DType.DATE}
    if not is_of(node.this, day, "a difference") or not is_of(node.expression, day, "a difference"):
        return node
    return typed(cast(call("datediff", node.this, node.expression), "bigint"), "bigint")


def _divided(node: exp.Expr) -> exp.Expr:
    """``/`` divides doubles, whatever it is given."""
    return exp.Div(this=cast(node.this, "double"), expression=cast(node.expression, "double"))


def _cast(node: exp.Expr) -> exp.Expr:
    """Casts round; Spark's cut off what is behind the point, and read a double by its decimal digits."""
    to = node.args["to"].this
    if isinstance(node.this, exp.Explode):
        return _each_cast(node.this, node.args["to"])
    if isinstance(node.this, exp.Null):
        return node
    if to == exp.DType.INT128:
        # Spark has no whole number of 128 bits; 38 digits are the next to it, and more of them an error
        return exp.cast(node.this, exp.DataType.build("decimal(38, 0)"), copy=False)
    if to in WHOLE_NUMBERS:
        from_ = known_type(node.this, "a cast").this
        if from_ in DECIMALS:
            return cast(call("round", node.this, exp.Literal.number(0)), to.value)
        if from_ in DOUBLES:
            return cast(call("rint", node.this), to.value)
    if to in DECIMALS and is_of(node.this, DOUBLES, "a cast"):
        scale = node.args["to"].expressions[1].name
        return exp.cast(_rounded_double(node.this, scale), node.args["to"], copy=False)
    return node


def _each_cast(made: exp.Explode, to: exp.DataType) -> exp.Expr:
    """Elements are cast in their list: nothing may be done with the rows of a list where they are made."""
    if not made.is_type(to.this):
        list_ = exp.DataType(this=exp.DType.ARRAY, expressions=[to.copy()], nested=True)
        made.set("this", exp.cast(made.this, list_, copy=False))
    return made


def _round(node: exp.Expr) -> exp.Expr:
    digits = node.args.get("decimals")
    if digits is None or not is_of(node.this, DOUBLES, "rounding"):
        return node
    return _rounded_double(node.this, digits.name)


def _rounded_double(number: exp.Expr, digits: str) -> exp.Expr:
    """A double is rounded as the number it is, times a power of ten, and not by its decimal digits."""
    power = exp.Literal.number(f"1e{digits}")
    whole = call("round", exp.Mul(this=exp.paren(number), expression=power), exp.Literal.number(0))
    return typed(exp.paren(exp.Div(this=whole, expression=power.copy())), "double")


def _mean(node: exp.Expr) -> exp.Expr:
    """The mean of decimals is a double."""
    if not is_of(node.this, DECIMALS, "a mean"):
        return node
    return exp.Avg(this=cast(node.this, "double"))


def _difference(node: exp.Expr) -> exp.Expr:
    """``date_diff`` counts the boundaries between two moments; Spark's own counts whole units."""
    unit, later, earlier = node.text("unit").upper(), node.this, node.expression
    if unit == "DAY":
        return cast(call("datediff", later, earlier), "bigint")
    if unit == "SECOND":
        until, since = (call("unix_seconds", cast(side, "timestamptz")) for side in (later, earlier))
        return exp.paren(exp.Sub(this=until, expression=since))
    if unit == "MONTH":
        return exp.paren(exp.Sub(this=_months(later), expression=_months(earlier)))
    raise TranslationError(f"date_diff by {unit.lower()} has no rule yet.")


def _months(day: exp.Expr) -> exp.Expr:
    """Months since the year 0."""
    years = exp.Mul(this=call("year", day), expression=exp.Literal.number(12))
    return exp.paren(exp.Add(this=years, expression=call("month", day.copy())))


def _day_of_week(node: exp.Expr) -> exp.Expr:
    """Sunday is 0."""
    return exp.paren(exp.Sub(this=call("dayofweek", node.this), expression=exp.Literal.number(1)))


def _series(node: exp.Expr) -> exp.Expr:
    """A series of days or moments; empty where it ends before it starts, at which ``sequence`` stops."""
    start, end, step = (node.args.get(name) for name in ("start", "end", "step"))
    if start is None or end is None or not isinstance(step, exp.Interval):
        raise TranslationError(f"Only a series of days or moments has a rule, not {node.sql('duckdb')}.")
    of_days = is_of(start, {exp.DType.DATE}, "a series") and is_of(end, {exp.DType.DATE}, "a series")
    element = "date" if of_days else "timestamp"
    first, last = cast(start, element), cast(end, element)
    series = if_(exp.LTE(this=first, expression=last), call("sequence", first.copy(), last.copy(), step))
    return typed(series, element)


def _each(node: exp.Expr) -> exp.Expr:
    """Each element of a series has the series' type."""
    if isinstance(node.this, exp.If):
        node.type = node.this.type
    return node


def _cut(node: exp.Expr) -> exp.Expr:
    """``date_trunc`` gives a plain timestamp."""
    if is_of(node.this, {exp.DType.TIMESTAMPTZ}, "date_trunc"):
        return node
    return cast(node.copy(), "timestamp")


def _any(node: exp.Expr) -> exp.Expr:
    """Any value that is one."""
    return call("any_value", node.this, exp.true())


def _without_end(node: exp.Expr) -> exp.Expr:
    """The moment ``infinity`` is one after all that a shop will see; Spark's moments have an end."""
    for value in node.expressions:
        if isinstance(value, exp.Literal) and value.name == "infinity" and node.this.is_type(*MOMENTS):
            value.replace(cast(exp.Literal.string("9999-12-31"), "timestamp"))
    return node


def _no_nulls(node: exp.Expr) -> exp.Expr:
    """``any_value`` says by itself that it passes over nulls."""
    made = node.this
    return made if isinstance(made, exp.Anonymous) and made.name == "any_value" else node


def _percentile(node: exp.Expr) -> exp.Expr:
    return call("percentile", cast(node.this, "double"), node.expression)


FUNCTION_RULES: Final[Mapping[type[exp.Expr], Rule]] = {
    exp.Anonymous: _function,
    exp.ArgMax: _latest,
    exp.ArgMin: _latest,
    exp.TimeToUnix: _seconds,
    exp.UnixToTime: _moment,
    exp.Sub: _less,
    exp.Div: _divided,
    exp.Cast: _cast,
    exp.Round: _round,
    exp.Avg: _mean,
    exp.DateDiff: _difference,
    exp.DayOfWeek: _day_of_week,
    exp.GenerateSeries: _series,
    exp.Explode: _each,
    exp.TimestampTrunc: _cut,
    exp.AnyValue: _any,
    exp.IgnoreNulls: _no_nulls,
    exp.Coalesce: _without_end,
    exp.PercentileCont: _percentile,
}
