"""Personal data as the contracts tag it: which columns hold it, and how a value is shown when it must be.

Replacing personal values at ingestion is not done here (see ``feeds``).
"""

from __future__ import annotations

from functools import cache

from data_quality.contract import Kind, all_contracts

_KINDS: tuple[Kind, ...] = ("feeds", "core", "served")


@cache
def personal_column_names() -> dict[str, str]:
    """Every column name that some contract tags as personal, with the kind of personal data."""
    return {
        column.name: column.personal
        for kind in _KINDS
        for contract in all_contracts(kind)
        for column in contract.columns
        if column.personal
    }


def mask(value: object) -> str:
    """Enough of a value to find the row by, not enough to read it: first two characters and the length.

    >>> mask("anna@example.org")
    'an… (16 characters)'
    >>> mask(17), mask(None)
    ('17', 'null')
    """
    if value is None or value != value:
        return "null"
    text = str(value)
    if not isinstance(value, str) or len(text) <= 4:
        return text
    return f"{text[:2]}… ({len(text)} characters)"
