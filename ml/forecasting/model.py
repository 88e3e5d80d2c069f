"""The fitted forecaster: which model serves, its trees, its backtest errors; and how it forecasts a panel.

Fitting stands at the end of one panel; the same fitted forecaster forecasts that panel and those of the
following days. Storing it is done in ``stored``, tables in ``tables``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.forecasting.accuracy import Scored, scored_rows
from ml.forecasting.aggregates import Aggregates, forecast_aggregates
from ml.forecasting.backtest import Champion, Fold, one_thread
from ml.forecasting.boosted import BoostedModel
from ml.forecasting.candidates import CandidateForecasts, candidate_forecasts
from ml.forecasting.cleaning import ages, unconstrained
from ml.forecasting.panel import DemandPanel
from ml.forecasting.params import BLEND, BOOSTED, RECENT_LEVEL, ForecastParams
from ml.forecasting.profiles import day_weights

LEAST_AGE_DAYS = 14


@dataclass(frozen=True)
class Served:
    """Units that are served (series by periods ahead), the cleaned panel they continue, and what each series
    got."""

    panel: DemandPanel
    units: np.ndarray
    classes: np.ndarray
    by_series: pd.DataFrame
    factor: float


@dataclass(frozen=True)
class Forecaster:
    """The champion with its trees (where it has any), its scored backtest forecasts, and the aggregates."""

    champion: Champion
    boosted: BoostedModel | None
    scored: tuple[Scored, ...]
    aggregates: Aggregates

    def forecast(self, panel: DemandPanel, params: ForecastParams, horizon: int) -> Served:
        """Units of every series for ``horizon`` periods after the panel's past."""
        made = candidate_forecasts(panel, params, horizon, _wanted(self.champion), self.boosted)
        units, by_series = _served_units(made, self.champion)
        units = units * self.aggregates.factor
        return Served(made.panel, units, made.classes, by_series, self.champion.factor)

    def said(self) -> tuple[str, ...]:
        """Which model serves and why, and what the aggregates showed."""
        by = f" ({self.boosted.library})" if self.boosted else ""
        served = f"served model: {self.champion.model_name}{by}: {self.champion.reason}"
        return served, *self.aggregates.notes


def fit_forecaster(
    panel: DemandPanel, folds: list[Fold], champion: Champion, params: ForecastParams, horizon: int
) -> Forecaster:
    """Fit the champion on the whole past, beside it Prophet on the aggregates."""
    with ThreadPoolExecutor(1) as beside:
        fitting = beside.submit(candidate_forecasts, panel, one_thread(params), horizon, _wanted(champion))
        if params.num_threads == 1:
            fitting.result()
        aggregates = forecast_aggregates(
            unconstrained(panel, day_weights(panel)),
            lambda: _served_units(fitting.result(), champion)[0],
            folds,
            champion.model_name,
            params,
        )
        boosted = fitting.result().boosted
    scored = scored_rows(folds, champion.model_name) if folds else ()
    return Forecaster(champion, boosted, scored, aggregates)


def _wanted(champion: Champion) -> tuple[str, ...]:
    return (champion.model_name,) if champion.model_name != BLEND else (BLEND, BOOSTED)


def _served_units(made: CandidateForecasts, champion: Champion) -> tuple[np.ndarray, pd.DataFrame]:
    """The champion's units, with the recent level standing in where the champion cannot speak, and the
    reason."""
    panel, fallback = made.panel, made.units[RECENT_LEVEL]
    model = champion.model_name if champion.model_name in made.units else RECENT_LEVEL
    units = made.units[model] * champion.factor
    age_days = ages(panel) * panel.period_days
    never, young = ~(panel.units > 0).any(axis=1), age_days < LEAST_AGE_DAYS
    reasons = np.full(panel.n_series, None, dtype=object)
    if model != champion.model_name or not np.isfinite(champion.wape_total):
        reasons[:] = champion.reason
    reasons[young] = "less than two weeks of sales"
    reasons[never] = "never sold"
    bad = ~np.isfinite(units).all(axis=1)
    reasons[bad] = "the model gave no number"
    stands_in = young | never | bad
    units = np.where(stands_in[:, None], np.nan_to_num(fallback), units)
    names = np.where(stands_in, RECENT_LEVEL, model)
    is_fallback = np.array([reason is not None for reason in reasons])
    by_series = pd.DataFrame(
        {
            "model_name": names,
            "demand_class": made.classes,
            "is_fallback": is_fallback,
            "fallback_reason": reasons,
        }
    )
    return np.maximum(units, 0), by_series
