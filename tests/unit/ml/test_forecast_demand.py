"""The whole forecast: known answers, no look-ahead, sane tables for whatever history there is."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from data_quality.contract import load_contract
from ml.forecasting import ForecastParams, forecast_demand
from ml.forecasting.params import QUANTILES, TOTAL_QUANTILES

AS_OF = date(2026, 3, 1)
QUICK = ForecastParams(num_threads=1, boosted_trees=60, ets_series=0, aggregates=0)


def history_of(units: np.ndarray, as_of: date = AS_OF, step: int = 1) -> pd.DataFrame:
    n, length = units.shape
    days = [as_of - timedelta(days=step * (length - 1 - i)) for i in range(length)]
    return pd.DataFrame(
        {
            "sku": np.repeat([f"s{i:05d}" for i in range(n)], length),
            "location_id": "main",
            "demand_date": np.tile(np.array(days, dtype=object), n),
            "units_sold": units.ravel().astype(float),
            "price_amount": 10.0,
            "discount_ratio": 0.0,
            "is_on_promotion": False,
            "is_stocked_out": False,
            "is_trading_day": True,
        }
    )


@pytest.fixture(scope="module")
def shop() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    levels = rng.gamma(1.0, 4.0, 150)[:, None]
    weekday = np.array([1.0, 0.8, 0.9, 1.0, 1.2, 1.5, 0.6])
    return history_of(rng.poisson(levels * weekday[np.arange(240) % 7]))


@pytest.fixture(scope="module")
def forecast(shop):
    return forecast_demand(shop, as_of=AS_OF, params=QUICK, run_id="r1")


@pytest.mark.parametrize(
    ("table", "attribute"),
    [
        ("demand_forecasts", "forecasts"),
        ("demand_forecast_totals", "totals"),
        ("forecast_accuracy", "accuracy"),
    ],
)
def test_tables_keep_their_contracts(forecast, table, attribute):
    contract, frame = load_contract(table, "served"), getattr(forecast, attribute)
    assert tuple(frame.columns) == contract.column_names
    assert not frame.duplicated(list(contract.key)).any()
    required = [column.name for column in contract.columns if column.required]
    assert not frame[required].isna().any().any()
    assert len(frame) > 0


@pytest.mark.parametrize(("attribute", "names"), [("forecasts", QUANTILES), ("totals", TOTAL_QUANTILES)])
def test_quantiles_never_fall_and_never_go_below_zero(forecast, attribute, names):
    values = getattr(forecast, attribute)[list(names)].to_numpy()
    assert (np.diff(values, axis=1) >= 0).all()
    assert (values >= 0).all()


def test_every_series_gets_every_period_and_window(forecast):
    assert forecast.forecasts.groupby("sku").size().eq(28).all()
    assert (
        forecast.totals.groupby("sku")["window_periods"]
        .agg(lambda lengths: tuple(sorted(lengths)))
        .map({(7, 14, 28): True})
        .eq(True)
        .all()
    )
    assert forecast.totals.groupby("sku")["is_protection_period"].sum().eq(1).all()


def test_window_means_are_the_sums_of_the_daily_means(forecast):
    days = forecast.forecasts.loc[forecast.forecasts["horizon"] <= 14].groupby("sku")["units_mean"].sum()
    window = forecast.totals.loc[forecast.totals["window_periods"] == 14].set_index("sku")["units_mean"]
    assert np.allclose(days, window, rtol=1e-5, atol=1e-5)


def test_quantiles_of_sums_are_narrower_than_sums_of_quantiles(forecast):
    days = forecast.forecasts.groupby("sku")["units_p95"].sum().sum()
    window = forecast.totals.loc[forecast.totals["window_periods"] == 28, "units_p95"].sum()
    assert window < 0.9 * days


def test_the_floors_are_always_in_the_accuracy_table(forecast):
    floors = set(forecast.accuracy.loc[forecast.accuracy["is_floor"], "model_name"])
    assert {"seasonal_naive", "seasonal_window_average", "ses", "croston_sba", "tsb"} <= floors
    assert forecast.accuracy.groupby("model_name")["is_champion"].all().sum() == 1


def test_the_served_model_beats_the_naive_floor_on_data_with_a_weekly_pattern(forecast):
    overall = (
        forecast.accuracy.query("segment == 'all' and horizon == 'all'").groupby("model_name")["wape"].mean()
    )
    assert overall[forecast.champion.model_name] < 0.95 * overall["seasonal_naive"]


@pytest.mark.parametrize("change", ["deleted", "billion", "shuffled", "flags"])
def test_nothing_after_as_of_changes_a_forecast(shop, change):
    as_of = AS_OF - timedelta(days=30)
    later = shop["demand_date"] > as_of
    changed = shop.copy()
    if change == "deleted":
        changed = shop.loc[~later]
    elif change == "billion":
        changed.loc[later, "units_sold"] = 1e9
    elif change == "shuffled":
        changed.loc[later, "units_sold"] = np.random.default_rng(0).permutation(
            changed.loc[later, "units_sold"]
        )
    else:
        changed.loc[later, ["is_stocked_out", "is_on_promotion"]] = True
        changed.loc[later, "is_trading_day"] = False
        changed.loc[later, "price_amount"] = 0.01
    few = replace(QUICK, boosted_trees=15, backtest_origins=1)
    first = forecast_demand(shop, as_of=as_of, params=few)
    second = forecast_demand(changed, as_of=as_of, params=few)
    pd.testing.assert_frame_equal(first.forecasts, second.forecasts)
    pd.testing.assert_frame_equal(first.totals, second.totals)


def test_backtest_forecasts_do_not_see_their_own_test_window(shop):
    from ml.forecasting.candidates import candidate_forecasts
    from ml.forecasting.panel import build_panel

    changed = shop.copy()
    later = changed["demand_date"] > AS_OF - timedelta(days=28)
    changed.loc[later, "units_sold"] = 1e6
    changed.loc[later, "is_stocked_out"] = True
    changed.loc[later, "is_trading_day"] = False
    made = []
    for history in (shop, changed):
        panel = build_panel(history, as_of=AS_OF, period_days=1, horizon=28, max_history_days=1100)
        known = panel.known_at(panel.n_past - 28, 28)
        made.append(candidate_forecasts(known, replace(QUICK, boosted_trees=15), 28).units)
    for name in made[0]:
        assert np.array_equal(made[0][name], made[1][name]), name


def test_constant_demand_is_forecast_as_the_constant():
    made = forecast_demand(history_of(np.full((40, 200), 6)), as_of=AS_OF, params=QUICK)
    assert np.allclose(made.forecasts["units_mean"], 6, rtol=0.01)


def test_a_pure_weekly_pattern_is_exact_for_the_naive_floor_and_close_for_the_served_model():
    pattern = np.array([4, 6, 8, 10, 12, 20, 2])
    days = [AS_OF - timedelta(days=279 - i) for i in range(280)]
    units = np.array([pattern[day.weekday()] for day in days])[None, :].repeat(40, axis=0)
    made = forecast_demand(history_of(units), as_of=AS_OF, params=QUICK)
    naive = made.accuracy.query("model_name == 'seasonal_naive' and segment == 'all' and horizon == 'all'")
    assert naive["wape"].max() == 0
    weekday = pd.to_datetime(made.forecasts["demand_date"]).dt.weekday
    assert np.abs(made.forecasts["units_mean"] - pattern[weekday]).sum() / pattern[weekday].sum() < 0.02


def test_never_sold_is_forecast_as_zero_with_the_reason():
    units = np.vstack([np.zeros((1, 120)), np.random.default_rng(0).poisson(3, (30, 120))])
    made = forecast_demand(history_of(units), as_of=AS_OF, params=QUICK)
    mine = made.forecasts.loc[made.forecasts["sku"] == "s00000"]
    assert (mine[["units_mean", "units_p975"]] == 0).all().all()
    assert mine["fallback_reason"].eq("never sold").all()
    assert mine["demand_class"].eq("dead").all()


@pytest.mark.parametrize("days", [1, 3, 20, 70])
def test_a_short_history_gives_finite_forecasts_with_a_reason(days):
    units = np.random.default_rng(0).poisson(4, (5, days))
    made = forecast_demand(history_of(units), as_of=AS_OF, params=QUICK)
    assert np.isfinite(made.forecasts[["units_mean", "units_p975"]].to_numpy()).all()
    assert made.forecasts["is_fallback"].all()
    assert made.forecasts["fallback_reason"].notna().all()
    assert not made.totals.isna().any().any()


def test_one_sale_ever_and_a_long_gap_stay_small_and_finite():
    once, gap = np.zeros(200), np.random.default_rng(0).poisson(3, 200)
    once[50] = 1
    gap[100:160] = 0
    crowd = np.random.default_rng(1).poisson(2, (30, 200))
    made = forecast_demand(history_of(np.vstack([once, gap, crowd])), as_of=AS_OF, params=QUICK)
    total = made.totals.loc[made.totals["window_periods"] == 28].set_index("sku")["units_mean"]
    assert 0 <= total["s00000"] < 1
    assert 40 < total["s00001"] < 130


def test_an_empty_history_gives_typed_empty_tables_and_says_why():
    made = forecast_demand(history_of(np.zeros((1, 5))).iloc[:0], as_of=AS_OF)
    assert tuple(made.forecasts.columns) == load_contract("demand_forecasts", "served").column_names
    assert made.forecasts["units_mean"].dtype == float
    assert len(made.forecasts) == len(made.totals) == len(made.accuracy) == 0
    assert "no demand history" in made.notes[0]


def test_closed_weekdays_are_forecast_as_exactly_zero():
    days = [AS_OF - timedelta(days=199 - i) for i in range(200)]
    units = np.random.default_rng(2).poisson(5, (40, 200)) * np.array([day.weekday() != 5 for day in days])
    made = forecast_demand(history_of(units), as_of=AS_OF, params=QUICK)
    is_saturday = pd.to_datetime(made.forecasts["demand_date"]).dt.weekday == 5
    assert (made.forecasts.loc[is_saturday, ["units_mean", "units_p975"]] == 0).all().all()
    assert (made.forecasts.loc[~is_saturday, "units_mean"] > 0).all()


def test_weekly_shops_are_forecast_week_by_week_with_the_protection_period_of_each_sku():
    units = np.random.default_rng(3).poisson(5, (60, 120))
    history = history_of(units, step=7)
    supply = pd.DataFrame(
        {
            "sku": ["s00000", "s00001"],
            "location_id": "main",
            "lead_time_days": [14.0, 70.0],
            "review_period_days": [7, 7],
        }
    )
    made = forecast_demand(history, as_of=AS_OF, period_days=7, supply=supply, params=QUICK)
    own = made.totals.loc[made.totals["is_protection_period"]].set_index("sku")["window_periods"]
    assert own[["s00000", "s00001", "s00002"]].tolist() == [3, 11, 2]
    days = made.forecasts.loc[made.forecasts["sku"] == "s00000", "demand_date"]
    assert list(days[:2]) == [AS_OF + timedelta(days=7), AS_OF + timedelta(days=14)]
    long = made.totals.query("sku == 's00001' and window_periods == 11").iloc[0]
    assert long["window_end_date"] == AS_OF + timedelta(days=7 * 11 + 6)
    assert long["units_mean"] == pytest.approx(55, rel=0.2)


def test_without_lightgbm_scikit_learn_makes_the_forecast(shop, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    made = forecast_demand(shop, as_of=AS_OF, params=replace(QUICK, backtest_origins=1))
    assert "boosted" in set(made.accuracy["model_name"])
    if made.champion.model_name == "boosted":
        assert "scikit-learn" in made.notes[0]
    assert np.isfinite(made.forecasts["units_mean"]).all()


def test_two_runs_give_identical_tables(shop, forecast):
    again = forecast_demand(shop, as_of=AS_OF, params=QUICK, run_id="r1")
    pd.testing.assert_frame_equal(forecast.forecasts, again.forecasts)
    pd.testing.assert_frame_equal(forecast.totals, again.totals)
    pd.testing.assert_frame_equal(forecast.accuracy, again.accuracy)
