"""Stored models forecast and recommend as ones just fitted do, on new days too, and keep their own date."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from ml import recommendations as rec
from ml.forecasting import ForecastParams, forecast_demand
from ml.model_store import Manifest, ModelStore

AS_OF = date(2026, 3, 1)
NEXT = AS_OF + timedelta(days=1)
PARAMS = ForecastParams(num_threads=1, boosted_trees=25, ets_series=3, backtest_origins=1, aggregates=1)


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    days = [AS_OF - timedelta(days=199 - i) for i in range(201)]  # one day more than is known at AS_OF
    level = np.random.default_rng(4).gamma(2.0, 3.0, 40)
    weekday = np.array([1.0, 1.0, 1.0, 1.0, 1.5, 2.0, 0.5])[[day.weekday() for day in days]]
    units = np.random.default_rng(1).poisson(np.outer(level, weekday))
    return pd.DataFrame(
        {
            "sku": np.repeat([f"s{i:02d}" for i in range(40)], 201),
            "location_id": "main",
            "demand_date": np.tile(np.array(days, dtype=object), 40),
            "units_sold": units.ravel().astype(float),
        }
    )


@pytest.fixture(scope="module")
def fresh(history):
    return forecast_demand(history, as_of=AS_OF, params=PARAMS, run_id="first")


@pytest.fixture(scope="module")
def filled(history, tmp_path_factory) -> ModelStore:
    store = ModelStore(tmp_path_factory.mktemp("models"))
    forecast_demand(history, as_of=AS_OF, params=PARAMS, run_id="first", store=store)
    return store


@pytest.fixture
def store(filled, tmp_path) -> ModelStore:
    shutil.copytree(filled.folder, tmp_path / "models")
    return ModelStore(tmp_path / "models")


@pytest.fixture
def no_fit(monkeypatch):
    """Fitting anything fails the test."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a model was fitted")

    monkeypatch.setattr("ml.forecasting.candidates.fit_boosted", refuse)
    monkeypatch.setattr("ml.forecasting.demand.backtest", refuse)
    monkeypatch.setitem(sys.modules, "prophet", None)


@pytest.mark.usefixtures("no_fit")
def test_the_stored_model_gives_the_tables_of_the_fresh_one(history, fresh, store):
    again = forecast_demand(history, as_of=AS_OF, params=PARAMS, run_id="first", store=store)
    assert again.cadence == "model of 2026-03-01, next refit 2026-03-08"
    for name in ("forecasts", "totals", "accuracy", "backtest", "aggregates"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(fresh, name), check_exact=True)
    assert again.notes == fresh.notes


@pytest.mark.usefixtures("no_fit")
def test_next_days_forecasts_start_on_the_next_day_and_use_its_sales(history, fresh, store):
    burst = history.copy()
    burst.loc[(burst["sku"] == "s07") & (burst["demand_date"] == NEXT), "units_sold"] += 300
    quiet, busy = (
        forecast_demand(table, as_of=NEXT, params=PARAMS, run_id="second", store=store)
        for table in (history, burst)
    )
    assert min(quiet.forecasts["demand_date"]) == NEXT + timedelta(days=1)
    assert set(quiet.forecasts["as_of"]) == {NEXT}
    assert set(quiet.totals["window_start_date"]) == {NEXT + timedelta(days=1)}
    mean = [made.forecasts.groupby("sku")["units_mean"].sum() for made in (quiet, busy)]
    assert mean[1]["s07"] > 1.5 * mean[0]["s07"]


@pytest.mark.usefixtures("no_fit")
def test_the_accuracy_table_keeps_the_day_and_run_it_was_measured_in(history, store):
    made = forecast_demand(history, as_of=NEXT, params=PARAMS, run_id="second", store=store)
    assert set(made.accuracy["as_of"]) == {AS_OF}
    assert set(made.accuracy["run_id"]) == {"first"}
    assert set(made.forecasts["run_id"]) == {"second"}


def test_a_planted_restatement_makes_a_new_model(history, store):
    restated = history.copy()
    restated.loc[restated["demand_date"] < AS_OF - timedelta(days=170), "units_sold"] *= 1.5
    made = forecast_demand(restated, as_of=NEXT, params=PARAMS, run_id="second", store=store)
    assert "restated" in made.cadence
    assert set(made.accuracy["run_id"]) == {"second"}


def test_sales_swapped_between_two_skus_are_a_restatement_too(history, store):
    largest = history.groupby("sku")["units_sold"].sum().sort_values().index[[0, -1]]
    names = dict(zip(largest, largest[::-1], strict=True))
    swapped = history.assign(sku=history["sku"].replace(names))
    made = forecast_demand(swapped, as_of=NEXT, params=PARAMS, run_id="second", store=store)
    assert "restated" in made.cadence


