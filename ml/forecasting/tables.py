"""The served tables of a forecast: every period with its quantiles, and the sums over windows.

Units come from ``model``; here they get their quantiles, from the errors of the backtest, and their rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ml.forecasting import outputs
from ml.forecasting.accuracy import Scored, pooled
from ml.forecasting.backtest import Fold
from ml.forecasting.calibration import ConformalQuantiles, count_quantiles
from ml.forecasting.model import Served
from ml.forecasting.panel import KEYS
from ml.forecasting.params import QUANTILES, TOTAL_QUANTILES, ForecastParams
from ml.forecasting.protection import default_protection

BACKTEST_COLUMNS = (
    "origin_date", "model_name", "demand_date", "horizon",
    "actual_units", "forecast_units", "absolute_error_units",
)  # fmt: skip


def forecast_frame(served: Served, scored: Sequence[Scored], stamp: outputs.Stamp) -> pd.DataFrame:
    """``demand_forecasts``: one row per series and period ahead."""
    panel, units = served.panel, served.units
    classes = np.repeat(served.classes[:, None], units.shape[1], axis=1)
    quantiles, _ = _quantiles(scored, served.factor, units, classes, None)
    columns = outputs.daily_columns(
        panel.keys, panel.dates[panel.n_past :], units, quantiles, served.by_series
    )
    return outputs.stamped("demand_forecasts", columns, stamp)


def totals_frame(
    served: Served,
    scored: Sequence[Scored],
    protection: pd.Series,
    params: ForecastParams,
    stamp: outputs.Stamp,
) -> pd.DataFrame:
    """``demand_forecast_totals``: sums over the standard windows and over each series' protection period."""
    panel = served.panel
    windows = set(params.windows_of(panel.period_days))
    named = pd.MultiIndex.from_frame(panel.keys[KEYS].astype(str))
    own = np.full(len(named), default_protection(panel.period_days, params))
    if len(protection):
        own = protection.reindex(named).fillna(own[0] if len(own) else 1).to_numpy(dtype=int)
    sums, frames = np.cumsum(served.units, axis=1), []
    dates = panel.dates[panel.n_past :].astype("datetime64[D]")
    for length in sorted({*windows, *np.unique(own).tolist()}):
        rows = np.arange(len(named)) if length in windows else np.flatnonzero(own == length)
        total = sums[rows, length - 1]
        quantiles, spread = _quantiles(scored, served.factor, total, served.classes[rows], length)
        end = dates[length - 1] + np.timedelta64(panel.period_days - 1, "D")
        bounds = (dates[0].astype(object), end.astype(object))
        is_own = own[rows] == length
        frames.append(
            outputs.total_columns(panel.keys.iloc[rows], length, bounds, total, spread, quantiles, is_own)
        )
    return outputs.stamped("demand_forecast_totals", pd.concat(frames, ignore_index=True), stamp)


def _quantiles(
    scored: Sequence[Scored], factor: float, units: np.ndarray, classes: np.ndarray, length: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles and error sd of forecasts (per period when ``length`` is None, else of sums over
    ``length``)."""
    levels = tuple((QUANTILES if length is None else TOTAL_QUANTILES).values())
    n_scored = scored[0].actual.shape[1] if scored else 0
    pools = pooled(scored, length and min(length, n_scored)) if scored else None
    learnt = None
    if pools is not None:
        pools["forecast"] = pools["forecast"] * factor
        learnt = ConformalQuantiles.fit(**pools, levels=levels)
    if learnt is None:
        return count_quantiles(units, levels)
    return learnt.predict(units, classes, stretch=max((length or 1) / n_scored, 1.0) if length else 1.0)


def backtest_points(folds: list[Fold], dates: np.ndarray) -> pd.DataFrame:
    """Units of all series together, by origin, model and period ahead, for plots."""
    frames = []
    for fold in folds:
        seen = np.isfinite(fold.actual)
        actual = np.where(seen, fold.actual, 0)
        n_ahead = actual.shape[1]
        days = dates[fold.origin - 1 : fold.origin + n_ahead].astype("datetime64[D]").astype(object)
        for name, units in fold.candidates.units.items():
            points = {
                "origin_date": days[0],
                "model_name": name,
                "demand_date": days[1:],
                "horizon": np.arange(1, n_ahead + 1),
                "actual_units": actual.sum(axis=0).astype(float),
                "forecast_units": np.where(seen, units, 0).sum(axis=0).astype(float),
                "absolute_error_units": np.where(seen, np.abs(units - actual), 0).sum(axis=0).astype(float),
            }
            frames.append(pd.DataFrame(points))
    return pd.concat(frames, ignore_index=True) if frames else no_backtest_points()


def no_backtest_points() -> pd.DataFrame:
    """The points of a shop too young for a backtest."""
    return pd.DataFrame(columns=list(BACKTEST_COLUMNS))
