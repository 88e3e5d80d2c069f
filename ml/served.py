"""Rows of a model become a served table: the contract's columns, in its order and types, sorted by its key.

Only the shape is settled here. What the rows say belongs to the packages that make them.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pandas as pd

from data_quality.contract import Column, load_contract


def served_frame(
    table: str, rows: pd.DataFrame, *, as_of: date, run_id: str, model_version: str
) -> pd.DataFrame:
    """The rows as the served table ``table``: contract columns only, typed, one row per key.

    Columns that the rows lack are empty when the contract allows it. Raises ``ValueError`` that names the
    column when a required one is missing or empty, or the keys when they repeat.
    """
    contract = load_contract(table, kind="served")
    stamped = rows.assign(as_of=as_of, run_id=run_id, model_version=model_version)
    typed = pd.DataFrame(
        {c.name: _typed(stamped.get(c.name), c, len(stamped), table) for c in contract.columns},
    )
    keys = list(contract.key)
    repeated = typed.duplicated(keys)
    if repeated.any():
        example = typed.loc[repeated, keys].iloc[0].to_dict()
        raise ValueError(f"{table} has {int(repeated.sum())} repeated keys, such as {example}.")
    return typed.sort_values(keys, kind="stable").reset_index(drop=True)


def _typed(values: pd.Series | None, column: Column, n_rows: int, table: str) -> pd.Series:
    if values is None:
        values = pd.Series([None] * n_rows, dtype=object)
    values = values.reset_index(drop=True)
    if column.required and values.isna().any():
        raise ValueError(
            f"{table}.{column.name} is required, but {int(values.isna().sum())} of {n_rows} rows have none."
        )
    if column.type in {"bigint", "integer"}:
        return values.astype("int64" if column.required else "Int64")
    if column.type == "double":
        return values.astype("float64")
    if column.type == "boolean":
        return values.astype("bool" if column.required else "boolean")
    if column.type == "date":
        return values.map({v: _as_date(v) for v in values.unique()}).astype(object)
    if column.type.startswith("decimal("):
        return pd.Series([_as_decimal(v, column.type) for v in values], dtype=object)
    return values.astype(object).where(values.isna(), values.astype(str)).where(values.notna(), None)


def _as_date(value: Any) -> date | None:
    return None if pd.isna(value) else pd.Timestamp(value).date()


def _as_decimal(value: Any, physical: str) -> Decimal | None:
    if pd.isna(value):
        return None
    scale = int(physical.rstrip(")").split(",")[1])
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_EVEN)
