"""The scales on which days are compared: where chance scatters a figure evenly, and what change matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Days = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """A figure's scale and back, the least scatter to assume on it, and the least expectation to judge by.

    ``matters`` gives the limits that a value must pass to matter at all, however little the figure scatters.
    """

    forward: Callable[[Days], Days]
    back: Callable[[Days], Days]
    matters: Callable[[Days], tuple[Days, Days]]
    least_spread: float
    least_expected: float = -np.inf
    both_sides: bool = True


def _log_rows(rows: Days) -> Days:
    return np.log(np.maximum(rows, 0.5))


def _angle(share: Days) -> Days:
    """Share to angle: chance scatters it by one over the root of the rows, whatever the share."""
    return 2 * np.arcsin(np.sqrt(np.clip(share, 0, 1)))


def _share(angle: Days) -> Days:
    return np.sin(np.clip(angle, 0, np.pi) / 2) ** 2


def _ratio_limits(low: float, high: float) -> Callable[[Days], tuple[Days, Days]]:
    return lambda expected: (expected + np.log(low), expected + np.log(high))


def _share_limits(change: float) -> Callable[[Days], tuple[Days, Days]]:
    """Limits at this much more or less of a share; where there is no room for less, none is less enough."""

    def limits(expected: Days) -> tuple[Days, Days]:
        share = _share(expected)
        low = np.where(share > change, _angle(share - change), -np.inf)
        return low, np.where(share < 1 - change, _angle(share + change), np.inf)

    return limits


def _none(values: Days) -> Days:
    return values


SCALES = {
    # a fifth fewer rows matters, a quarter more; of fewer than ten rows chance alone may leave none
    "volume": Scale(_log_rows, np.exp, _ratio_limits(0.8, 1.25), least_spread=0.01, least_expected=10),
    # rows for each row of a table that grows with this one: what demand does, both do
    "companion": Scale(np.log, np.exp, _ratio_limits(0.8, 1.25), least_spread=0.01),
    "freshness": Scale(_none, _none, lambda expected: (expected, expected), 1.0, both_sides=False),
    "null_ratio": Scale(_angle, _share, _share_limits(0.03), least_spread=0.01),
    # of what is known from elsewhere, the share that this table lacks; that it lacks less is no news
    "unmatched_ratio": Scale(_angle, _share, _share_limits(0.03), least_spread=0.01, both_sides=False),
    # the mean of logarithms: its change is that of a typical value
    "distribution": Scale(np.log1p, np.expm1, _ratio_limits(0.85, 1.18), least_spread=0.01),
    # how far the shares of a day's categories lie from those of the days before; only far is worth a word
    "mix": Scale(_angle, _share, _share_limits(0.05), least_spread=0.01, both_sides=False),
}
"""The scale of each monitor."""