@pytest.mark.parametrize("file", ["trees.txt", "errors.npz"])
def test_a_damaged_file_ends_in_a_refit_with_the_same_numbers(history, fresh, store, file):
    (store.of("demand_forecasts") / file).write_bytes(b"\x80damaged")
    made = forecast_demand(history, as_of=AS_OF, params=PARAMS, run_id="first", store=store)
    assert made.cadence.startswith(f"refitted: the stored model is damaged: {file}")
    pd.testing.assert_frame_equal(made.forecasts, fresh.forecasts)
    Manifest.read(store.of("demand_forecasts"))  # and the store is whole again


def test_trees_that_only_pickling_could_keep_are_not_stored(history, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    store = ModelStore(tmp_path / "models")
    params = replace(PARAMS, floor_margin=0.9, bias_limit=9.0)  # so that trees serve
    made = forecast_demand(history, as_of=AS_OF, params=params, store=store)
    assert made.champion.model_name in {"boosted", "blend"}
    assert "not stored" in made.cadence
    assert not store.of("demand_forecasts").exists()


def test_number_of_threads_is_no_reason_to_refit(history, store):
    made = forecast_demand(history, as_of=AS_OF, params=replace(PARAMS, num_threads=2), store=store)
    assert made.cadence.startswith("model of")


def test_nothing_in_the_store_is_a_pickle(store):
    for path in store.of("demand_forecasts").iterdir():
        assert path.suffix in {".txt", ".json", ".npz", ".parquet"}
    with np.load(store.of("demand_forecasts") / "errors.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


class TestRecommenders:
    def serve(self, shop, store, as_of, run_id):
        given = {"as_of": as_of, "run_id": run_id, "store": store}
        tables = (shop.purchases, shop.interactions, shop.pairs, shop.items)
        sessions, of_sessions = rec.serve_sessions(shop.session_items, shop.items, **given)
        customers, of_customers = rec.serve_customers(*tables, **given)
        bundles = rec.keep_bundle_accuracy(shop.purchases, **given)
        return (sessions, customers), (of_sessions, of_customers, bundles)

    def test_stored_settings_and_weights_serve_the_same_lists(self, recommendation_shop, tmp_path):
        store = ModelStore(tmp_path / "models")
        shop, as_of = recommendation_shop, recommendation_shop.as_of
        first, made = self.serve(shop, store, as_of, "first")
        again, kept = self.serve(shop, store, as_of, "first")
        assert all(one.is_refitted for one in made)
        assert not any(one.is_refitted for one in kept)
        for before, after in zip(first, again, strict=True):
            assert len(before)
            pd.testing.assert_frame_equal(before, after, check_exact=True)
        for before, after in zip(made, kept, strict=True):
            pd.testing.assert_frame_equal(before.model.accuracy, after.model.accuracy, check_exact=True)

    def test_the_accuracy_is_that_of_the_evaluations_and_keeps_their_date(
        self, recommendation_shop, tmp_path
    ):
        store = ModelStore(tmp_path / "models")
        shop, later = recommendation_shop, recommendation_shop.as_of
        earlier = later - timedelta(days=2)
        self.serve(shop, store, earlier, "first")
        lists, _ = self.serve(shop, store, later, "second")
        assert {str(day) for table in lists for day in table["as_of"]} == {str(later)}
        expected = {
            "session_recommendations": rec.evaluate_sessions(
                shop.session_items, as_of=earlier, run_id="first"
            ),
            "customer_recommendations": rec.evaluate_customers(
                shop.purchases, shop.interactions, shop.items, as_of=earlier, run_id="first"
            ),
            "bundles": rec.evaluate_bundles(shop.purchases, as_of=earlier, run_id="first"),
        }
        for name, accuracy in expected.items():
            pd.testing.assert_frame_equal(rec.stored_accuracy(store, name), accuracy)

    def test_weights_learnt_beside_the_evaluation_are_those_learnt_alone(self, recommendation_shop):
        from ml.recommendations.customers import fit_ranker

        shop = recommendation_shop
        tables = (shop.purchases, shop.interactions, shop.items)
        kept = rec.keep_customer_model(*tables, as_of=shop.as_of, run_id="r")
        alone = fit_ranker(*tables, until=shop.as_of)
        assert alone.is_learnt_
        assert kept.model.settings == alone.learnt()

    def test_without_a_stored_model_there_is_no_stored_accuracy(self, tmp_path):
        assert rec.stored_accuracy(ModelStore(tmp_path), "bundles") is None
