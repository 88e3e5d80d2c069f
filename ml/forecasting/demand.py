"""The way from history to forecasts: build the panel, backtest, choose, forecast, calibrate, write the
tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from ml.forecasting import outputs
from ml.forecasting.accuracy import accuracy_frame, residual_pools
from ml.forecasting.aggregates import AGGREGATE_COLUMNS, forecast_aggregates
from ml.forecasting.backtest import Champion, Fold, backtest, choose_champion
from ml.forecasting.calibration import ConformalQuantiles, count_quantiles
from ml.forecasting.candidates import CandidateForecasts, candidate_forecasts
from ml.forecasting.cleaning import ages
from ml.forecasting.panel import KEYS, DemandPanel, build_panel
from ml.forecasting.params import BLEND, BOOSTED, QUANTILES, RECENT_LEVEL, TOTAL_QUANTILES, ForecastParams

LEAST_AGE_DAYS = 14
BACKTEST_COLUMNS = (
    "origin_date", "model_name", "demand_date", "horizon",
    "actual_units", "forecast_units", "absolute_error_units",
)  # fmt: skip


@dataclass(frozen=True)
class DemandForecast:
    """Everything a forecast run gives: served tables, points to plot, Prophet's components, and notes for
    people."""

    forecasts: pd.DataFrame
    totals: pd.DataFrame
    accuracy: pd.DataFrame
    backtest: pd.DataFrame
    aggregates: pd.DataFrame
    champion: Champion
    notes: tuple[str, ...] = field(default=())


def forecast_demand(
    history: pd.DataFrame,
    *,
    as_of: date,
    period_days: int = 1,
    planned: pd.DataFrame | None = None,
    calendar: pd.DataFrame | None = None,
    items: pd.DataFrame | None = None,
    supply: pd.DataFrame | None = None,
    params: ForecastParams | None = None,
    run_id: str = "",
) -> DemandForecast:
    """Units each SKU is expected to sell after ``as_of``, with quantiles, window sums and a backtest.

    Inputs are the feature tables of the same names (``feat_skus_daily`` is ``history``); rows after
    ``as_of`` are not looked at. An empty history gives empty tables with the right columns. Units; one row
    per SKU, location and period (or window).
    """
    params = params or ForecastParams()
    stamp = outputs.Stamp(as_of, run_id)
    if history.empty or not (pd.to_datetime(history["demand_date"]) <= pd.Timestamp(as_of)).any():
        return _nothing("there is no demand history up to as_of", stamp)
    protection = _protection_by_key(supply, period_days, params)
    horizon = max(params.horizon_of(period_days), *params.windows_of(period_days), *protection.tolist(), 1)
    panel = build_panel(
        history, as_of=as_of, period_days=period_days, horizon=horizon,
        max_history_days=params.max_history_days,
        planned=planned, calendar=calendar, items=items,
    )  # fmt: skip
    folds = backtest(panel, params)
    champion = choose_champion(folds, params)
    wanted = (champion.model_name,) if champion.model_name != BLEND else (BLEND, BOOSTED)
    made = candidate_forecasts(panel, params, horizon, wanted)
    units, by_series = _served_units(made, champion)
    aggregates = forecast_aggregates(made.panel, units, folds, champion.model_name, params)
    units = units * aggregates.factor
    windows = {**dict.fromkeys(params.windows_of(period_days), False)}
    return DemandForecast(
        forecasts=_forecast_frame(panel, made, units, by_series, folds, champion, stamp),
        totals=_totals_frame(panel, made, units, folds, champion, windows, protection, params, stamp),
        accuracy=outputs.stamped("forecast_accuracy", accuracy_frame(
            folds, champion, period_days, panel.dates, params), stamp) if folds
        else outputs.empty("forecast_accuracy", stamp),
        backtest=_backtest_points(folds, panel),
        aggregates=aggregates.frame,
        champion=champion,
        notes=(_said(champion, made.library), *aggregates.notes),
    )  # fmt: skip


def _said(champion: Champion, library: str) -> str:
    by = f" ({library})" if library else ""
    return f"served model: {champion.model_name}{by}: {champion.reason}"


def _nothing(reason: str, stamp: outputs.Stamp) -> DemandForecast:
    return DemandForecast(
        forecasts=outputs.empty("demand_forecasts", stamp),
        totals=outputs.empty("demand_forecast_totals", stamp),
        accuracy=outputs.empty("forecast_accuracy", stamp),
        backtest=pd.DataFrame(columns=list(BACKTEST_COLUMNS)),
        aggregates=pd.DataFrame(columns=list(AGGREGATE_COLUMNS)),
        champion=Champion(RECENT_LEVEL, 1.0, reason),
        notes=(reason,),
    )


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


def _protection_by_key(supply: pd.DataFrame | None, period_days: int, params: ForecastParams) -> pd.Series:
    if supply is None or supply.empty:
        return pd.Series(dtype="int64")
    periods = protection_periods(supply["lead_time_days"], supply["review_period_days"], period_days)
    longest = max(params.longest_protection_days // period_days, 1)
    periods = periods.fillna(_default_protection(period_days, params)).clip(1, longest).astype("int64")
    keyed = supply[KEYS].astype(str).assign(periods=periods)
    return keyed.groupby(KEYS)["periods"].max()


def _default_protection(period_days: int, params: ForecastParams) -> int:
    return max(int(np.ceil(params.default_protection_days / period_days)), 1)


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


def _quantiles(
    folds: list[Fold], champion: Champion, units: np.ndarray, classes: np.ndarray, length: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles and error sd of forecasts (per period when ``length`` is None, else of sums over
    ``length``)."""
    levels = tuple((QUANTILES if length is None else TOTAL_QUANTILES).values())
    scored = folds[0].actual.shape[1] if folds else 0
    pools = residual_pools(folds, champion.model_name, length and min(length, scored)) if folds else None
    learnt = None
    if pools is not None:
        pools["forecast"] = pools["forecast"] * champion.factor
        learnt = ConformalQuantiles.fit(**pools, levels=levels)
    if learnt is None:
        return count_quantiles(units, levels)
    return learnt.predict(units, classes, stretch=max((length or 1) / scored, 1.0) if length else 1.0)


