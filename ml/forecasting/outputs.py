"""The frames that leave the package: columns and types of the served contracts, nothing missing, nothing negative.

Turning arrays into tables is all that happens here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from data_quality.contract import Contract, load_contract
from ml.forecasting.params import MODEL_VERSION, QUANTILES, TOTAL_QUANTILES

_PANDAS_TYPES = {"varchar": "object", "bigint": "int64", "double": "float64", "boolean": "bool", "date": "object"}


@dataclass(frozen=True)
class Stamp:
    """What every served row carries."""

    as_of: date
    run_id: str
    model_version: str = MODEL_VERSION


def served_frame(name: str, columns: Mapping[str, object], stamp: Stamp) -> pd.DataFrame:
    """The columns as a frame of the served contract ``name``: its order, its types; empty columns stay typed."""
    contract = load_contract(name, "served")
    frame = pd.DataFrame({**columns})
    frame = frame.assign(as_of=stamp.as_of, run_id=stamp.run_id, model_version=stamp.model_version)
    return typed(frame, contract)


def empty_frame(name: str) -> pd.DataFrame:
    """A frame of the served contract ``name`` without rows."""
    contract = load_contract(name, "served")
    return typed(pd.DataFrame({column: [] for column in contract.column_names}), contract)


def typed(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """The frame in the order and types of the contract; a missing column is an error that names it."""
    missing = [name for name in contract.column_names if name not in frame]
    if missing:
        raise ValueError(f"Got no {missing} for {contract.kind}/{contract.name}, but expected every column.")
    frame = frame[list(contract.column_names)].copy()
    for column in contract.columns:
        kind = _PANDAS_TYPES.get(column.type, "object")
        if column.type == "bigint" and not column.required:
            kind = "Int64"
        frame[column.name] = frame[column.name].astype(kind)
    return frame


def daily_columns(
    keys: pd.DataFrame, dates: np.ndarray, units: np.ndarray, quantiles: np.ndarray, by_series: pd.DataFrame
) -> dict[str, object]:
    """Columns of ``demand_forecasts`` from arrays of series by periods (by level); ``by_series`` holds the rest."""
    n, horizon = units.shape
    columns: dict[str, object] = {name: np.repeat(keys[name].to_numpy(), horizon) for name in ("sku", "location_id")}
    columns["demand_date"] = np.tile(dates.astype("datetime64[D]").astype(object), n)
    columns["horizon"] = np.tile(np.arange(1, horizon + 1), n)
    columns["units_mean"] = units.ravel()
    for number, name in enumerate(QUANTILES):
        columns[name] = quantiles[:, :, number].ravel()
    for name in ("model_name", "demand_class", "is_fallback", "fallback_reason"):
        columns[name] = np.repeat(by_series[name].to_numpy(), horizon)
    return columns


def total_columns(
    keys: pd.DataFrame,
    length: int,
    bounds: tuple[date, date],
    units: np.ndarray,
    spread: np.ndarray,
    quantiles: np.ndarray,
    is_protection: np.ndarray,
) -> pd.DataFrame:
    """Rows of ``demand_forecast_totals`` for one window length (without the stamp)."""
    frame = keys[["sku", "location_id"]].assign(
        window_periods=length,
        is_protection_period=is_protection,
        window_start_date=bounds[0],
        window_end_date=bounds[1],
        units_mean=units.astype(float),
        units_sd=spread.astype(float),
    )
    for number, name in enumerate(TOTAL_QUANTILES):
        frame[name] = quantiles[:, number].astype(float)
    return frame
