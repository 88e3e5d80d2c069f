"""How much each signal counts for a shop: a small logistic model fitted on its own last weeks.

It takes the place where a LambdaRank may come later: anything with ``fit(candidates, bought)`` and
``score(candidates)`` fits in. Where the shop has too few purchases to learn from, stated default weights
serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from ml.recommendations.customer_candidates import SIGNALS, Candidates
from ml.recommendations.ranking import rank_in_group

# What a signal is worth where nothing could be learnt: own purchases and screens over neighbours over fame.
DEFAULT_WEIGHTS = {
    "bought": 0.0,
    "bought_again": 6.0,
    "viewed": 1.0,
    "carted": 1.5,
    "bought_with": 3.0,
    "viewed_with": 1.0,
    "popular": 1.0,
}

SCALES = {
    "bought": 100.0,
    "bought_again": 100.0,
    "viewed": 1.0,
    "carted": 1.0,
    "bought_with": 10.0,
    "viewed_with": 10.0,
    "popular": 10_000.0,
}


class SignalRanker(BaseEstimator):
    """Candidates scored by a weighted sum of their log signals; the weights are learnt and never negative.

    A negative weight would make "you looked at it" count against an item and its reason untrue, so a signal
    that does not help counts zero; only ``bought`` may be negative (a durable item bought is an item done
    with).
    """

    def __init__(
        self,
        min_positives: int = 200,
        regularisation: float = 1.0,
        boosts: tuple[float, ...] = (0.0, 0.3, 1.0, 3.0),
    ) -> None:
        self.min_positives = min_positives
        self.regularisation = regularisation
        self.boosts = boosts

    def fit(self, candidates: Candidates, bought: np.ndarray) -> Self:
        """Learn from candidates of an earlier day and whether each was bought after it."""
        self.is_learnt_ = bool(bought.sum() >= self.min_positives)
        if not self.is_learnt_:
            self.weights_ = np.array([DEFAULT_WEIGHTS[name] for name in SIGNALS])
            self.scale_ = np.ones(len(SIGNALS))
            return self
        with threadpool_limits(1):  # threads would wait for each other longer than such a fit takes
            return self._fitted(candidates, bought)

    def _fitted(self, candidates: Candidates, bought: np.ndarray) -> Self:
        from sklearn.linear_model import LogisticRegression  # slow to import, and not needed on most days

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
        self.weights_[0] += self._boost(raw, candidates.row, bought) * self.scale_[0]
        return self

    def learnt(self) -> dict[str, Any]:
        """What was learnt, as plain values."""
        return {
            "weights": self.weights_.tolist(),
            "scale": self.scale_.tolist(),
            "is_learnt": self.is_learnt_,
        }

    @classmethod
    def of(cls, learnt: Mapping[str, Any]) -> Self:
        """The ranker that learnt these values."""
        ranker = cls()
        ranker.weights_, ranker.scale_ = np.array(learnt["weights"]), np.array(learnt["scale"])
        ranker.is_learnt_ = bool(learnt["is_learnt"])
        return ranker

    def _boost(self, raw: np.ndarray, row: np.ndarray, bought: np.ndarray) -> float:
        """What own purchases count beyond their odds: likelihood is won in the tail, a list at its top."""
        base = raw / self.scale_ @ self.weights_
        precision = [mean_average_precision(base + boost * raw[:, 0], row, bought) for boost in self.boosts]
        return float(self.boosts[int(np.argmax(np.round(precision, 4)))])

    def contributions(self, candidates: Candidates) -> np.ndarray:
        """What each signal adds to the score, (candidates, signals)."""
        return log_signals(candidates) / self.scale_ * self.weights_

    def score(self, candidates: Candidates) -> np.ndarray:
        """The sum of the contributions."""
        return self.contributions(candidates).sum(axis=1)


def log_signals(candidates: Candidates) -> np.ndarray:
    """Signals on a log scale, so the tenth view counts less than the second.

    The scales say below which size differences stop to matter: an old purchase (0.01 after seven half-lives)
    still tells from none, fame is counted in ten-thousandths of the lines.
    """
    return np.log1p(candidates.signals * np.array([SCALES[name] for name in SIGNALS]))


def mean_average_precision(score: np.ndarray, row: np.ndarray, relevant: np.ndarray, k: int = 12) -> float:
    """MAP@k of candidates by customer (``row``, sorted); customers with nothing relevant are left out."""
    order = np.lexsort((np.arange(len(row)), -np.round(score, 9), row))
    row, hit = row[order], relevant[order].astype(float)
    place = rank_in_group(row)
    found = np.bincount(row, hit)
    before = np.cumsum(hit) - np.repeat(np.cumsum(found) - found, np.bincount(row))
    precision = np.where(place <= k, hit * before / place, 0.0)
    wanted = found > 0
    return (
        float((np.bincount(row, precision)[wanted] / np.minimum(found[wanted], k)).mean())
        if wanted.any()
        else 0.0
    )
