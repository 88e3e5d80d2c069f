"""From units sold to demand: what a stock-out hid is estimated, and each series gets its class.

Sales of a period with a stock-out are a lower bound. Where some were sold, the expected demand given "at
least that many" replaces them; where nothing could be sold, the period says nothing and stays out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import pdtrc

from ml.forecasting.panel import DemandPanel

ADI_CUT, CV2_CUT = 1.32, 0.49
NEW_DAYS, DEAD_DAYS = 56, 91


def trailing_sums(values: np.ndarray) -> np.ndarray:
    """Cumulative sums along time with a leading zero column, so that ``c[:, b] - c[:, a]`` sums [a, b)."""
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def local_rates(panel: DemandPanel, weights: np.ndarray, reach: int) -> np.ndarray:
    """Units per unit of weight around each past period, ``reach`` periods to both sides, shrunk to the whole
    past."""
    n_past = panel.n_past
    seen = panel.is_observed * weights[:, :n_past]
    sold, weight = trailing_sums(np.where(panel.is_observed, panel.units, 0)), trailing_sums(seen)
    low = np.maximum(np.arange(n_past) - reach, 0)
    high = np.minimum(np.arange(n_past) + reach + 1, n_past)
    overall = sold[:, -1:] / np.maximum(weight[:, -1:], 1e-9)
    prior = reach / 4
    return (sold[:, high] - sold[:, low] + prior * overall) / (weight[:, high] - weight[:, low] + prior)


def unconstrained(panel: DemandPanel, weights: np.ndarray, rounds: int = 4) -> DemandPanel:
    """The panel with censored sales above zero replaced by expected demand, E[D | D >= sold], D Poisson.

    Leaving such periods out would bias demand low, because a stock-out is likelier when demand is high; so
    they come back as observed cells. Periods in which nothing was sold stay unobserved.
    """
    partial = panel.is_censored & (panel.units > 0)
    if not partial.any():
        return panel
    sold = panel.units[partial].astype(float)
    reach = 28 if panel.period_days == 1 else 8
    filled = replace(panel, is_observed=panel.is_observed & ~partial, units=panel.units.copy())
    for _ in range(rounds):
        mean = (local_rates(filled, weights, reach) * weights[:, : panel.n_past])[partial]
        filled.units[partial] = censored_mean(mean, sold)
        filled = replace(filled, is_observed=filled.is_observed | partial)
    return filled


def censored_mean(mean: np.ndarray, sold: np.ndarray) -> np.ndarray:
    """E[D | D >= sold] of a Poisson variable; never below what was sold.

    >>> censored_mean(np.array([5.0]), np.array([0.0])).round(6).tolist()
    [5.0]
    """
    mean = np.maximum(mean, 1e-6)
    tail = np.where(sold >= 1, pdtrc(sold - 1, mean), 1.0)
    above = np.where(sold >= 2, pdtrc(sold - 2, mean), 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.where(tail > 1e-12, mean * above / tail, sold + 1.0)
    return np.maximum(expected, sold)


def demand_classes(panel: DemandPanel) -> np.ndarray:
    """Syntetos-Boylan class of each series: smooth, erratic, intermittent or lumpy; or new, or dead.

    ADI is the mean number of observed periods between sales, CV2 the squared coefficient of variation of the
    sizes. New: first sale less than eight weeks ago. Dead: nothing sold in the last 13 weeks that could be
    sold.
    """
    sold = np.where(panel.is_observed, panel.units, 0)
    n_seen, n_sold = panel.is_observed.sum(axis=1), (sold > 0).sum(axis=1)
    mean = sold.sum(axis=1) / np.maximum(n_sold, 1)
    variance = np.where(sold > 0, (sold - mean[:, None]) ** 2, 0).sum(axis=1) / np.maximum(n_sold, 1)
    cv2 = variance / np.maximum(mean, 1e-9) ** 2
    is_rare = n_seen / np.maximum(n_sold, 1) > ADI_CUT
    names = np.select(
        [is_rare & (cv2 > CV2_CUT), is_rare, cv2 > CV2_CUT],
        ["lumpy", "intermittent", "erratic"],
        default="smooth",
    )
    age = ages(panel) * panel.period_days
    recent = slice(max(panel.n_past - DEAD_DAYS // panel.period_days, 0), None)
    could_sell = panel.is_observed[:, recent].any(axis=1)
    is_dead = (panel.units[:, recent].sum(axis=1) <= 0) & could_sell
    names = np.where(is_dead | (panel.units.sum(axis=1) <= 0), "dead", names)
    return np.where((age < NEW_DAYS) & (panel.units.sum(axis=1) > 0), "new", names)


def ages(panel: DemandPanel) -> np.ndarray:
    """Periods since the first sale of each series, 0 where there was none."""
    has_sold = panel.units > 0
    return np.where(has_sold.any(axis=1), panel.n_past - has_sold.argmax(axis=1), 0)


def imputed(panel: DemandPanel, weights: np.ndarray) -> np.ndarray:
    """Units with every unobserved cell after the first sale filled by its local expectation; for simple
    floors."""
    rates = local_rates(panel, weights, 28 if panel.period_days == 1 else 8)
    expected = rates * weights[:, : panel.n_past]
    expected = np.where(panel.is_trading[:, : panel.n_past], expected, 0)
    return np.where(panel.is_observed, panel.units, expected).astype(np.float32)
