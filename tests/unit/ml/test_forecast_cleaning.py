"""What a stock-out hid is given back, classes are those of Syntetos and Boylan, closed days stay closed."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from ml.forecasting.cleaning import censored_mean, demand_classes, unconstrained
from ml.forecasting.panel import build_panel
from ml.forecasting.profiles import day_weights

AS_OF = date(2026, 3, 1)


def frame_of(
    units: np.ndarray, *, out: np.ndarray | None = None, open_: np.ndarray | None = None
) -> pd.DataFrame:
    n, length = units.shape
    days = [AS_OF - timedelta(days=length - 1 - i) for i in range(length)]
    return pd.DataFrame(
        {
            "sku": np.repeat([f"s{i:05d}" for i in range(n)], length),
            "location_id": "main",
            "demand_date": np.tile(np.array(days, dtype=object), n),
            "units_sold": units.ravel().astype(float),
            "is_stocked_out": False if out is None else out.ravel(),
            "is_trading_day": True if open_ is None else np.tile(open_, n),
        }
    )


def panel_of(units: np.ndarray, **flags: np.ndarray):
    return build_panel(
        frame_of(units, **flags), as_of=AS_OF, period_days=1, horizon=28, max_history_days=1100
    )


def test_demand_hidden_by_stock_outs_is_recovered_within_three_percent():
    rng = np.random.default_rng(3)
    demand = rng.poisson(5, size=(60, 364))
    is_short = rng.random(demand.shape) < 0.3
    sold = np.where(is_short, np.minimum(demand, 4), demand)
    panel = panel_of(sold, out=is_short & (demand >= 4))
    clean = unconstrained(panel, day_weights(panel))
    recovered = clean.units[clean.is_observed].mean()
    assert recovered == pytest.approx(5, rel=0.03)
    assert sold.mean() < 0.95 * 5, "the naive mean must be visibly low, else this test proves nothing"
    assert panel.units[panel.is_observed].mean() < 0.97 * 5, (
        "so must the mean of the days without a stock-out"
    )


@pytest.mark.parametrize(("mean", "sold"), [(5.0, 0), (5.0, 3), (0.7, 2), (12.0, 20)])
def test_expected_demand_given_at_least_what_was_sold_agrees_with_a_sum_over_the_distribution(mean, sold):
    from scipy import stats

    values = np.arange(sold, 400)
    chances = stats.poisson.pmf(values, mean)
    assert censored_mean(np.array([mean]), np.array([float(sold)]))[0] == pytest.approx(
        (values * chances).sum() / chances.sum(), rel=1e-9
    )


def test_each_kind_of_demand_gets_its_class():
    rng = np.random.default_rng(0)
    steady = np.full(200, 5)
    jumpy = np.where(rng.random(200) < 0.2, 60, 3)
    rare = np.where(np.arange(200) % 4 == 0, 2, 0)
    rare_jumpy = np.where(np.arange(200) % 4 == 0, rng.choice([1, 1, 1, 30], 200), 0)
    young = np.where(np.arange(200) >= 160, 4, 0)
    gone = np.where(np.arange(200) < 80, 4, 0)
    panel = panel_of(np.array([steady, jumpy, rare, rare_jumpy, young, gone]))
    assert demand_classes(panel).tolist() == ["smooth", "erratic", "intermittent", "lumpy", "new", "dead"]


def test_a_shop_that_rests_on_saturdays_is_closed_on_future_saturdays_although_no_flag_says_so():
    days = np.array([AS_OF - timedelta(days=139 - i) for i in range(140)])
    saturday = np.array([day.weekday() == 5 for day in days])
    panel = panel_of(np.where(saturday, 0, 3)[None, :].repeat(3, axis=0))
    ahead = pd.to_datetime(panel.dates[panel.n_past :]).weekday
    assert (panel.is_trading[:, panel.n_past :] == (ahead != 5)[None, :]).all()


def test_a_single_closed_week_does_not_close_a_weekday_for_good():
    units = np.full((2, 140), 3)
    units[:, 100:107] = 0
    panel = panel_of(units)
    assert panel.is_trading[:, panel.n_past :].all()


def test_closures_that_happened_after_an_origin_are_unknown_at_the_origin():
    open_ = np.ones(140, dtype=bool)
    open_[120:125] = False
    panel = panel_of(np.full((2, 140), 3), open_=open_)
    assert panel.known_at(112, 28).is_trading[:, 112:].all()


def test_two_rows_for_one_period_are_an_error_that_names_the_series():
    frame = frame_of(np.ones((1, 60)))
    with pytest.raises(ValueError, match="s00000"):
        build_panel(
            pd.concat([frame, frame.tail(1)]), as_of=AS_OF, period_days=1, horizon=28, max_history_days=1100
        )


def test_a_planted_promotion_uplift_is_found():
    rng = np.random.default_rng(5)
    promoted = rng.random((200, 300)) < 0.08
    frame = frame_of(rng.poisson(np.where(promoted, 4.0 * 1.8, 4.0)))
    frame["is_on_promotion"] = promoted.ravel()
    frame["discount_ratio"] = np.where(promoted.ravel(), 0.2, 0.0)
    planned = pd.DataFrame(
        {
            "sku": ["s00007"],
            "demand_date": [AS_OF + timedelta(days=3)],
            "is_on_promotion": [True],
            "discount_ratio": [0.2],
        }
    )
    panel = build_panel(frame, as_of=AS_OF, period_days=1, horizon=28, max_history_days=1100, planned=planned)
    weights = day_weights(panel)[7, panel.n_past :]
    assert weights[2] / weights[9] == pytest.approx(1.8, rel=0.05)  # the same weekday, a week later


def test_a_planted_event_is_found_and_counts_on_its_next_date():
    rng = np.random.default_rng(6)
    units = rng.poisson(4.0, (100, 300))
    units[:, 200] = rng.poisson(12.0, 100)
    day = AS_OF - timedelta(days=99)
    calendar = pd.DataFrame(
        {
            "calendar_date": [day, AS_OF + timedelta(days=5)],
            "event_names": ["Festival", "Festival"],
            "is_closure": False,
        }
    )
    panel = build_panel(
        frame_of(units), as_of=AS_OF, period_days=1, horizon=28, max_history_days=1100, calendar=calendar
    )
    weights = day_weights(panel)[:, panel.n_past :]
    assert weights[:, 4].mean() / np.delete(weights, 4, axis=1).mean() == pytest.approx(3.0, rel=0.15)
