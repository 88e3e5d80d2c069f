"""Prophet for the few series that planners look at: the shop and its largest categories, with components.

A component table tells how much of a day is trend, weekday, time of year or holiday. The total may also pull
the SKU forecasts to its level, but only where it beat their sum in the backtest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.forecasting.backtest import Fold
from ml.forecasting.panel import DemandPanel
from ml.forecasting.params import ForecastParams

AGGREGATE_COLUMNS = (
    "node", "node_id", "demand_date", "units_mean",
    "trend_units", "weekly_units", "yearly_units", "event_units", "bottom_up_units",
)  # fmt: skip
LEAST_PERIODS = 8
LARGEST_PULL = 0.25


@dataclass(frozen=True)
class Aggregates:
    """Forecasts with components of the aggregate nodes, the factor for the SKU forecasts, and what was
    found."""

    frame: pd.DataFrame
    factor: float
    notes: tuple[str, ...]


def forecast_aggregates(
    panel: DemandPanel,
    bottom_up: Callable[[], np.ndarray],
    folds: list[Fold],
    model_name: str,
    params: ForecastParams,
) -> Aggregates:
    """Prophet's forecasts of the shop and its top categories, beside the sums of the SKU forecasts.

    ``bottom_up`` gives the SKU forecasts; it is asked last, so that they may be made meanwhile. The factor is
    1 unless Prophet's total was closer to the truth than the sum of the SKU forecasts at every origin.
    """
    empty = pd.DataFrame(columns=list(AGGREGATE_COLUMNS))
    if (
        params.aggregates <= 0
        or panel.n_past * panel.period_days < LEAST_PERIODS * 7
        or panel.units.sum() <= 0
    ):
        return Aggregates(empty, 1.0, ("no aggregate forecasts: the history is shorter than eight weeks",))
    try:
        nodes = _nodes(panel, params.aggregates)
        made = [prophet_forecast(panel, rows, panel.horizon) for _, rows in nodes]
        wins, shown = _backtest_total(folds, model_name)
    except (ImportError, AttributeError, RuntimeError, OSError) as error:
        # what a missing or broken Stan backend raises; the SKU forecasts do not depend on it
        return Aggregates(
            empty, 1.0, (f"no aggregate forecasts: Prophet failed with {type(error).__name__}: {error}",)
        )
    units = bottom_up()
    parts = [
        _node_frame(forecast, units[rows], name) for forecast, (name, rows) in zip(made, nodes, strict=True)
    ]
    frame = pd.concat(parts, ignore_index=True)
    factor = _pull(frame) if wins else 1.0
    if factor != 1.0:
        shown = f"{shown}; SKU forecasts are scaled by {factor:.3f}"
    return Aggregates(frame, factor, (shown,) if shown else ())


def _pull(frame: pd.DataFrame) -> float:
    """The factor that brings the sum of the SKU forecasts to Prophet's total, within its limits."""
    total = frame.loc[frame["node"] == "total"]
    if total["bottom_up_units"].sum() <= 0:
        return 1.0
    ratio = total["units_mean"].sum() / total["bottom_up_units"].sum()
    return float(np.clip(ratio, 1 - LARGEST_PULL, 1 + LARGEST_PULL))


