"""Prophet explains the aggregates, moves SKU forecasts only where it earned it, and may be missing."""

from __future__ import annotations

import sys
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from ml import plots
from ml.forecasting import ForecastParams, forecast_demand

AS_OF = date(2026, 3, 1)
QUICK = ForecastParams(num_threads=1, boosted_trees=30, ets_series=0, backtest_origins=1)


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    days = [AS_OF - timedelta(days=199 - i) for i in range(200)]
    weekday = np.array([1.0, 1.0, 1.0, 1.0, 1.5, 2.0, 0.5])[[day.weekday() for day in days]]
    units = np.random.default_rng(1).poisson(6 * weekday, (40, 200))
    return pd.DataFrame(
        {
            "sku": np.repeat([f"s{i:02d}" for i in range(40)], 200),
            "location_id": "main",
            "demand_date": np.tile(np.array(days, dtype=object), 40),
            "units_sold": units.ravel().astype(float),
        }
    )


@pytest.fixture(scope="module")
def made(history):
    items = pd.DataFrame({"sku": [f"s{i:02d}" for i in range(40)], "category_id": ["a", "b"] * 20})
    return forecast_demand(history, as_of=AS_OF, items=items, params=QUICK)


def test_components_of_the_total_add_up_and_find_the_planted_week(made):
    total = made.aggregates.query("node == 'total'")
    parts = total[["trend_units", "weekly_units", "yearly_units", "event_units"]].sum(axis=1)
    assert np.allclose(total["units_mean"], parts, rtol=1e-6)
    weekday = pd.to_datetime(total["demand_date"]).dt.weekday
    by_day = total.groupby(weekday)["units_mean"].mean()
    assert by_day[5] / by_day[6] == pytest.approx(4.0, rel=0.1)


def test_categories_add_up_to_the_total_within_what_models_may_differ(made):
    sums = made.aggregates.groupby("node")["units_mean"].sum()
    assert set(made.aggregates["node_id"]) == {"all", "a", "b"}
    assert sums["category"] == pytest.approx(sums["total"], rel=0.02)


def test_without_prophet_the_sku_forecasts_still_come_and_a_note_says_so(history, monkeypatch):
    monkeypatch.setitem(sys.modules, "prophet", None)
    alone = forecast_demand(history, as_of=AS_OF, params=QUICK)
    assert alone.aggregates.empty
    assert len(alone.forecasts) == 40 * 28
    assert any("Prophet failed" in note for note in alone.notes)


@pytest.mark.parametrize("picture", ["band", "total", "backtest"])
def test_pictures_are_png(made, history, picture):
    drawn = {
        "band": lambda: plots.forecast_band_png(history, made.forecasts, sku="s03", location_id="main"),
        "total": lambda: plots.total_forecast_png(history, made.forecasts),
        "backtest": lambda: plots.backtest_by_horizon_png(made.backtest),
    }[picture]()
    assert drawn.startswith(b"\x89PNG")
    assert len(drawn) > 5_000


def test_a_picture_of_a_series_without_a_forecast_names_it(made, history):
    with pytest.raises(ValueError, match="nosuch"):
        plots.forecast_band_png(history, made.forecasts, sku="nosuch", location_id="main")
