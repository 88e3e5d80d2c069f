"""The way from history to forecasts: build the panel, take or fit the forecaster, write the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from ml.forecasting import outputs, stored
from ml.forecasting.accuracy import accuracy_frame
from ml.forecasting.aggregates import AGGREGATE_COLUMNS
from ml.forecasting.backtest import Champion, backtest, choose_champion, one_thread
from ml.forecasting.model import fit_forecaster
from ml.forecasting.panel import DemandPanel, build_panel
from ml.forecasting.params import MODEL_VERSION, RECENT_LEVEL, ForecastParams
from ml.forecasting.protection import protection_by_key
from ml.forecasting.stored import Evaluated
from ml.forecasting.tables import backtest_points, forecast_frame, no_backtest_points, totals_frame
from ml.model_store import ModelStore
from ml.refits import Keeping, kept_or_made, recipe_of


@dataclass(frozen=True)
class DemandForecast:
    """Everything a forecast run gives: served tables, points to plot, Prophet's components, and notes for
    people.

    ``cadence`` says whether the model was fitted in this run or which stored one made the forecasts.
    """

    forecasts: pd.DataFrame
    totals: pd.DataFrame
    accuracy: pd.DataFrame
    backtest: pd.DataFrame
    aggregates: pd.DataFrame
    champion: Champion
    notes: tuple[str, ...] = field(default=())
    cadence: str = ""


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
    store: ModelStore | None = None,
) -> DemandForecast:
    """Units each SKU is expected to sell after ``as_of``, with quantiles, window sums and a backtest.

    Inputs are the feature tables of the same names (``feat_skus_daily`` is ``history``); rows after
    ``as_of`` are not looked at. An empty history gives empty tables with the right columns. With a
    ``store``, the forecaster in it is used while it may be (see ``ml.refits``), and the backtest keeps the
    day and run it was made in. Units; one row per SKU, location and period (or window).
    """
    params = params or ForecastParams()
    stamp = outputs.Stamp(as_of, run_id)
    if history.empty or not (pd.to_datetime(history["demand_date"]) <= pd.Timestamp(as_of)).any():
        return _nothing("there is no demand history up to as_of", stamp)
    protection = protection_by_key(supply, period_days, params)
    horizon = max(params.horizon_of(period_days), *params.windows_of(period_days), *protection.tolist(), 1)
    panel = build_panel(
        history, as_of=as_of, period_days=period_days, horizon=horizon,
        max_history_days=params.max_history_days,
        planned=planned, calendar=calendar, items=items,
    )  # fmt: skip
    frames = {
        "history": history, "planned": planned, "calendar": calendar, "items": items, "supply": supply,
    }  # fmt: skip
    keeping = _keeping(history, panel, params, stamp, horizon, frames)
    kept = kept_or_made(store, keeping, as_of=as_of, run_id=run_id)
    forecaster = kept.model.forecaster
    served = forecaster.forecast(panel, params, horizon)
    return DemandForecast(
        forecasts=forecast_frame(served, forecaster.scored, stamp),
        totals=totals_frame(served, forecaster.scored, protection, params, stamp),
        accuracy=kept.model.accuracy,
        backtest=kept.model.backtest,
        aggregates=forecaster.aggregates.frame,
        champion=forecaster.champion,
        notes=forecaster.said(),
        cadence=kept.told(),
    )


def _keeping(
    history: pd.DataFrame,
    panel: DemandPanel,
    params: ForecastParams,
    stamp: outputs.Stamp,
    horizon: int,
    frames: dict[str, pd.DataFrame | None],
) -> Keeping[Evaluated]:
    recipe = recipe_of(
        stored.NAME,
        model_version=MODEL_VERSION,
        params=one_thread(params),  # threads change no number
        frames=frames,
        libraries=stored.LIBRARIES,
        package=Path(__file__).parent,
        period_days=panel.period_days,
    )
    return Keeping(
        recipe=recipe,
        make=lambda: _evaluated(panel, params, stamp, horizon),
        write=stored.write,
        read=lambda folder: stored.read(folder, panel),
        sums_until=lambda until: stored.sums_until(history, until),
    )


def _evaluated(panel: DemandPanel, params: ForecastParams, stamp: outputs.Stamp, horizon: int) -> Evaluated:
    folds = backtest(panel, params)
    champion = choose_champion(folds, params)
    accuracy = outputs.empty("forecast_accuracy", stamp)
    if folds:
        rows = accuracy_frame(folds, champion, panel.period_days, panel.dates, params)
        accuracy = outputs.stamped("forecast_accuracy", rows, stamp)
    forecaster = fit_forecaster(panel, folds, champion, params, horizon)
    return Evaluated(forecaster, accuracy, backtest_points(folds, panel.dates))


def _nothing(reason: str, stamp: outputs.Stamp) -> DemandForecast:
    return DemandForecast(
        forecasts=outputs.empty("demand_forecasts", stamp),
        totals=outputs.empty("demand_forecast_totals", stamp),
        accuracy=outputs.empty("forecast_accuracy", stamp),
        backtest=no_backtest_points(),
        aggregates=pd.DataFrame(columns=list(AGGREGATE_COLUMNS)),
        champion=Champion(RECENT_LEVEL, 1.0, reason),
        notes=(reason,),
    )
