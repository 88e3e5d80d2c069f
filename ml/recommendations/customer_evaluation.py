"""How well customer recommendations foretold the last weeks' purchases, beside two floors; and serving what
was judged."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from ml.model_store import ModelStore
from ml.recommendations.customer_candidates import SIGNALS, Candidates, build_candidates
from ml.recommendations.customer_ranker import SignalRanker
from ml.recommendations.customers import (
    DEFAULTS,
    MODEL_VERSION,
    CustomerParams,
    bought_between,
    fit_ranker,
    ranked_candidates,
    recommend_for_customers,
)
from ml.recommendations.metrics import (
    average_precision_at,
    coverage,
    gini,
    ndcg_at,
    paired_bootstrap,
    recall_at,
)
from ml.recommendations.stored import Judged, keep
from ml.refits import Kept, Sums, weekly_sums
from ml.served import served_frame

OURS = "candidates_signals"
PER_CUSTOMER = {"map": average_precision_at, "ndcg": ndcg_at, "recall": recall_at}


def evaluate_customers(
    purchases: pd.DataFrame,
    interactions: pd.DataFrame,
    items: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    params: CustomerParams = DEFAULTS,
) -> pd.DataFrame:
    """Lists made ``label_days`` before ``as_of``, judged by the purchases since.

    One row per surface, model and metric.

    Everything, the weights too, is learnt from rows before the split day. All items known then are ranked;
    today's stock is not used, since it was not known then. Scored are customers with history who bought.
    """
    return _accuracy(purchases, interactions, items, as_of, run_id, params)[0]


def serve_customers(
    purchases: pd.DataFrame,
    interactions: pd.DataFrame,
    pairs: pd.DataFrame,
    items: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    params: CustomerParams = DEFAULTS,
    store: ModelStore | None = None,
) -> tuple[pd.DataFrame, Kept[Judged]]:
    """``customer_recommendations`` with today's signals, and their weights with the accuracy they were given.

    The weights stay in ``store`` between refits.
    """
    kept = keep_customer_model(
        purchases, interactions, items, as_of=as_of, run_id=run_id, params=params, store=store
    )
    ranker = SignalRanker.of(kept.model.settings)
    tables = (purchases, interactions, pairs, items)
    return recommend_for_customers(*tables, as_of=as_of, run_id=run_id, params=params, ranker=ranker), kept


def keep_customer_model(
    purchases: pd.DataFrame,
    interactions: pd.DataFrame,
    items: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    params: CustomerParams = DEFAULTS,
    store: ModelStore | None = None,
) -> Kept[Judged]:
    """The weights of the signals with their accuracy, stored or learnt and judged now."""

    def make() -> Judged:
        accuracy, past = _accuracy(purchases, interactions, items, as_of, run_id, params)
        ranker = fit_ranker(purchases, interactions, items, until=as_of, params=params, past=past)
        return Judged(ranker.learnt(), accuracy)

    def sums_until(until: date) -> Sums:
        return {
            "purchases": weekly_sums(purchases["order_date"], until, purchases["units"]),
            "actions": weekly_sums(interactions["interaction_date"], until),
        }

    return keep(
        store,
        "customer_recommendations",
        make,
        as_of=as_of,
        run_id=run_id,
        model_version=MODEL_VERSION,
        params=params,
        frames={"purchases": purchases, "interactions": interactions, "items": items},
        sums_until=sums_until,
    )


def _accuracy(
    purchases: pd.DataFrame,
    interactions: pd.DataFrame,
    items: pd.DataFrame,
    as_of: date,
    run_id: str,
    params: CustomerParams,
) -> tuple[pd.DataFrame, Candidates]:
    """The accuracy rows, and the candidates of the split day, from which today's weights are learnt too."""
    split = as_of - timedelta(days=params.label_days)
    bought = bought_between(purchases, split, as_of).groupby("customer_id")["sku"]
    answers = {str(customer): set(skus) for customer, skus in bought}
    candidates = build_candidates(
        purchases,
        interactions,
        items,
        until=split,
        only=np.array(sorted(answers), dtype=str),
        params=params.candidates,
    )
    rows: list[tuple[str, str, float]] = []
    if len(candidates.customers):
        ranker = fit_ranker(purchases, interactions, items, until=split, params=params)
        ours = ranked_candidates(candidates, ranker, items, gone=set(), params=params)
        lists = {
            "popularity": _by(candidates, {"popular": 1.0}, params.n_items),
            "repurchase": _by(candidates, {"bought": 1.0, "popular": 1e-3}, params.n_items),
            OURS: _as_lists(ours, len(candidates.customers), params.n_items),
        }
        rows = _figures(lists, [answers[c] for c in candidates.customers], candidates.skus, params.n_items)
    frame = pd.DataFrame(rows, columns=["model_name", "metric", "value"]).assign(
        surface="customer", n=len(candidates.customers), split_at=split.isoformat()
    )
    frame["is_served"] = frame["model_name"] == OURS
    stamped = served_frame(
        "recommendation_accuracy", frame, as_of=as_of, run_id=run_id, model_version=MODEL_VERSION
    )
    return stamped, candidates


def _by(candidates: Candidates, weights: dict[str, float], k: int) -> np.ndarray:
    score = sum((candidates.signals[:, SIGNALS.index(name)] * w for name, w in weights.items()), start=0.0)
    order = np.lexsort((candidates.column, -np.round(score, 12), candidates.row))
    frame = pd.DataFrame({"row": candidates.row[order], "column": candidates.column[order]})
    frame["rank"] = frame.groupby("row").cumcount() + 1
    return _as_lists(frame[frame["rank"] <= k], len(candidates.customers), k)


def _as_lists(ranked: pd.DataFrame, n_customers: int, k: int) -> np.ndarray:
    lists = np.full((n_customers, k), -1, dtype=np.int64)
    lists[ranked["row"], ranked["rank"] - 1] = ranked["column"]
    return lists


def _figures(
    lists: dict[str, np.ndarray], answers: list[set[str]], skus: np.ndarray, k: int
) -> list[tuple[str, str, float]]:
    rows, per_customer = [], {}
    for name, ranked in lists.items():
        named = [[skus[c] for c in row if c >= 0] for row in ranked]
        values = {
            metric: np.array(
                [score(listed, wanted, k) for listed, wanted in zip(named, answers, strict=True)]
            )
            for metric, score in PER_CUSTOMER.items()
        }
        per_customer[name] = values["map"]
        rows += [(name, f"{metric}_at_{k}", float(v.mean())) for metric, v in values.items()]
        rows.append((name, f"hit_rate_at_{k}", float((values["recall"] > 0).mean())))
        rows.append((name, f"coverage_ratio_at_{k}", coverage(ranked, len(skus))))
        rows.append((name, f"gini_at_{k}", gini(ranked, len(skus))))
    best = max((n for n in lists if n != OURS), key=lambda n: per_customer[n].mean())
    mean, lower, upper = paired_bootstrap(per_customer[OURS], per_customer[best])
    leads = {"": mean, "_lower": lower, "_upper": upper}
    return rows + [(OURS, f"map_at_{k}_lead{suffix}", value) for suffix, value in leads.items()]
