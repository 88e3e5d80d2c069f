"""Demand of a window as a distribution made from its published quantiles: probabilities, quantiles, losses.

Between the published levels the quantile function is a straight line; below it starts at a floor, above it
grows by the last step once more. All functions take whole arrays of SKUs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

LEVEL_COLUMNS: dict[str, float] = {
    "units_p05": 0.05, "units_p10": 0.10, "units_p25": 0.25, "units_p50": 0.50, "units_p75": 0.75,
    "units_p90": 0.90, "units_p95": 0.95, "units_p975": 0.975, "units_p99": 0.99,
}  # fmt: skip
_LEVELS = np.array([0.0, *LEVEL_COLUMNS.values(), 1.0])


class DemandDistribution:
    """Distribution of the demand of many windows at once."""

    def __init__(self, quantiles: np.ndarray) -> None:
        low = np.maximum(2 * quantiles[:, :1] - quantiles[:, 1:2], 0)
        top = quantiles[:, -1:] + np.maximum(quantiles[:, -1:] - quantiles[:, -2:-1], 0)
        self.knots = np.maximum.accumulate(np.hstack([low, quantiles, top]), axis=1)

    @classmethod
    def of_totals(cls, totals: pd.DataFrame) -> DemandDistribution:
        """From rows of ``demand_forecast_totals``."""
        return cls(totals[list(LEVEL_COLUMNS)].to_numpy(dtype=float))

    def around(self, mean: np.ndarray, new_mean: np.ndarray, ratio: np.ndarray) -> DemandDistribution:
        """The distribution of a shorter part of the window: deviations from the mean times ``ratio``."""
        moved = object.__new__(DemandDistribution)
        moved.knots = np.maximum(new_mean[:, None] + (self.knots - mean[:, None]) * ratio[:, None], 0)
        return moved

    def quantile(self, level: np.ndarray) -> np.ndarray:
        """Units that demand stays at or below with probability ``level`` (one level per window)."""
        level = np.clip(np.asarray(level, dtype=float), 0, 1)
        right = np.clip(np.searchsorted(_LEVELS, level, side="left"), 1, len(_LEVELS) - 1)
        rows = np.arange(len(self.knots))
        share = (level - _LEVELS[right - 1]) / (_LEVELS[right] - _LEVELS[right - 1])
        return self.knots[rows, right - 1] * (1 - share) + self.knots[rows, right] * share

    def stock_out_probability(self, stock: np.ndarray) -> np.ndarray:
        """Probability that demand exceeds ``stock`` units."""
        widths = np.diff(self.knots, axis=1)
        above = np.clip((self.knots[:, 1:] - stock[:, None]), 0, None)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(widths > 0, np.minimum(above / widths, 1), self.knots[:, 1:] > stock[:, None])
        return np.clip(share @ np.diff(_LEVELS), 0, 1)

    def expected_lost(self, stock: np.ndarray) -> np.ndarray:
        """Expected units of demand above ``stock``."""
        low, high = self.knots[:, :-1] - stock[:, None], self.knots[:, 1:] - stock[:, None]
        widths = high - low
        with np.errstate(invalid="ignore", divide="ignore"):
            partial = np.where(widths > 0, np.maximum(high, 0) ** 2 / (2 * widths), 0)
        return np.where(low >= 0, (low + high) / 2, np.where(high > 0, partial, 0)) @ np.diff(_LEVELS)
