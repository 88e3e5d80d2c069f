"""What a contract lets Great Expectations expect of a table, as plain objects; ``suites`` runs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from data_quality.contract import Column, Contract


@dataclass(frozen=True)
class Expectation:
    """One expectation by its Great Expectations name; ``column`` is None when it is about the table."""

    name: str
    column: str | None
    arguments: dict[str, Any] = field(default_factory=dict)


def suite_expectations(contract: Contract, *, min_rows: int = 0) -> list[Expectation]:
    """What a contract expects of a table, in order: columns, row count, key, then column by column."""
    names = list(contract.column_names)
    expected = [Expectation("expect_table_columns_to_match_ordered_list", None, {"column_list": names})]
    if min_rows:
        expected.append(Expectation("expect_table_row_count_to_be_between", None, {"min_value": min_rows}))
    key = _key_of_a_version(contract)
    if len(key) == 1:
        expected.append(Expectation("expect_column_values_to_be_unique", key[0]))
    elif key:
        arguments = {"column_list": key}
        expected.append(Expectation("expect_compound_columns_to_be_unique", None, arguments))
    for column in contract.columns:
        expected += _column_expectations(column)
    return expected


def _key_of_a_version(contract: Contract) -> list[str]:
    """What no two rows share: the key, with the version for feeds that are sent again when a record changes.

    Such a feed without a version column has no key: its latest line wins, whatever came before.
    """
    if contract.changes != "upsert":
        return list(contract.key)
    return [*contract.key, contract.version_column] if contract.version_column else []


def _column_expectations(column: Column) -> list[Expectation]:
    expected = []
    if column.required:
        expected.append(Expectation("expect_column_values_to_not_be_null", column.name))
    if column.minimum is not None or column.maximum is not None:
        bounds = {"min_value": column.minimum, "max_value": column.maximum}
        expected.append(Expectation("expect_column_values_to_be_between", column.name, bounds))
    if column.allowed:
        allowed = {"value_set": list(column.allowed)}
        expected.append(Expectation("expect_column_values_to_be_in_set", column.name, allowed))
    if column.pattern:
        pattern = {"regex": column.pattern}
        expected.append(Expectation("expect_column_values_to_match_regex", column.name, pattern))
    if column.max_length is not None:
        longest = {"max_value": column.max_length}
        expected.append(Expectation("expect_column_value_lengths_to_be_between", column.name, longest))
    return expected
