"""The served tables about sessions: next items of warm sessions, and the models' accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from ml.recommendations.availability import unavailable_skus
from ml.recommendations.encoding import Queries, SessionLog, cut_off, session_steps
from ml.recommendations.session_evaluation import OURS, evaluate_log
from ml.recommendations.session_settings import choose_settings
from ml.recommendations.sessions import SessionNeighbours
from ml.served import served_frame

MODEL_VERSION = "session_neighbours-1"


@dataclass(frozen=True)
class SessionParams:
    """What session recommendations may be tuned by; the defaults are the served ones."""

    n_items: int = 12
    reserve: int = 50
    recent_hours: int = 48
    max_sessions: int = 3_000
    test_share: float = 0.15
    max_test_sessions: int = 1_200
    max_tuning_queries: int = 800
    accuracy_at: int = 20


DEFAULTS = SessionParams()


def recommend_for_sessions(
    session_items: pd.DataFrame,
    items: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    time_zone: str = "UTC",
    params: SessionParams = DEFAULTS,
) -> pd.DataFrame:
    """Next items for sessions that ended within ``recent_hours`` before the end of ``as_of``.

    One row per session and rank.

    Items out of stock or retired are taken out after scoring and the list is filled from deeper ranks; what
    the session has bought is not shown again.
    """
    log, steps = _log_until(session_items, as_of, time_zone)
    warm = _warm_sessions(log, cut_off(as_of, time_zone), params)
    if len(warm) == 0:
        return served_frame(
            "session_recommendations", _rows([]), as_of=as_of, run_id=run_id, model_version=MODEL_VERSION
        )
    model = SessionNeighbours(**choose_settings(log, max_queries=params.max_tuning_queries)).fit_log(log)
    queries = Queries(log.items, log.offsets[warm], log.offsets[warm + 1])
    codes, scores = model.rank_many(queries, params.reserve)
    bought_now = steps[(steps["event_type"] == "purchase") & steps["session_id"].isin(log.session_ids[warm])]
    bought = bought_now.groupby("session_id")["sku"].agg(set)
    gone = unavailable_skus(items)
    rows = []
    for session_id, row_codes, row_scores in zip(log.session_ids[warm], codes, scores, strict=True):
        hidden = gone | bought.get(session_id, set())
        listed = ((str(log.skus[c]), s) for c, s in zip(row_codes, row_scores, strict=True) if c >= 0)
        shown = [(sku, s) for sku, s in listed if sku not in hidden][: params.n_items]
        rows += [
            (session_id, r, sku, s, OURS if s > 0 else "popularity")
            for r, (sku, s) in enumerate(shown, start=1)
        ]
    return served_frame(
        "session_recommendations", _rows(rows), as_of=as_of, run_id=run_id, model_version=MODEL_VERSION
    )


def evaluate_sessions(
    session_items: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    time_zone: str = "UTC",
    params: SessionParams = DEFAULTS,
) -> pd.DataFrame:
    """Accuracy on the last sessions, ours beside the floors. One row per surface, model and metric."""
    log, _ = _log_until(session_items, as_of, time_zone)
    result = evaluate_log(
        log,
        test_share=params.test_share,
        k=params.accuracy_at,
        max_sessions=params.max_test_sessions,
        max_tuning_queries=params.max_tuning_queries,
    )
    rows = result.frame()
    rows = rows[~rows["metric"].str.contains("seconds")]  # a clock would make two equal runs differ
    rows = rows.assign(
        surface="session",
        n=result.n_predictions,
        split_at=result.split_at,
        is_served=rows["model_name"] == OURS,
    )
    return served_frame(
        "recommendation_accuracy", rows, as_of=as_of, run_id=run_id, model_version=MODEL_VERSION
    )


def _log_until(session_items: pd.DataFrame, as_of: date, time_zone: str) -> tuple[SessionLog, pd.DataFrame]:
    known = session_items[session_items["occurred_at"] < cut_off(as_of, time_zone)]
    steps = session_steps(known)
    return SessionLog.from_steps(steps), steps


def _warm_sessions(log: SessionLog, until: pd.Timestamp, params: SessionParams) -> np.ndarray:
    if len(log) == 0:
        return np.empty(0, dtype=np.int64)
    oldest = np.datetime64(until - pd.Timedelta(hours=params.recent_hours))
    return np.flatnonzero(log.last_at >= oldest)[-params.max_sessions :]


def _rows(rows: list[tuple[str, int, str, float, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["session_id", "rank", "sku", "score", "source"])
