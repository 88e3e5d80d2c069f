"""The gate serves what ordering needs: small errors of sums and a sane level, and tells luck from skill."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from ml.forecasting.backtest import Fold, choose_champion
from ml.forecasting.candidates import CandidateForecasts
from ml.forecasting.panel import build_panel
from ml.forecasting.params import BOOSTED, RECENT_LEVEL, SES, TSB, ForecastParams


def folds_of(forecasts: dict[str, float | np.ndarray]) -> list[Fold]:
    """Two origins at which 30 series sold 10 a day; each model forecasts a constant (or one a series)."""
    days = [date(2026, 1, 1) + timedelta(days=i) for i in range(60)]
    history = pd.DataFrame(
        {
            "sku": np.repeat([f"s{i:02d}" for i in range(30)], 60),
            "location_id": "main",
            "demand_date": np.tile(np.array(days, dtype=object), 30),
            "units_sold": 10.0,
        }
    )
    panel = build_panel(history, as_of=days[-1], period_days=1, horizon=28, max_history_days=1100)
    units = {
        name: np.broadcast_to(np.asarray(v, float).reshape(-1, 1), (30, 28)) for name, v in forecasts.items()
    }
    made = CandidateForecasts(panel, np.ones((30, 88)), np.full(30, "smooth"), units, "lightgbm")
    return [Fold(60, made, np.full((30, 28), 10.0), panel.units, np.ones(30)) for _ in range(2)]


def either_side(error: float) -> np.ndarray:
    return 10.0 * (1 + error * np.where(np.arange(30) % 2, 1, -1))


def test_the_lowest_error_of_sums_is_served():
    champion = choose_champion(
        folds_of({BOOSTED: either_side(0.05), SES: either_side(0.2)}), ForecastParams()
    )
    assert (champion.model_name, champion.factor) == (BOOSTED, 1.0)
    assert champion.wape_total == pytest.approx(0.05)


def test_a_floor_with_a_clear_lead_is_served_and_one_with_a_lucky_lead_is_not():
    params = ForecastParams()
    assert (
        choose_champion(folds_of({BOOSTED: either_side(0.2), SES: either_side(0.1)}), params).model_name
        == SES
    )
    assert (
        choose_champion(folds_of({BOOSTED: either_side(0.2), SES: either_side(0.198)}), params).model_name
        == BOOSTED
    )


def test_a_biased_winner_gives_way_to_an_unbiased_model_that_is_nearly_as_good():
    champion = choose_champion(folds_of({BOOSTED: 8.7, TSB: either_side(0.13)}), ForecastParams())
    assert champion.model_name == TSB
    assert "bias limit" in champion.reason


def test_when_every_sane_model_is_much_worse_half_of_the_bias_is_taken_out():
    champion = choose_champion(folds_of({BOOSTED: 8.0, TSB: either_side(0.6)}), ForecastParams())
    assert champion.model_name == BOOSTED
    assert champion.factor == pytest.approx(1 / 0.9)


def test_without_a_backtest_the_recent_level_is_served():
    assert choose_champion([], ForecastParams()).model_name == RECENT_LEVEL
