"""Day weights: how much busier than usual each period of each series is, by weekday, season, promotion and
event.

Demand is level times weight. The weights are known in advance, so every model here forecasts a level and
lets the weights carry weekday, promotion and holiday. All effects are estimated from the past of the panel
only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ml.forecasting.cleaning import local_rates
from ml.forecasting.panel import DemandPanel

WEEKDAY_PRIOR_UNITS = 30.0
PROMOTION_PRIOR_UNITS = 50.0
EVENT_PRIOR_UNITS = 50.0
SEASON_PRIOR_UNITS = 100.0
DISCOUNT_EDGES = (0.0, 0.10, 0.175, 0.25, 0.35, 0.50)


def day_weights(panel: DemandPanel) -> np.ndarray:
    """Weight of each series and period, past and future; 0 where the shop does not trade.

    Over an ordinary week without promotions or events the weights of the trading days average one.
    """
    weights = np.where(panel.is_trading, 1.0, 0.0)
    if panel.period_days == 1:
        weights *= _weekday_weights(panel)
    weights *= _promotion_factors(panel, weights)
    weights *= _event_factors(panel, weights)
    if panel.n_past * panel.period_days >= 2 * 364:
        weights *= _season_factors(panel, weights)
    return weights.astype(np.float32)


def _weekday_weights(panel: DemandPanel) -> np.ndarray:
    weekday = (panel.dates.astype("datetime64[D]").astype(int) + 3) % 7
    recent = np.arange(panel.n_past) >= panel.n_past - 182
    ordinary = recent & (panel.event[: panel.n_past] == 0)
    seen = panel.is_observed & ordinary & ~panel.is_promoted[:, : panel.n_past]
    sold = np.where(seen, panel.units, 0)
    level = sold.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    by_day = np.array([weekday[: panel.n_past] == day for day in range(7)], dtype=np.float32).T
    units, expected = sold @ by_day, (seen @ by_day) * level[:, None]
    pooled = (units.sum(axis=0) + 1e-9) / (expected.sum(axis=0) + 1e-9)
    pooled = np.where(expected.sum(axis=0) > 0, pooled, 1.0)
    weight = (units + WEEKDAY_PRIOR_UNITS * pooled) / (expected + WEEKDAY_PRIOR_UNITS)
    trades = np.asarray(panel.is_trading[:, panel.n_past :].any(axis=0))
    open_days = np.array([trades[weekday[panel.n_past :] == day].any() for day in range(7)])
    open_days = open_days if open_days.any() else np.ones(7, dtype=bool)
    return (weight / np.maximum(weight[:, open_days].mean(axis=1, keepdims=True), 1e-9))[:, weekday]


def _promotion_factors(panel: DemandPanel, weights: np.ndarray) -> np.ndarray:
    """Pooled uplift by depth of discount: units on promotion over those expected from the days around it."""
    band = np.where(panel.is_promoted, np.digitize(panel.discount, DISCOUNT_EDGES), 0)
    past = band[:, : panel.n_past]
    if not (past > 0).any() and not (band > 0).any():
        return np.ones_like(weights)
    expected = _expected_without(panel, weights, past > 0)
    uplift = _pooled_ratio(panel, expected, past, len(DISCOUNT_EDGES) + 1, PROMOTION_PRIOR_UNITS)
    return uplift[band]


def _event_factors(panel: DemandPanel, weights: np.ndarray) -> np.ndarray:
    """Pooled factor of each named event; one that was never seen counts as an ordinary day."""
    if not panel.event.any():
        return np.ones_like(weights)
    past = np.broadcast_to(panel.event[: panel.n_past], panel.units.shape)
    expected = _expected_without(panel, weights, past > 0)
    factor = _pooled_ratio(panel, expected, past, len(panel.event_names) + 1, EVENT_PRIOR_UNITS)
    return np.broadcast_to(factor[panel.event], weights.shape)


def _expected_without(panel: DemandPanel, weights: np.ndarray, special: np.ndarray) -> np.ndarray:
    plain = replace(panel, is_observed=panel.is_observed & ~special)
    return local_rates(plain, weights, 28 if panel.period_days == 1 else 8) * weights[:, : panel.n_past]


def _pooled_ratio(
    panel: DemandPanel, expected: np.ndarray, kind: np.ndarray, n_kinds: int, prior_units: float
) -> np.ndarray:
    seen = panel.is_observed
    sold = np.bincount(kind[seen], weights=panel.units[seen], minlength=n_kinds)
    usual = np.bincount(kind[seen], weights=expected[seen], minlength=n_kinds)
    ratio = (sold + prior_units) / (usual + prior_units)
    ratio[0] = 1.0
    return np.clip(ratio, 0.05, 10.0)


def _season_factors(panel: DemandPanel, weights: np.ndarray) -> np.ndarray:
    """Index of the week of the year, pooled by category and shrunk to the shop's; five weeks are smoothed."""
    day_of_year = (panel.dates - panel.dates.astype("datetime64[Y]")).astype("timedelta64[D]").astype(int)
    week = np.minimum(day_of_year // 7, 51)
    usual = local_rates(panel, weights, 182 // panel.period_days) * weights[:, : panel.n_past]
    shop = _week_index(panel, usual, week, np.ones(panel.n_series, dtype=bool), np.ones(52))
    factors = np.ones_like(weights)
    for _, rows in panel.keys.groupby("category_id").indices.items():
        mask = np.zeros(panel.n_series, dtype=bool)
        mask[rows] = True
        factors[rows] = _week_index(panel, usual, week, mask, shop)[week]
    return factors


def _week_index(
    panel: DemandPanel, usual: np.ndarray, week: np.ndarray, rows: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    seen = panel.is_observed[rows]
    by_week = np.eye(52, dtype=np.float32)[week[: panel.n_past]]
    sold = (np.where(seen, panel.units[rows], 0).sum(axis=0)) @ by_week
    expected = (np.where(seen, usual[rows], 0).sum(axis=0)) @ by_week
    around = [-2, -1, 0, 1, 2]
    sold, expected = (sum(np.roll(values, shift) for shift in around) for values in (sold, expected))
    return (sold + SEASON_PRIOR_UNITS * prior) / (expected + SEASON_PRIOR_UNITS)
