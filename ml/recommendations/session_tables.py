"""The served tables about sessions: next items of warm sessions, and the models' accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ml.model_store import ModelStore
from ml.recommendations.availability import unavailable_skus
from ml.recommendations.encoding import Queries, SessionLog, cut_off, session_steps
from ml.recommendations.session_evaluation import OURS, evaluate_log
from ml.recommendations.session_settings import choose_settings
from ml.recommendations.sessions import SessionNeighbours
from ml.recommendations.stored import Judged, keep
from ml.refits import Kept, Sums, weekly_sums
from ml.served import served_frame

MODEL_VERSION = "session_neighbours-1"
TABLE = "session_recommendations"


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
    settings = choose_settings(log, max_queries=params.max_tuning_queries) if len(log) else {}
    until = cut_off(as_of, time_zone)
    return _served(log, steps, items, settings, until, params, as_of=as_of, run_id=run_id)


def serve_sessions(
    session_items: pd.DataFrame,
    items: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    time_zone: str = "UTC",
    params: SessionParams = DEFAULTS,
    store: ModelStore | None = None,
) -> tuple[pd.DataFrame, Kept[Judged]]:
    """``session_recommendations`` with the settings that were judged, and these with their accuracy.

    The neighbours are always those of today's log; the settings stay in ``store`` between refits.
    """
    log, steps = _log_until(session_items, as_of, time_zone)
    kept = _keep(log, session_items, as_of, run_id, time_zone, params, store)
    until, settings = cut_off(as_of, time_zone), kept.model.settings
    served = _served(log, steps, items, settings, until, params, as_of=as_of, run_id=run_id)
    return served, kept


def keep_session_model(
    session_items: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    time_zone: str = "UTC",
    params: SessionParams = DEFAULTS,
    store: ModelStore | None = None,
) -> Kept[Judged]:
    """The settings of the session recommender with their accuracy, stored or chosen and judged now."""
    log, _ = _log_until(session_items, as_of, time_zone)
    return _keep(log, session_items, as_of, run_id, time_zone, params, store)


def _keep(
    log: SessionLog,
    session_items: pd.DataFrame,
    as_of: date,
    run_id: str,
    time_zone: str,
    params: SessionParams,
    store: ModelStore | None,
) -> Kept[Judged]:
    def sums_until(until: date) -> Sums:
        known = session_items.loc[session_items["occurred_at"] < cut_off(until, time_zone), "occurred_at"]
        return {"week": weekly_sums(known, until + timedelta(days=1))}

    return keep(
        store,
        TABLE,
        lambda: _judged(log, as_of, run_id, params),
        as_of=as_of,
        run_id=run_id,
        model_version=MODEL_VERSION,
        params=params,
        frames={"session_items": session_items},
        sums_until=sums_until,
        time_zone=time_zone,
    )


def _served(
    log: SessionLog,
    steps: pd.DataFrame,
    items: pd.DataFrame,
    settings: Mapping[str, Any],
    until: pd.Timestamp,
    params: SessionParams,
    *,
    as_of: date,
    run_id: str,
) -> pd.DataFrame:
    warm = _warm_sessions(log, until, params)
    rows: list[tuple[str, int, str, float, str]] = []
    if len(warm):
        model = SessionNeighbours(**settings).fit_log(log)
        queries = Queries(log.items, log.offsets[warm], log.offsets[warm + 1])
        codes, scores = model.rank_many(queries, params.reserve)
        is_bought = (steps["event_type"] == "purchase") & steps["session_id"].isin(log.session_ids[warm])
        bought = steps[is_bought].groupby("session_id")["sku"].agg(set)
        gone = unavailable_skus(items)
        for session_id, row_codes, row_scores in zip(log.session_ids[warm], codes, scores, strict=True):
            hidden = gone | bought.get(session_id, set())
            listed = ((str(log.skus[c]), s) for c, s in zip(row_codes, row_scores, strict=True) if c >= 0)
            shown = [(sku, s) for sku, s in listed if sku not in hidden][: params.n_items]
            rows += [
                (session_id, r, sku, s, OURS if s > 0 else "popularity")
                for r, (sku, s) in enumerate(shown, start=1)
            ]
    return served_frame(TABLE, _rows(rows), as_of=as_of, run_id=run_id, model_version=MODEL_VERSION)


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
    return _judged(log, as_of, run_id, params).accuracy


def _judged(log: SessionLog, as_of: date, run_id: str, params: SessionParams) -> Judged:
    """Settings chosen before the test part of the log, and their accuracy on it."""
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
    accuracy = served_frame(
        "recommendation_accuracy", rows, as_of=as_of, run_id=run_id, model_version=MODEL_VERSION
    )
    return Judged(result.settings, accuracy)


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
