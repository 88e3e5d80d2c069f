"""Which settings of the session recommender suit this shop, judged on the last part of its training sessions.

The test sessions are never seen here: the caller passes the training part only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ml.recommendations.encoding import Queries, SessionLog
from ml.recommendations.metrics import hits, next_item_ranks, reciprocal_ranks
from ml.recommendations.sessions import SessionNeighbours

# One knob at a time from the best so far: a full product costs minutes and was no better on RetailRocket.
STAGES: tuple[tuple[Mapping[str, Any], ...], ...] = (
    ({"drop_current": True}, {"drop_current": False}),
    ({"e": 0.5}, {"e": 2.0}),
    ({"last": 5}, {"last": 20}),
    ({"k": 100, "m": 500},),
    ({"idf": 0.5},),
)


def choose_settings(
    train: SessionLog, *, tail_share: float = 0.1, max_queries: int = 2_000, k: int = 20
) -> dict[str, Any]:
    """Settings of ``SessionNeighbours`` with the best hit rate plus MRR at ``k`` on the tail of ``train``.

    The last ``tail_share`` of the sessions is predicted from those before it, at most ``max_queries`` of its
    beginnings, evenly spread. Too short a log keeps the defaults.
    """
    best: dict[str, Any] = {}
    n_before = int(len(train) * (1 - tail_share))
    before = train.part(0, n_before) if n_before else train
    known = np.bincount(before.items, minlength=len(train.skus)) > 0
    queries, targets = Queries.beginnings(train.part(n_before, len(train)).only(known))
    if n_before == 0 or len(queries) < 50:
        return best
    sample = evenly(len(queries), max_queries)
    queries, targets = queries.part(sample), targets[sample]
    best_score = -1.0
    for stage in STAGES:
        for change in ({}, *stage) if best_score < 0 else stage:
            settings = best | dict(change)
            lists, _ = SessionNeighbours(**settings).fit_log(before).rank_many(queries, k)
            ranks = next_item_ranks(lists, targets)
            score = float(hits(ranks).mean() + reciprocal_ranks(ranks).mean())
            if score > best_score + 2e-3:  # a smaller gain is noise on two thousand predictions
                best, best_score = settings, score
    return best


def evenly(n: int, limit: int) -> np.ndarray:
    """At most ``limit`` of ``n`` row numbers, evenly spread, the same on every run."""
    return np.arange(n) if n <= limit else np.unique(np.linspace(0, n - 1, limit).astype(np.int64))
