"""The candidates: every model's forecast of one panel, from the same past, to the same horizon.

The blend is the even mean of the boosted model and a local one: AutoETS for the best-selling series, the
recent level times day weights for the others. Nothing is judged here (see ``backtest``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.forecasting.boosted import BoostedModel, fit_boosted
from ml.forecasting.cleaning import demand_classes, unconstrained
from ml.forecasting.features import PanelSums, recent_level
from ml.forecasting.floors import floor_forecasts
from ml.forecasting.panel import DemandPanel
from ml.forecasting.params import BLEND, BOOSTED, ETS, FLOORS, RECENT_LEVEL, ForecastParams
from ml.forecasting.profiles import day_weights


@dataclass(frozen=True)
class CandidateForecasts:
    """Forecasts by model name (series by periods ahead, units), with the cleaned panel they were made
    from."""

    panel: DemandPanel
    weights: np.ndarray
    classes: np.ndarray
    units: dict[str, np.ndarray]
    boosted: BoostedModel | None = None


def candidate_forecasts(
    panel: DemandPanel,
    params: ForecastParams,
    horizon: int,
    wanted: tuple[str, ...] | None = None,
    fitted: BoostedModel | None = None,
) -> CandidateForecasts:
    """Forecasts of all candidates, or of those ``wanted``; each is zero where the shop does not trade.

    The boosted model is fitted here unless a ``fitted`` one is given; either is kept in ``boosted``.
    """
    weights = day_weights(panel)
    clean = unconstrained(panel, weights)
    ahead = weights[:, clean.n_past : clean.n_past + horizon]
    level = recent_level(PanelSums(clean, weights), clean.n_past, clean.period_days)
    units = {RECENT_LEVEL: level[:, None] * ahead}
    floors = [name for name in FLOORS if wanted is None or name in wanted]
    season = params.season_of(clean.period_days)
    if floors:
        units.update(floor_forecasts(clean, weights, floors, season=season, horizon=horizon))
    if wanted is None or {BOOSTED, BLEND} & set(wanted):
        order = np.argsort(-recent_value(clean), kind="stable")
        learn_from = np.isin(np.arange(clean.n_series), order[: params.modelled_series])
        fitted = fitted or fit_boosted(clean, weights, params, horizon, learn_from)
        if fitted is not None:
            units[BOOSTED] = fitted.predict(clean, weights, horizon).units
            if wanted is None or BLEND in wanted:
                local = units[RECENT_LEVEL].copy()
                top = np.sort(order[: params.ets_series])
                local[top] = _ets(clean, weights, top, season, horizon)
                units[BLEND] = (units[BOOSTED] + local) / 2
    has_sold = np.any(clean.units > 0, axis=1, keepdims=True)
    units = {name: np.where(has_sold, values, 0).astype(np.float32) for name, values in units.items()}
    return CandidateForecasts(clean, weights, demand_classes(clean), units, fitted)


def recent_value(panel: DemandPanel) -> np.ndarray:
    """Revenue of each series in its last 13 weeks (units where prices are unknown)."""
    recent = slice(max(panel.n_past - 91 // panel.period_days, 0), panel.n_past)
    price = np.where(np.isfinite(panel.price[:, recent]), panel.price[:, recent], np.nan)
    typical = np.nanmedian(price) if np.isfinite(price).any() else 1.0
    return (panel.units[:, recent] * np.where(np.isfinite(price), price, typical)).sum(axis=1)


def _ets(panel: DemandPanel, weights: np.ndarray, rows: np.ndarray, season: int, horizon: int) -> np.ndarray:
    if len(rows) == 0:
        return np.zeros((0, horizon), dtype=np.float32)
    return floor_forecasts(panel.select(rows), weights[rows], [ETS], season=season, horizon=horizon)[ETS]
