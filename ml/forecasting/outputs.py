"""The frames that leave the package: columns and types of the served contracts, nothing missing, nothing
negative.

Turning arrays into tables is all that happens here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from ml.forecasting.params import MODEL_VERSION, QUANTILES, TOTAL_QUANTILES
from ml.served import served_frame


@dataclass(frozen=True)
class Stamp:
    """What every served row carries."""

    as_of: date
    run_id: str
    model_version: str = MODEL_VERSION


def stamped(name: str, columns: Mapping[str, object] | pd.DataFrame, stamp: Stamp) -> pd.DataFrame:
    """The columns as the served table ``name``, with the stamp."""
    rows = columns if isinstance(columns, pd.DataFrame) else pd.DataFrame(dict(columns))
    return served_frame(name, rows, as_of=stamp.as_of, run_id=stamp.run_id, model_version=stamp.model_version)


def empty(name: str, stamp: Stamp) -> pd.DataFrame:
    """The served table ``name`` without rows, typed."""
    return stamped(name, pd.DataFrame(), stamp)


def daily_columns(
    keys: pd.DataFrame, dates: np.ndarray, units: np.ndarray, quantiles: np.ndarray, by_series: pd.DataFrame
) -> dict[str, object]:
    """Columns of ``demand_forecasts`` from arrays of series by periods (by level); ``by_series`` holds the
    rest."""
    n, horizon = units.shape
    columns: dict[str, object] = {
        name: np.repeat(keys[name].to_numpy(), horizon) for name in ("sku", "location_id")
    }
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
