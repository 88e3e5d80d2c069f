"""Quantiles cover what they say, on demand of every kind, learnt from other series and other periods."""

from __future__ import annotations

import numpy as np
import pytest

from ml.forecasting.calibration import ConformalQuantiles, count_quantiles

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)


def draw(kind: str, mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if kind == "poisson":
        return rng.poisson(mean).astype(float)
    if kind == "negative binomial":
        return rng.negative_binomial(2.0, 2.0 / (2.0 + mean)).astype(float)
    return (rng.random(mean.shape) < 0.3) * rng.poisson(mean / 0.3).astype(float)


@pytest.mark.parametrize("kind", ["poisson", "negative binomial", "lumpy"])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.975])
def test_upper_quantiles_cover_their_share_of_unseen_demand(kind, level):
    rng = np.random.default_rng(4)
    mean = rng.gamma(2.0, 40.0, 5000)
    classes = np.full(5000, "lumpy" if kind == "lumpy" else "smooth")
    learnt = ConformalQuantiles.fit(mean, draw(kind, mean, rng), classes, LEVELS)
    quantiles, _ = learnt.predict(mean, classes)
    covered = (draw(kind, mean, rng) <= quantiles[:, LEVELS.index(level)]).mean()
    assert covered == pytest.approx(level, abs=4 * (2 * level * (1 - level) / 5000) ** 0.5)


def test_small_counts_are_covered_at_least_as_often_as_promised():
    rng = np.random.default_rng(5)
    mean = rng.gamma(1.0, 0.8, 5000) + 0.05
    classes = np.full(5000, "intermittent")
    learnt = ConformalQuantiles.fit(mean, rng.poisson(mean).astype(float), classes, LEVELS)
    quantiles, _ = learnt.predict(mean, classes)
    assert (rng.poisson(mean) <= quantiles[:, LEVELS.index(0.9)]).mean() > 0.885


def test_a_biased_forecast_gets_its_quantiles_moved_to_where_demand_was():
    rng = np.random.default_rng(6)
    truth = rng.gamma(4.0, 25.0, 4000)
    classes = np.full(4000, "smooth")
    learnt = ConformalQuantiles.fit(0.8 * truth, rng.poisson(truth).astype(float), classes, LEVELS)
    middle = learnt.predict(0.8 * truth, classes)[0][:, LEVELS.index(0.5)]
    assert middle.sum() / truth.sum() == pytest.approx(1.0, abs=0.02)


def test_errors_of_longer_windows_grow_in_proportion_to_their_length():
    rng = np.random.default_rng(7)
    mean, classes = rng.gamma(2.0, 20.0, 1000), np.full(1000, "smooth")
    learnt = ConformalQuantiles.fit(mean, rng.poisson(mean).astype(float), classes, LEVELS)
    short, spread = learnt.predict(mean, classes)
    long, wider = learnt.predict(3 * mean, classes, stretch=3.0)
    assert np.allclose(long, 3 * short)
    assert np.allclose(wider, 3 * spread)


def test_nothing_expected_has_no_quantile_above_zero():
    zeros = np.zeros(3)
    learnt = ConformalQuantiles.fit(np.ones(500), np.ones(500), np.full(500, "smooth"), LEVELS)
    assert not learnt.predict(zeros, np.full(3, "dead"))[0].any()
    assert not count_quantiles(zeros, LEVELS)[0].any()


def test_too_few_residuals_are_refused_rather_than_stretched():
    assert ConformalQuantiles.fit(np.ones(10), np.ones(10), np.full(10, "smooth"), LEVELS) is None
