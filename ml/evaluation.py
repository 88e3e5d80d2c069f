"""Splits and metrics that forecasts are judged by.

Origins cut the past from the future; scores are sums over series before they are ratios, so that a series
without sales neither breaks nor flatters them. Recommendation metrics are not here (see ``recommendations``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

ABC_SHARES = (0.80, 0.95)


def rolling_origins(
    n_past: int, *, horizon: int, n_origins: int, least_history: int, step: int | None = None
) -> list[int]:
    """Lengths of history at which to stand and forecast, oldest first; each leaves a full horizon to score.

    Fewer than ``n_origins`` come back when the history is short, none when it is too short for one.

    >>> rolling_origins(100, horizon=28, n_origins=2, least_history=30)
    [44, 72]
    """
    step = step or horizon
    origins = [n_past - horizon - step * back for back in range(n_origins)]
    return sorted(origin for origin in origins if origin >= least_history)


def wape(actual: np.ndarray, forecast: np.ndarray) -> float:
    """Sum of absolute errors over the sum of units; NaN actuals are not scored; NaN when nothing was sold.

    >>> wape(np.array([2.0, 2.0, np.nan]), np.array([1.0, 3.0, 9.0]))
    0.5
    """
    seen = np.isfinite(actual)
    sold = float(np.abs(actual[seen]).sum())
    return float(np.abs(actual[seen] - forecast[seen]).sum() / sold) if sold > 0 else float("nan")


def wape_total(actual: np.ndarray, forecast: np.ndarray) -> float:
    """WAPE of each series' sum over the window (rows are series); what ordering depends on.

    Only observed periods enter either sum; series without one are left out.
    """
    seen = np.isfinite(actual)
    sums = np.where(seen, actual, 0).sum(axis=1), np.where(seen, forecast, 0).sum(axis=1)
    some = seen.any(axis=1)
    return wape(sums[0][some], sums[1][some])


def bias(actual: np.ndarray, forecast: np.ndarray) -> float:
    """Sum of forecast minus actual over the sum of actual; positive means too much was forecast."""
    seen = np.isfinite(actual)
    sold = float(actual[seen].sum())
    return float((forecast[seen] - actual[seen]).sum() / sold) if sold > 0 else float("nan")


def naive_scale(history: np.ndarray, power: int) -> np.ndarray:
    """Mean |one-step difference|**power of each series after its first observed cell; NaN where there is
    none."""
    steps = np.abs(np.diff(history, axis=1)) ** power
    seen = np.isfinite(steps)
    count = seen.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(seen, steps, 0).sum(axis=1) / count
    return np.where((count > 0) & (scale > 0), scale, np.nan)


def scaled_error(
    actual: np.ndarray, forecast: np.ndarray, scale: np.ndarray, power: int, weights: np.ndarray | None = None
) -> float:
    """Mean over series of (mean |error|**power / scale)**(1/power); series without scale or actuals are left
    out."""
    error = _row_means(np.abs(actual - forecast) ** power) / scale
    return _weighted_mean(error ** (1 / power), weights)


def rmsse(
    actual: np.ndarray, forecast: np.ndarray, history: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Root mean squared scaled error (M5), averaged over series by ``weights`` (revenue), else evenly."""
    return scaled_error(actual, forecast, naive_scale(history, 2), 2, weights)


def mase(
    actual: np.ndarray, forecast: np.ndarray, history: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Mean absolute error over the in-sample error of the one-step naive forecast, averaged over series."""
    return scaled_error(actual, forecast, naive_scale(history, 1), 1, weights)


def pinball(actual: np.ndarray, quantiles: Mapping[float, np.ndarray]) -> float:
    """Mean pinball loss over the levels given, in units; lower is better."""
    seen = np.isfinite(actual)
    losses = []
    for level, forecast in quantiles.items():
        gap = actual[seen] - forecast[seen]
        losses.append(np.maximum(level * gap, (level - 1) * gap).mean() if seen.any() else np.nan)
    return float(np.mean(losses))


def coverage(actual: np.ndarray, quantile: np.ndarray) -> float:
    """Share of the actuals that are at or below the quantile forecast."""
    seen = np.isfinite(actual)
    return float((actual[seen] <= quantile[seen] + 1e-9).mean()) if seen.any() else float("nan")


def mean_over(scores: Sequence[float]) -> float:
    """Mean of the scores that could be computed; NaN when none could."""
    known = [score for score in scores if np.isfinite(score)]
    return float(np.mean(known)) if known else float("nan")


def abc_classes(value: np.ndarray) -> np.ndarray:
    """A for the series that make the first 80 % of the value, B for the next 15 %, C for the rest.

    >>> abc_classes(np.array([80.0, 15.0, 5.0])).tolist()
    ['A', 'B', 'C']
    """
    order = np.argsort(-value, kind="stable")
    total = max(float(value.sum()), 1e-9)
    before = np.concatenate([[0.0], np.cumsum(value[order])[:-1]]) / total
    names = np.empty(len(value), dtype=object)
    names[order] = np.select([before < ABC_SHARES[0], before < ABC_SHARES[1]], ["A", "B"], default="C")
    return np.where(value <= 0, "C", names)


def _row_means(values: np.ndarray) -> np.ndarray:
    """Mean of the finite values of each row; NaN for a row without any."""
    seen = np.isfinite(values)
    count = seen.sum(axis=1)
    return np.where(count > 0, np.where(seen, values, 0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _weighted_mean(scores: np.ndarray, weights: np.ndarray | None) -> float:
    weights = np.ones(len(scores)) if weights is None else weights
    known = np.isfinite(scores) & (weights > 0)
    return float(np.average(scores[known], weights=weights[known])) if known.any() else float("nan")
