"""Quantiles from the errors a model really made: split-conformal pools of scaled backtest residuals.

Residuals are pooled by kind of demand and by size of the forecast, because small counts err otherwise than
large ones. Quantiles of sums come from errors of sums; daily quantiles are never added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

POOL_BANDS = 6
LEAST_POOL = 120
OFTEN_SOLD = ("smooth", "erratic")


@dataclass(frozen=True)
class ConformalQuantiles:
    """Residual quantiles by pool; ``predict`` turns forecasts into quantiles that never fall and never go
    below 0."""

    levels: tuple[float, ...]
    edges: np.ndarray
    residuals: dict[tuple[bool, int], np.ndarray]
    spread: dict[tuple[bool, int], float]

    @classmethod
    def fit(
        cls, forecast: np.ndarray, actual: np.ndarray, classes: np.ndarray, levels: Sequence[float]
    ) -> ConformalQuantiles | None:
        """Learn from forecasts, what came true (NaN: unknown) and demand classes; ``None`` without enough of
        it."""
        known = np.isfinite(actual) & (forecast > 0)
        if known.sum() < LEAST_POOL:
            return None
        forecast, actual, often = forecast[known], actual[known], np.isin(classes[known], OFTEN_SOLD)
        edges = np.unique(np.quantile(forecast, np.linspace(0, 1, POOL_BANDS + 1)[1:-1]))
        band = np.digitize(forecast, edges)
        scaled = (actual - forecast) / _scale(forecast)
        residuals, spread = {}, {}
        for kind in (False, True):
            for number in range(len(edges) + 1):
                pool = scaled[(band == number) & (often == kind)]
                if len(pool) < LEAST_POOL:
                    pool = scaled[band == number]
                if len(pool) < LEAST_POOL:
                    pool = scaled
                residuals[kind, number] = _conformal(pool, levels)
                spread[kind, number] = float(np.sqrt(np.mean((pool - pool.mean()) ** 2)))
        return cls(tuple(levels), edges, residuals, spread)

    def predict(
        self, forecast: np.ndarray, classes: np.ndarray, stretch: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Quantiles (one more axis, by level) and error sd of each forecast.

        ``stretch`` > 1 is for sums over a window that many times longer than the one learnt from: the errors
        are taken as fully correlated, so they grow in proportion.
        """
        base = forecast / stretch
        band, often = np.digitize(base, self.edges), np.isin(classes, OFTEN_SOLD)
        table = np.array([[self.residuals[k, b] for b in range(len(self.edges) + 1)] for k in (False, True)])
        spreads = np.array([[self.spread[k, b] for b in range(len(self.edges) + 1)] for k in (False, True)])
        scale = np.where(forecast > 0, _scale(base), 0) * stretch
        quantiles = forecast[..., None] + scale[..., None] * table[often.astype(int), band]
        quantiles = np.maximum.accumulate(np.maximum(quantiles, 0), axis=-1)
        return quantiles, scale * spreads[often.astype(int), band]


def count_quantiles(forecast: np.ndarray, levels: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles and sd of a negative binomial with variance 1.5 m + 0.25 m**2; for shops without a backtest
    yet."""
    from scipy import stats  # slow to import, and only young shops need it

    mean = np.maximum(forecast, 1e-9)
    variance = 1.5 * mean + 0.25 * mean**2
    size = mean**2 / (variance - mean)
    quantiles = stats.nbinom.ppf(np.asarray(levels), size[..., None], (mean / variance)[..., None])
    is_zero = forecast <= 0
    return np.where(is_zero[..., None], 0.0, quantiles), np.where(is_zero, 0.0, np.sqrt(variance))


def _scale(forecast: np.ndarray) -> np.ndarray:
    return (forecast + 0.1) ** 0.75


def _conformal(pool: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Order statistics with the (n + 1) correction above the median, so that upper quantiles cover what they
    say."""
    n = len(pool)
    ordered = np.sort(pool)
    ranks = [min(max(int(np.ceil((n + 1) * level)) - 1, 0), n - 1) for level in levels]
    return ordered[ranks]
