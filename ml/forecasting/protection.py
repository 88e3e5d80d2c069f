"""How many periods each SKU's stock must last: lead time plus review period. Nothing is forecast here."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml.forecasting.panel import KEYS
from ml.forecasting.params import ForecastParams


def protection_periods(
    lead_time_days: pd.Series, review_period_days: pd.Series, period_days: int
) -> pd.Series:
    """Lead time plus review period in demand periods, rounded up, at least one; missing review counts as one
    period.

    >>> protection_periods(pd.Series([10.0]), pd.Series([7]), 7).tolist()
    [3]
    """
    review = review_period_days.astype(float).fillna(period_days)
    periods = np.ceil((lead_time_days.astype(float) + review) / period_days - 1e-9)
    return pd.Series(np.maximum(periods, 1), index=lead_time_days.index).astype("Int64")


def protection_by_key(supply: pd.DataFrame | None, period_days: int, params: ForecastParams) -> pd.Series:
    """Longest protection period of each SKU and location with supply terms, in demand periods."""
    if supply is None or supply.empty:
        return pd.Series(dtype="int64")
    periods = protection_periods(supply["lead_time_days"], supply["review_period_days"], period_days)
    longest = max(params.longest_protection_days // period_days, 1)
    periods = periods.fillna(default_protection(period_days, params)).clip(1, longest).astype("int64")
    keyed = supply[KEYS].astype(str).assign(periods=periods)
    return keyed.groupby(KEYS)["periods"].max()


def default_protection(period_days: int, params: ForecastParams) -> int:
    """The protection period of a SKU without supply terms, in demand periods."""
    return max(int(np.ceil(params.default_protection_days / period_days)), 1)