def _nodes(panel: DemandPanel, limit: int) -> list[tuple[tuple[str, str], np.ndarray]]:
    nodes: list[tuple[tuple[str, str], np.ndarray]] = [(("total", "all"), np.arange(panel.n_series))]
    recent = panel.units[:, -91 // panel.period_days :].sum(axis=1)
    by_category = pd.Series(recent).groupby(panel.keys["category_id"]).sum()
    largest = by_category.drop("", errors="ignore").reset_index(name="units")
    largest = largest.sort_values(["units", "category_id"], ascending=[False, True]).head(limit - 1)
    groups = panel.keys.groupby("category_id").indices
    return nodes + [(("category", str(name)), np.asarray(groups[name])) for name in largest["category_id"]]


def _node_frame(forecast: pd.DataFrame, bottom_up: np.ndarray, name: tuple[str, str]) -> pd.DataFrame:
    forecast = forecast.assign(node=name[0], node_id=name[1], bottom_up_units=bottom_up.sum(axis=0))
    return forecast[list(AGGREGATE_COLUMNS)]


def _backtest_total(folds: list[Fold], model_name: str) -> tuple[bool, str]:
    if not folds:
        return False, ""
    errors = []
    for fold in folds:
        panel, actual = fold.candidates.panel, np.nansum(fold.actual)
        seen = np.isfinite(fold.actual)
        mean = prophet_forecast(panel, np.arange(panel.n_series), fold.actual.shape[1])["units_mean"].sum()
        sku_sum = np.where(seen, fold.candidates.units[model_name], 0).sum()
        # Prophet sees no stock-outs of the future either: compare on the share of the units that could be
        # observed
        share = sku_sum / max(fold.candidates.units[model_name].sum(), 1e-9)
        errors.append(
            (abs(mean * share - actual) / max(actual, 1e-9), abs(sku_sum - actual) / max(actual, 1e-9))
        )
    wins = all(prophet < sku for prophet, sku in errors)
    shown = ", ".join(f"{prophet:.3f} against {sku:.3f}" for prophet, sku in errors)
    return wins, f"total error of Prophet against the sum of SKU forecasts, by origin: {shown}"


def prophet_forecast(panel: DemandPanel, rows: np.ndarray, horizon: int) -> pd.DataFrame:
    """Prophet's forecast of the summed series for ``horizon`` periods, never negative, with its
    components."""
    for name in ("cmdstanpy", "prophet.plot"):  # the one tells of every fit, the other of a missing plotly
        logging.getLogger(name).disabled = True
    from prophet import Prophet

    past, ahead = slice(0, panel.n_past), slice(panel.n_past, panel.n_past + horizon)
    trades = panel.is_trading[rows].any(axis=0)
    seen = trades[past] & panel.is_observed[rows].any(axis=0)
    dates = pd.to_datetime(panel.dates)
    history = pd.DataFrame({"ds": dates[past][seen], "y": panel.units[rows].sum(axis=0)[seen].astype(float)})
    span_days = panel.n_past * panel.period_days
    model = Prophet(
        weekly_seasonality=3 if panel.period_days == 1 else False,
        yearly_seasonality=6 if span_days >= 728 else False,
        daily_seasonality=False,
        n_changepoints=min(15, max(len(history) // 14, 0)),
        uncertainty_samples=0,
        holidays=_holidays(panel),
    )
    model.fit(history, seed=1)
    forecast = model.predict(pd.DataFrame({"ds": dates[ahead]}))
    is_open = trades[ahead]
    return pd.DataFrame(
        {
            "demand_date": panel.dates[ahead].astype("datetime64[ms]"),  # what Parquet can keep
            "units_mean": np.where(is_open, np.maximum(forecast["yhat"], 0), 0),
            "trend_units": forecast["trend"].to_numpy(),
            "weekly_units": _component(forecast, "weekly"),
            "yearly_units": _component(forecast, "yearly"),
            "event_units": _component(forecast, "holidays"),
        }
    )


def _component(forecast: pd.DataFrame, name: str) -> np.ndarray:
    return forecast[name].to_numpy() if name in forecast else np.zeros(len(forecast))


def _holidays(panel: DemandPanel) -> pd.DataFrame | None:
    seen_before = set(panel.event[: panel.n_past]) - {0}
    days = [day for day, code in enumerate(panel.event) if code in seen_before]
    if not days:
        return None
    names = [panel.event_names[panel.event[day] - 1] for day in days]
    return pd.DataFrame({"ds": pd.to_datetime(panel.dates[days]), "holiday": names})
