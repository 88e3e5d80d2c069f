"""The floors: the simple forecasts every model is compared with, and that stand in when one fails.

They come from statsforecast, one series at a time, on demand whose censored periods are filled. Flat ones
see the trading periods only, and every forecast is zero where the shop does not trade.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ml.forecasting.cleaning import imputed
from ml.forecasting.panel import DemandPanel
from ml.forecasting.params import ETS, SBA, SEASONAL_NAIVE, SEASONAL_WINDOW, SES, TSB

FLAT = frozenset({SES, SBA, TSB})


def floor_forecasts(
    panel: DemandPanel, weights: np.ndarray, names: Sequence[str], *, season: int, horizon: int
) -> dict[str, np.ndarray]:
    """Forecast of each named floor: series by periods ahead, units, never negative, never NaN."""
    demand = imputed(panel, weights)
    start = np.where((panel.units > 0).any(axis=1), (panel.units > 0).argmax(axis=1), panel.n_past)
    ahead = panel.is_trading[:, panel.n_past : panel.n_past + horizon]
    models = {name: _model(name, season) for name in names}
    result = {name: np.zeros((panel.n_series, horizon), dtype=np.float32) for name in names}
    traded = panel.is_trading[:, : panel.n_past]
    for row in range(panel.n_series):
        series = demand[row, start[row] :].astype(np.float64)
        if len(series) == 0:
            continue
        open_only = series[traded[row, start[row] :]]
        for name, model in models.items():
            values = open_only if name in FLAT else series
            result[name][row] = _forecast(name, model, values, season, horizon)
    return {name: np.where(ahead, np.nan_to_num(np.maximum(values, 0)), 0) for name, values in result.items()}


def _model(name: str, season: int) -> Any:
    # imported here: statsforecast takes seconds to import, and the code location must load without it
    from statsforecast import models

    makers: dict[str, Callable[[], Any]] = {
        SEASONAL_NAIVE: lambda: models.SeasonalNaive(season),
        SEASONAL_WINDOW: lambda: models.SeasonalWindowAverage(season, 4 if season < 50 else 2),
        SES: models.SimpleExponentialSmoothingOptimized,
        SBA: models.CrostonSBA,
        TSB: lambda: models.TSB(alpha_d=0.1, alpha_p=0.1),
        ETS: lambda: models.AutoETS(
            season_length=season if season < 25 else 1, model="ANA" if season < 25 else "ANN"
        ),
    }
    return makers[name]()


def _forecast(name: str, model: Any, values: np.ndarray, season: int, horizon: int) -> np.ndarray:
    if len(values) < 3:
        return np.full(horizon, values.mean() if len(values) else 0.0)
    needs = {SEASONAL_NAIVE: season, SEASONAL_WINDOW: season * (4 if season < 50 else 2), ETS: 3 * season}
    if len(values) < needs.get(name, 3) or not values.any():
        recent = values[-28:]
        return np.full(horizon, recent.mean())
    return np.asarray(model.forecast(y=values, h=horizon)["mean"])
