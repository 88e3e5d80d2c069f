"""How well next items were predicted on the last sessions of the log, ours beside the floors and peers.

The log is split in time; nothing of the test sessions is seen before they are predicted. Serving is done in
``session_tables``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ml.recommendations.encoding import Queries, SessionLog
from ml.recommendations.metrics import (
    coverage,
    discounted_gains,
    gini,
    hits,
    next_item_ranks,
    paired_bootstrap,
    reciprocal_ranks,
)
from ml.recommendations.session_peers import ItemNeighbours, MarkovFirstOrder, Popularity, SessionPopularity
from ml.recommendations.session_settings import choose_settings, evenly
from ml.recommendations.sessions import SessionNeighbours, SessionRecommender, in_turn

OURS = "session_neighbours"


@dataclass
class SessionEvaluation:
    """Figures by model and metric, and how the log was split."""

    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    n_train_sessions: int = 0
    n_test_sessions: int = 0
    n_predictions: int = 0
    n_unknown_steps: int = 0
    split_at: str = ""

    def frame(self) -> pd.DataFrame:
        """One row per model and metric: model_name, metric, value."""
        rows = [
            (model, metric, value) for model, row in self.figures.items() for metric, value in row.items()
        ]
        return pd.DataFrame(rows, columns=["model_name", "metric", "value"])


def evaluate_log(
    log: SessionLog,
    *,
    test_share: float = 0.15,
    k: int = 20,
    max_sessions: int | None = None,
    time_queries: int = 0,
    max_tuning_queries: int = 2_000,
) -> SessionEvaluation:
    """Predict every next item of the last ``test_share`` sessions from the sessions before them.

    Items are revealed one at a time; the rank is over all items of the training part. Test steps on items
    that the training part does not know are dropped and counted. ``max_sessions`` caps the test sessions
    (evenly spread) and ``max_tuning_queries`` the cases that choose our settings; ``time_queries`` single
    answers of ours are timed.
    """
    n_train = int(len(log) * (1 - test_share))
    if n_train == 0 or n_train == len(log):
        return SessionEvaluation()
    train, test = log.part(0, n_train), log.part(n_train, len(log))
    known = np.bincount(train.items, minlength=len(log.skus)) > 0
    usable = test.only(known)
    result = SessionEvaluation(
        settings=choose_settings(train, max_queries=max_tuning_queries, k=k),
        n_train_sessions=n_train,
        n_test_sessions=len(usable),
        n_unknown_steps=len(test.items) - len(usable.items),
        split_at=str(pd.Timestamp(train.last_at[-1])),
    )
    queries, targets, session = _predictions(usable, max_sessions)
    result.n_predictions = len(queries)
    if len(queries) == 0:
        return result
    cases = {}
    for name, model in _models(result.settings).items():
        cases[name], result.figures[name] = _judge(model, train, queries, targets, k, int(known.sum()))
        if name == OURS and time_queries:
            result.figures[name] |= _latency(model, queries.part(evenly(len(queries), time_queries)), k)
    result.figures[OURS] |= _lead(cases, session, k)
    return result


def _models(settings: dict[str, Any]) -> dict[str, SessionRecommender]:
    return {
        "popularity": Popularity(),
        "session_popularity": SessionPopularity(),
        "markov_first_order": MarkovFirstOrder(),
        "item_knn": ItemNeighbours(),
        OURS: SessionNeighbours(**settings),
    }


def _predictions(test: SessionLog, max_sessions: int | None) -> tuple[Queries, np.ndarray, np.ndarray]:
    queries, targets = Queries.beginnings(test)
    session = test.session_of_step[queries.end] if len(queries) else np.empty(0, dtype=int)
    if max_sessions is not None:
        rows = np.flatnonzero(np.isin(session, evenly(len(test), max_sessions)))
        queries, targets, session = queries.part(rows), targets[rows], session[rows]
    return queries, targets, session


def _judge(
    model: SessionRecommender, train: SessionLog, queries: Queries, targets: np.ndarray, k: int, n_items: int
) -> tuple[np.ndarray, dict[str, float]]:
    started = time.perf_counter()
    model.fit_log(train)
    fitted = time.perf_counter()
    lists, _ = model.rank_many(queries, k)
    ranked = time.perf_counter()
    ranks = next_item_ranks(lists, targets)
    figures = {
        f"hit_rate_at_{k}": hits(ranks).mean(),
        f"mrr_at_{k}": reciprocal_ranks(ranks).mean(),
        f"ndcg_at_{k}": discounted_gains(ranks).mean(),
        f"coverage_ratio_at_{k}": coverage(lists, n_items),
        f"gini_at_{k}": gini(lists, len(train.skus)),
        "fit_seconds": fitted - started,
        "batch_seconds_per_prediction": (ranked - fitted) / len(queries),
    }
    return ranks, {name: float(value) for name, value in figures.items()}


def _latency(model: SessionRecommender, queries: Queries, k: int) -> dict[str, float]:
    seconds = []
    for query in in_turn(queries):
        started = time.perf_counter()
        model.rank_many(query, k)
        seconds.append(time.perf_counter() - started)
    return {
        "query_seconds_p50": float(np.quantile(seconds, 0.5)),
        "query_seconds_p90": float(np.quantile(seconds, 0.9)),
    }


def _lead(ranks: dict[str, np.ndarray], session: np.ndarray, k: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name, per_case in ((f"hit_rate_at_{k}", hits), (f"mrr_at_{k}", reciprocal_ranks)):
        best = max((peer for peer in ranks if peer != OURS), key=lambda peer: per_case(ranks[peer]).mean())
        mean, lower, upper = paired_bootstrap(per_case(ranks[OURS]), per_case(ranks[best]), groups=session)
        figures |= {f"{name}_lead": mean, f"{name}_lead_lower": lower, f"{name}_lead_upper": upper}
    return figures