def _forecast_frame(
    panel: DemandPanel, made: CandidateForecasts, units: np.ndarray, by_series: pd.DataFrame,
    folds: list[Fold], champion: Champion, stamp: outputs.Stamp,
) -> pd.DataFrame:  # fmt: skip
    classes = np.repeat(made.classes[:, None], units.shape[1], axis=1)
    quantiles, _ = _quantiles(folds, champion, units, classes, None)
    columns = outputs.daily_columns(panel.keys, panel.dates[panel.n_past :], units, quantiles, by_series)
    return outputs.stamped("demand_forecasts", columns, stamp)


def _totals_frame(
    panel: DemandPanel, made: CandidateForecasts, units: np.ndarray, folds: list[Fold], champion: Champion,
    windows: dict[int, bool], protection: pd.Series, params: ForecastParams, stamp: outputs.Stamp,
) -> pd.DataFrame:  # fmt: skip
    named = pd.MultiIndex.from_frame(panel.keys[KEYS].astype(str))
    default = _default_protection(panel.period_days, params)
    own = (
        protection.reindex(named).fillna(default).to_numpy(dtype=int)
        if len(protection)
        else np.full(len(named), default)
    )
    sums, frames = np.cumsum(units, axis=1), []
    dates = panel.dates[panel.n_past :].astype("datetime64[D]")
    for length in sorted({*windows, *np.unique(own).tolist()}):
        rows = np.arange(len(named)) if length in windows else np.flatnonzero(own == length)
        total = sums[rows, length - 1]
        quantiles, spread = _quantiles(folds, champion, total, made.classes[rows], length)
        end = dates[length - 1] + np.timedelta64(panel.period_days - 1, "D")
        bounds = (dates[0].astype(object), end.astype(object))
        frames.append(
            outputs.total_columns(
                panel.keys.iloc[rows], length, bounds, total, spread, quantiles, own[rows] == length
            )
        )
    return outputs.stamped("demand_forecast_totals", pd.concat(frames, ignore_index=True), stamp)


def _backtest_points(folds: list[Fold], panel: DemandPanel) -> pd.DataFrame:
    """Units of all series together, by origin, model and period ahead, for plots."""
    frames = []
    for fold in folds:
        seen = np.isfinite(fold.actual)
        actual = np.where(seen, fold.actual, 0)
        for name, units in fold.candidates.units.items():
            frames.append(
                pd.DataFrame(
                    {
                        "origin_date": panel.dates[fold.origin - 1].astype("datetime64[D]").astype(object),
                        "model_name": name,
                        "demand_date": panel.dates[fold.origin :][: actual.shape[1]]
                        .astype("datetime64[D]")
                        .astype(object),
                        "horizon": np.arange(1, actual.shape[1] + 1),
                        "actual_units": actual.sum(axis=0).astype(float),
                        "forecast_units": np.where(seen, units, 0).sum(axis=0).astype(float),
                        "absolute_error_units": np.where(seen, np.abs(units - actual), 0)
                        .sum(axis=0)
                        .astype(float),
                    }
                )
            )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(BACKTEST_COLUMNS))
