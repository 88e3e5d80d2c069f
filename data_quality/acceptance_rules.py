"""What a contract says of one value, as SQL conditions: which rule a row breaks first, and in which field.

The conditions are ordered by column, then by rule; the first one that holds names the row. Duplicates are
judged in ``acceptance_duplicates``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from data_quality.contract import Column, Contract

# Clocks of sources run ahead; ten minutes is skew, more is a mistake.
FUTURE_ALLOWANCE = "interval 10 minute"


@dataclass(frozen=True)
class Rule:
    """One condition that a bad value meets; ``name`` is what reports count, ``message`` says what was
    expected.
    """

    name: str
    field: str
    condition: str
    message: str


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def cast_of(column: Column, given: str) -> str:
    """The value of a column in its own type; NULL where it cannot be read as that."""
    if column.type == "varchar":
        return given
    if column.type == "timestamptz":
        # Text without a zone is UTC; the session's time zone is set to it.
        return f"try_cast({given} as timestamptz)"
    if column.type in ("bigint", "integer"):
        # '3.0' is three, '3.5' is no integer: a plain cast would round it.
        is_whole = f"regexp_full_match({given}, '[+-]?[0-9]+[.]0*')"
        whole = f"case when {is_whole} then try_cast(split_part({given}, '.', 1) as {column.type}) end"
        plain = f"try_cast({given} as {column.type})"
        return f"case when regexp_matches({given}, '[.eE]') then {whole} else {plain} end"
    return f"try_cast({given} as {column.type})"


def rules_of(contract: Contract) -> list[Rule]:
    """All rules of a contract, over columns ``g_<column>`` (as given) and ``<column>`` (cast)."""
    rules = [rule for column in contract.columns for rule in _column_rules(column)]
    return rules + _future_rules(contract)


def _column_rules(column: Column) -> list[Rule]:
    name, value, given = column.name, quoted(column.name), quoted(f"g_{column.name}")
    rules = [
        Rule(f"{name}_contains_nul", name, f"contains({given}, chr(0))", "the value contains a NUL character")
    ]
    if column.type != "varchar":
        rules.append(
            Rule(
                f"{name}_type",
                name,
                f"{value} is null and {given} is not null",
                f"the value is no {column.type}",
            )
        )
    if column.required:
        rules.append(Rule(f"{name}_required", name, f"{given} is null", "the value is missing"))
    if column.type in ("double", "timestamptz", "date"):
        rules.append(Rule(f"{name}_finite", name, f"not isfinite({value})", "the value is not finite"))
    if column.minimum is not None:
        rules.append(
            Rule(
                f"{name}_minimum", name, f"{value} < {column.minimum}", f"the value is below {column.minimum}"
            )
        )
    if column.maximum is not None:
        rules.append(
            Rule(
                f"{name}_maximum", name, f"{value} > {column.maximum}", f"the value is above {column.maximum}"
            )
        )
    return rules + _text_rules(column)


def _text_rules(column: Column) -> list[Rule]:
    name, value = column.name, quoted(column.name)
    rules: list[Rule] = []
    if column.max_length is not None:
        message = f"the text is longer than {column.max_length} characters"
        rules.append(Rule(f"{name}_max_length", name, f"length({value}) > {column.max_length}", message))
    if column.pattern is not None:
        condition = f"not {_matches(value, column.pattern)}"
        rules.append(Rule(f"{name}_pattern", name, condition, f"the text does not match {column.pattern}"))
    if column.allowed:
        values = ", ".join(map(literal, column.allowed))
        rules.append(
            Rule(
                f"{name}_allowed",
                name,
                f"{value} not in ({values})",
                f"the value is none of {', '.join(column.allowed)}",
            )
        )
    return rules


def _matches(value: str, pattern: str) -> str:
    """SQL of a full match; codes of some letters by GLOB, in half the time of a regular expression."""
    code = re.fullmatch(r"\^(\[[A-Z0-9](?:-[A-Z0-9])?\])\{(\d)\}\$", pattern)
    if code:
        return f"({value} glob {literal(code[1] * int(code[2]))})"
    return f"regexp_full_match({value}, {literal(pattern)})"


def _future_rules(contract: Contract) -> list[Rule]:
    """Things that happened cannot have happened later than now; ``valid_from`` and the like may lie ahead."""
    rules = []
    for name in dict.fromkeys(filter(None, (contract.event_time, contract.version_column))):
        column = contract.column(name)
        if column.type == "timestamptz" and name.endswith("_at"):
            condition = f"{quoted(name)} > getvariable('acceptance_now') + {FUTURE_ALLOWANCE}"
        elif column.type == "date" and name in ("stock_date", "rate_date"):
            # A day of the shop's zone may begin up to 14 hours before it does in UTC.
            condition = f"{quoted(name)} > (getvariable('acceptance_now') + interval 14 hour)::date"
        else:
            continue
        rules.append(
            Rule("occurred_in_the_future", name, condition, "the time is more than ten minutes ahead of now")
        )
    return rules
