"""Demand forecasts, their totals over the protection period, and how good every model was."""

import pandas as pd

from ml.forecasting import DemandForecast, ForecastParams, forecast_demand
from ml.plots import backtest_by_horizon_png, forecast_band_png, total_forecast_png
from orchestration.ml_assets import Made, measured, ml_assets, model_store
from orchestration.show import picture, table_md
from orchestration.workspace import Workspace

GROUP = "forecasting"
KINDS = {"python", "lightgbm", "prophet"}
HISTORY = "features.feat_skus_daily"
FEATURES = (
    HISTORY,
    "features.feat_skus_planned",
    "features.feat_calendar_days",
    "features.feat_skus",
    "features.feat_skus_supply",
)
TABLES = ("demand_forecasts", "demand_forecast_totals", "forecast_accuracy")


@ml_assets(*TABLES, reads=FEATURES, group=GROUP, kinds=KINDS)
def demand_forecasts(shop: Workspace, run_id: str) -> Made:
    """Forecast; on the days of a refit, backtest the floors and the models on the way."""
    history, planned, calendar, items, supply = (shop.table(name) for name in FEATURES)
    made = forecast_demand(
        history,
        as_of=shop.as_of(),
        period_days=shop.shop.demand_period_days,
        planned=planned,
        calendar=calendar,
        items=items,
        supply=supply,
        params=ForecastParams(num_threads=shop.settings.threads),
        run_id=run_id,
        store=model_store(shop),
    )
    frames = {
        "demand_forecasts": made.forecasts,
        "demand_forecast_totals": made.totals,
        "forecast_accuracy": made.accuracy,
    }
    return Made(frames, _shown(history, made))


def _shown(history: pd.DataFrame, made: DemandForecast) -> dict[str, dict[str, object]]:
    """Pictures for a person: the whole shop, the best seller with its band, and the backtest by horizon."""
    told: dict[str, object] = {"model": made.cadence, "notes": "; ".join(made.notes)}
    shown: dict[str, dict[str, object]] = {name: dict(told) for name in TABLES}
    if made.forecasts.empty:
        return shown
    units = made.forecasts.groupby(["sku", "location_id"], as_index=False)["units_mean"].sum()
    best = units.loc[units["units_mean"].idxmax()]
    band = forecast_band_png(history, made.forecasts, sku=best["sku"], location_id=best["location_id"])
    shown["demand_forecasts"] |= {
        "whole_shop": picture(total_forecast_png(history, made.forecasts)),
        "best_seller": picture(band),
    }
    if not made.accuracy.empty:  # a young shop has no history to hold out
        shown["forecast_accuracy"] |= {
            "measured": measured(made.accuracy),
            "by_horizon": picture(backtest_by_horizon_png(made.backtest)),
            "backtest": table_md(_mean_accuracy(made.accuracy)),
        }
    return shown


def _mean_accuracy(accuracy: pd.DataFrame) -> pd.DataFrame:
    whole = accuracy[(accuracy["segment"] == "all") & (accuracy["horizon"] == "all")]
    figures = ["wape", "wape_total", "bias", "rmsse", "pinball", "coverage_90_ratio"]
    return (
        whole.groupby(["model_name", "is_champion"], as_index=False)[figures].mean().sort_values("wape_total")
    )
