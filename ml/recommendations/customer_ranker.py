"""How much each signal counts for a shop: a small logistic model fitted on its own last weeks.

It takes the place where a LambdaRank may come later: anything with ``fit(candidates, bought)`` and
``score(candidates)`` fits in. Where the shop has too few purchases to learn from, stated default weights serve.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from ml.recommendations.customer_candidates import SIGNALS, Candidates

# What a signal is worth where nothing could be learnt: own purchases and screens over neighbours over fame.
DEFAULT_WEIGHTS = {
    "bought": 0.0, "bought_again": 6.0, "viewed": 1.0, "carted": 1.5, "bought_with": 3.0, "viewed_with": 1.0, "popular": 1.0,
}  # fmt: skip


class SignalRanker(BaseEstimator):
    """Candidates scored by a weighted sum of their log signals; the weights are learnt and never negative.

    A negative weight would make "you looked at it" count against an item and its reason untrue, so a signal
    that does not help counts zero; only ``bought`` may be negative (a durable item bought is an item done with).
    """

    def __init__(self, min_positives: int = 200, regularisation: float = 1.0) -> None:
        self.min_positives = min_positives
        self.regularisation = regularisation

    def fit(self, candidates: Candidates, bought: np.ndarray) -> Self:
        """Learn from candidates of an earlier day and whether each was bought after it (a flag per candidate)."""
        self.is_learnt_ = bool(bought.sum() >= self.min_positives)
        if not self.is_learnt_:
            self.weights_ = np.array([DEFAULT_WEIGHTS[name] for name in SIGNALS])
            self.scale_ = np.ones(len(SIGNALS))
            return self
        raw = log_signals(candidates)
        self.scale_ = np.maximum(raw.std(axis=0), 1e-9)
        used = np.arange(len(SIGNALS))
        self.weights_ = np.zeros(len(SIGNALS))
        while len(used):
            model = LogisticRegression(C=self.regularisation, max_iter=200).fit(
                raw[:, used] / self.scale_[used], bought
            )
            wrong = (model.coef_[0] < 0) & (used != SIGNALS.index("bought"))
            if not wrong.any():
                self.weights_[used] = model.coef_[0]
                break
            used = used[~wrong]
        return self

    def contributions(self, candidates: Candidates) -> np.ndarray:
        """What each signal adds to the score, (candidates, signals)."""
        return log_signals(candidates) / self.scale_ * self.weights_

    def score(self, candidates: Candidates) -> np.ndarray:
        """The sum of the contributions."""
        return self.contributions(candidates).sum(axis=1)


def log_signals(candidates: Candidates) -> np.ndarray:
    """Signals on a log scale, so the tenth view counts less than the second; fame as log of its share (in 1/10,000)."""
    raw = candidates.signals.copy()
    raw[:, SIGNALS.index("popular")] *= 10_000
    small = [SIGNALS.index(name) for name in ("bought_with", "viewed_with", "bought_again")]
    raw[:, small] *= 10
    return np.log1p(raw)
