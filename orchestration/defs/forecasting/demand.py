"""Demand forecasts, their totals over the protection period, and how good every model was."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from ml.forecasting import DemandForecast, ForecastParams, forecast_demand
from ml.plots import backtest_by_horizon_png, forecast_band_png, total_forecast_png
from orchestration.needs import skip_reason
from orchestration.outputs import served_spec, skip_outputs, write_outputs
from orchestration.resources import WorkspaceResource
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


@dg.multi_asset(specs=[served_spec(name, FEATURES, GROUP, KINDS) for name in TABLES], pool="warehouse")
def demand_forecasts(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> Iterator[dg.MaterializeResult]:
    """Forecast, and backtest the floors and the models on the way."""
    shop = workspace.open()
    if skip_reason(shop, "demand_forecasts"):
        yield from skip_outputs(shop, *TABLES)
        return
    made = _forecast(shop, context.run_id)
    frames = {
        "demand_forecasts": made.forecasts,
        "demand_forecast_totals": made.totals,
        "forecast_accuracy": made.accuracy,
    }
    yield from write_outputs(shop, frames, _shown(shop, made))


def _forecast(shop: Workspace, run_id: str) -> DemandForecast:
    history, planned, calendar, items, supply = (shop.table(name) for name in FEATURES)
    return forecast_demand(
        history,
        as_of=shop.as_of(),
        period_days=shop.shop.demand_period_days,
        planned=planned,
        calendar=calendar,
        items=items,
        supply=supply,
        params=ForecastParams(num_threads=shop.settings.threads),
        run_id=run_id,
    )


def _shown(shop: Workspace, made: DemandForecast) -> dict[str, dict[str, object]]:
    """Pictures for a person: the whole shop, the best seller with its band, and the backtest by horizon."""
    if made.forecasts.empty:
        return {}
    history = shop.table(HISTORY)
    units = made.forecasts.groupby(["sku", "location_id"], as_index=False)["units_mean"].sum()
    best = units.loc[units["units_mean"].idxmax()]
    band = forecast_band_png(history, made.forecasts, sku=best["sku"], location_id=best["location_id"])
    shown: dict[str, dict[str, object]] = {
        "demand_forecasts": {
            "whole_shop": picture(total_forecast_png(history, made.forecasts)),
            "best_seller": picture(band),
        }
    }
    if not made.accuracy.empty:  # a young shop has no history to hold out
        shown["forecast_accuracy"] = {
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
