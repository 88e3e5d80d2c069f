"""What acceptance does with values that do not fit the contract's shape: unknown columns and wrong types.

Four modes, for columns and for types apart. Which columns a file has is the reader's concern.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from data_quality.acceptance_rules import Rule, cast_of, quoted, rules_of
from data_quality.contract import Column, Contract
from data_quality.personal import personal_column_names

MODES = ("evolve", "freeze", "discard_row", "discard_value")


@dataclass(frozen=True)
class DriftModes:
    """What becomes of an unknown column, and of a value of the wrong type in an optional column.

    ``evolve`` keeps the text in a column ``x_<name>`` of its own, ``freeze`` refuses, ``discard_row`` sets
    the row aside, ``discard_value`` drops the value. A wrong value in a required column always costs the row.
    """

    columns: str = "discard_value"
    types: str = "discard_row"

    @classmethod
    def of(cls, option: str | None) -> DriftModes:
        """The modes that a source's option names: one for both, or the defaults."""
        return cls(option, option) if option else cls()

    @property
    def drops_values(self) -> bool:
        """Whether a wrong value in an optional column costs that value only."""
        return self.types in ("evolve", "discard_value")


def variant_name(column: str) -> str:
    """The column that keeps what the contract has no place for.

    >>> variant_name("Gift wrap?"), variant_name("units")
    ('x_gift_wrap', 'x_units')
    """
    return "x_" + (re.sub(r"\W+", "_", column.casefold()).strip("_") or "column")


def kept_columns(unknown: Sequence[str]) -> list[str]:
    """Unknown columns that may be kept: no two under one name, and none that would hold personal data."""
    personal = personal_column_names()
    by_name = {variant_name(c): c for c in reversed(unknown) if c.casefold() not in personal}
    return sorted(by_name.values())


def drift_rules(contract: Contract, modes: DriftModes, unknown: Sequence[str], nested: bool) -> list[Rule]:
    """The contract's rules as the modes have them; ``nested`` adds those against objects in plain columns."""
    lenient = {f"{c.name}_type" for c in contract.columns if modes.drops_values and not c.required}
    rules = [rule for rule in rules_of(contract) if rule.name not in lenient]
    if nested:
        rules[:0] = [
            Rule(f"{c.name}_nested", c.name, _is_nested(_given(c)), "the value is an object or a list")
            for c in contract.columns
            if c.type == "varchar" and (c.required or not modes.drops_values)
        ]
    if modes.columns == "discard_row" and unknown:
        name = contract.columns[0].name
        condition = " or ".join(f"{quoted('g_' + c)} is not null" for c in unknown)
        message = f"the row has a value in a column that the contract lacks ({', '.join(unknown)})"
        rules.append(Rule("unknown_column", name, condition, message))
    return rules


def drift_cast(column: Column, modes: DriftModes, nested: bool) -> str:
    """The cast of a column; an object in an optional text column is no text where values are dropped."""
    cast = cast_of(column, _given(column))
    if nested and column.type == "varchar" and modes.drops_values and not column.required:
        return f"case when not coalesce({_is_nested(_given(column))}, false) then {cast} end"
    return cast


def variants(contract: Contract, modes: DriftModes, unknown: Sequence[str]) -> dict[str, str]:
    """Columns that keep what would be dropped, each with the SQL of its text over given and cast values."""
    kept: dict[str, str] = {}
    if modes.types == "evolve":
        for column in contract.columns:
            if not column.required and not column.personal:
                lost = f"{quoted(column.name)} is null and {_given(column)} is not null"
                kept[variant_name(column.name)] = f"case when {lost} then {_given(column)} end"
    if modes.columns == "evolve":
        kept |= {variant_name(column): quoted("g_" + column) for column in kept_columns(unknown)}
    return kept


def _given(column: Column) -> str:
    return quoted("g_" + column.name)


def _is_nested(given: str) -> str:
    return f"((starts_with({given}, '{{') or starts_with({given}, '[')) and json_valid({given}))"
