"""Example rows that satisfy a contract: for documentation and for tests of what reads the tables.

The values are plausible in form only; the simulator, not this module, knows how a shop behaves.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pyarrow as pa

from data_quality.contract import Column, Contract

FIRST_DATE = date(2026, 1, 1)
_CODES = ("EUR", "DE", "card", "a")
_QUANTILE = re.compile(r"units_p(\d+)")


def example_table(
    contract: Contract, n_rows: int = 3, *, overrides: dict[str, Any] | None = None
) -> pa.Table:
    """A table of ``n_rows`` rows that breaks no rule of the contract; the same rows at every call.

    ``overrides`` fixes columns to one value, whether or not the contract allows it.
    """
    fixed = overrides or {}
    arrays = []
    for column in contract.columns:
        values = [fixed.get(column.name, _value(contract, column, row)) for row in range(n_rows)]
        arrays.append(pa.array(values, column.arrow_type))
    return pa.table(arrays, schema=contract.arrow_schema())


def _value(contract: Contract, column: Column, row: int) -> Any:
    if not column.required and row % 5 == 4:
        return None
    if column.type == "varchar":
        return _text(contract, column, row)
    if column.type == "date":
        return FIRST_DATE if column.name == "as_of" else FIRST_DATE + timedelta(days=row)
    if column.type == "timestamptz":
        return datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(minutes=row)
    if column.type == "boolean":
        return row % 2 == 0
    return _number(contract, column, row)


def _text(contract: Contract, column: Column, row: int) -> str:
    if column.allowed:
        return column.allowed[row % len(column.allowed)]
    if column.pattern:
        return next(code for code in _CODES if re.match(column.pattern, code))
    if column.personal:
        return sha256(f"{column.name}{row}".encode()).hexdigest()
    return f"{column.name}-{row}" if column.name in contract.key else f"{column.name}-{row % 10}"


def _number(contract: Contract, column: Column, row: int) -> Any:
    low = column.minimum or 0
    high = column.maximum if column.maximum is not None else low + 100
    if quantile := _QUANTILE.fullmatch(column.name):
        return float(f"0.{quantile[1]}") * (1 + row % 7)
    if column.type in {"bigint", "integer"}:
        return int(low) + (row if column.name in contract.key else row % max(1, int(high - low)))
    share = (row % 7) / 7
    if column.type.startswith("decimal"):
        return Decimal(f"{low + share * (high - low):.2f}")
    return float(low + share * (high - low))
