"""Metrics against numbers worked out by hand, and splits that keep the future out."""

from __future__ import annotations

import numpy as np
import pytest

from ml import evaluation


def test_wape_is_total_absolute_error_over_total_units():
    assert evaluation.wape(
        np.array([[1.0, 3.0], [0.0, 4.0]]), np.array([[2.0, 1.0], [1.0, 4.0]])
    ) == pytest.approx(0.5)


def test_wape_of_sums_lets_errors_within_a_series_cancel_but_not_between_series():
    actual, forecast = np.array([[1.0, 3.0], [2.0, 2.0]]), np.array([[3.0, 1.0], [1.0, 1.0]])
    assert evaluation.wape_total(actual, forecast) == pytest.approx(2 / 8)


def test_periods_that_could_not_be_observed_are_scored_by_no_metric():
    actual = np.array([[2.0, np.nan], [np.nan, np.nan]])
    forecast = np.array([[3.0, 100.0], [100.0, 100.0]])
    assert evaluation.wape(actual, forecast) == pytest.approx(0.5)
    assert evaluation.wape_total(actual, forecast) == pytest.approx(0.5)
    assert evaluation.bias(actual, forecast) == pytest.approx(0.5)


def test_zero_everywhere_is_a_total_loss_in_every_headline_metric():
    actual = np.array([[2.0, 0.0, 1.0]])
    assert evaluation.wape(actual, actual * 0) == 1.0
    assert evaluation.wape_total(actual, actual * 0) == 1.0
    assert evaluation.bias(actual, actual * 0) == -1.0


def test_nothing_sold_gives_no_ratio_instead_of_a_flattering_zero():
    assert np.isnan(evaluation.wape(np.zeros((1, 2)), np.ones((1, 2))))


def test_scaled_errors_of_the_in_sample_naive_forecast_are_one():
    history = np.array([[1.0, 3.0, 1.0, 3.0]])
    actual, forecast = np.array([[1.0, 3.0]]), np.array([[3.0, 1.0]])
    assert evaluation.rmsse(actual, forecast, history) == pytest.approx(1.0)
    assert evaluation.mase(actual, forecast, history) == pytest.approx(1.0)


def test_scaled_errors_weigh_series_by_what_they_are_worth():
    history = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    actual, forecast = np.array([[1.0], [1.0]]), np.array([[1.0], [0.0]])
    assert evaluation.mase(actual, forecast, history, np.array([3.0, 1.0])) == pytest.approx(0.25)


def test_pinball_punishes_an_upper_quantile_more_for_being_too_low():
    actual = np.array([10.0])
    assert evaluation.pinball(actual, {0.9: np.array([8.0])}) == pytest.approx(1.8)
    assert evaluation.pinball(actual, {0.9: np.array([12.0])}) == pytest.approx(0.2)


def test_origins_leave_a_full_horizon_and_enough_history():
    assert evaluation.rolling_origins(100, horizon=28, n_origins=3, least_history=40) == [44, 72]
    assert evaluation.rolling_origins(30, horizon=28, n_origins=3, least_history=40) == []


def test_abc_classes_hold_the_first_80_and_95_percent_of_value():
    assert evaluation.abc_classes(np.array([1.0, 50.0, 15.0, 30.0, 0.0, 4.0])).tolist() == [
        "C",
        "A",
        "B",
        "A",
        "C",
        "C",
    ]
