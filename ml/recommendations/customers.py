"""The served customer recommendations: candidates scored, filtered, varied, and explained."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd

from ml.recommendations.availability import unavailable_skus
from ml.recommendations.customer_candidates import CandidateParams, Candidates, build_candidates
from ml.recommendations.customer_ranker import SignalRanker
from ml.recommendations.customer_reasons import with_reasons
from ml.recommendations.session_settings import evenly
from ml.served import served_frame

MODEL_VERSION = "candidates_signals-1"


@dataclass(frozen=True)
class CustomerParams:
    """What customer recommendations may be tuned by; the defaults are the served ones."""

    n_items: int = 12
    label_days: int = 28
    max_training_customers: int = 2_000
    durable_below_ratio: float = 0.05
    max_per_category: int = 4
    max_per_brand: int = 4
    candidates: CandidateParams = field(default_factory=CandidateParams)


DEFAULTS = CustomerParams()


def recommend_for_customers(
    purchases: pd.DataFrame,
    interactions: pd.DataFrame,
    pairs: pd.DataFrame,
    items: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    params: CustomerParams = DEFAULTS,
    ranker: SignalRanker | None = None,
) -> pd.DataFrame:
    """Items for each known customer with a purchase or a recent action by ``as_of``.

    One row per customer and rank.

    In categories that customers rarely buy again (``durable_below_ratio``), what they own is left out. At
    most ``max_per_category`` and ``max_per_brand`` of a list come first; more only fill an otherwise short
    list. Customers nothing is known of get no rows: ``popular_items`` is their list. The signals are
    today's; the weights are those of ``ranker`` where it is given, else learnt now.
    """
    candidates = build_candidates(
        purchases,
        interactions,
        items,
        until=as_of,
        pairs=pairs if len(pairs) else None,
        params=params.candidates,
    )
    ranker = ranker or fit_ranker(purchases, interactions, items, until=as_of, params=params)
    rows = ranked_candidates(candidates, ranker, items, gone=unavailable_skus(items), params=params)
    rows = with_reasons(rows, candidates, ranker, purchases, items, as_of)
    return served_frame(
        "customer_recommendations", rows, as_of=as_of, run_id=run_id, model_version=MODEL_VERSION
    )


def fit_ranker(
    purchases: pd.DataFrame,
    interactions: pd.DataFrame,
    items: pd.DataFrame,
    *,
    until: date,
    params: CustomerParams = DEFAULTS,
    past: Candidates | None = None,
) -> SignalRanker:
    """Weights learnt from what customers known ``label_days`` before ``until`` bought in between.

    ``past`` are the candidates of that earlier day, for all who bought since, where they exist already.
    """
    before = until - timedelta(days=params.label_days)
    labels = bought_between(purchases, before, until)
    buyers = np.unique(labels["customer_id"].to_numpy(str))
    sample = buyers[evenly(len(buyers), params.max_training_customers)] if len(buyers) else buyers
    if past is not None:
        past = past.of(sample)
    else:
        past = build_candidates(
            purchases, interactions, items, until=before, only=sample, params=params.candidates
        )
    names = pd.MultiIndex.from_arrays([past.customers[past.row], past.skus[past.column]])
    return SignalRanker().fit(past, names.isin(pd.MultiIndex.from_frame(labels)))


def bought_between(purchases: pd.DataFrame, after: date, until: date) -> pd.DataFrame:
    """Distinct customer_id and sku bought after ``after`` and up to ``until``."""
    days = pd.to_datetime(purchases["order_date"])
    inside = (days > pd.Timestamp(after)) & (days <= pd.Timestamp(until)) & (purchases["units"] > 0)
    rows = purchases.loc[inside & purchases["customer_id"].notna(), ["customer_id", "sku"]]
    return rows.drop_duplicates().astype(str)  # an item bought twice in the window is one thing to find


def ranked_candidates(
    candidates: Candidates,
    ranker: SignalRanker,
    items: pd.DataFrame,
    *,
    gone: set[str],
    params: CustomerParams,
) -> pd.DataFrame:
    """The best available candidates: customer_id, sku, rank, score, candidate (row of Candidates)."""
    owned = np.asarray(candidates.signals[:, 0] > 0)
    done_with = owned & (candidates.repeat_ratio[candidates.column] < params.durable_below_ratio)
    shown = ~done_with & ~np.isin(candidates.skus, list(gone))[candidates.column]
    at = np.flatnonzero(shown)
    row, column = candidates.row[at], candidates.column[at]
    score = np.round(ranker.score(candidates)[at], 9)
    order = np.lexsort((column, -score, row))
    at, row, column, score = at[order], row[order], column[order], score[order]
    frame = pd.DataFrame({"row": row, "column": column, "score": score, "candidate": at})
    surplus = _surplus(frame, candidates.skus, items, params)
    frame = frame.assign(surplus=surplus).sort_values(
        ["row", "surplus", "score", "column"], ascending=[True, True, False, True]
    )
    frame["rank"] = frame.groupby("row").cumcount() + 1
    frame = frame[frame["rank"] <= params.n_items]
    return frame.assign(
        customer_id=candidates.customers[frame["row"]],
        sku=candidates.skus[frame["column"]],
        is_repeat=owned[frame["candidate"]],
    ).reset_index(drop=True)


def _surplus(
    frame: pd.DataFrame, skus: np.ndarray, items: pd.DataFrame, params: CustomerParams
) -> np.ndarray:
    """Whether a candidate is beyond what its category or brand may take of the customer's list."""
    facts = items.drop_duplicates("sku").set_index("sku").reindex(skus)
    over = np.zeros(len(frame), dtype=bool)
    for name, limit in (("category_id", params.max_per_category), ("brand", params.max_per_brand)):
        values = facts[name].to_numpy(dtype=object)[frame["column"]]
        place = (
            frame.assign(value=values, over=over)
            .groupby(["row", "value", "over"], sort=False)
            .cumcount()
            .to_numpy()
        )
        over |= (place >= limit) & pd.notna(values)
    return over
