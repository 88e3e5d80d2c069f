"""How bundles do on later orders, beside other ways to rank the same pairs, and on shuffled baskets."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from ml.model_store import ModelStore
from ml.recommendations.associations import Baskets, assess_pairs, effective_orders
from ml.recommendations.bundles import DEFAULTS, MODEL_VERSION, BundleParams, accepted_of, both_directions
from ml.recommendations.metrics import precision_at
from ml.recommendations.ranking import by_score
from ml.recommendations.session_settings import evenly
from ml.recommendations.stored import Judged, keep
from ml.refits import Kept, weekly_sums
from ml.served import served_frame

OURS = "bundles"
MAX_PAIRS_CHECKED = 20_000


def evaluate_bundles(
    purchases: pd.DataFrame, *, as_of: date, run_id: str, params: BundleParams = DEFAULTS
) -> pd.DataFrame:
    """Held-out accuracy of the bundles. One row per surface, model and metric.

    Trained on the orders before the split day, tested on the later ones: one item of each later basket is the
    question, the others are the answers. Also: the share of accepted pairs whose lift stays above 1 later,
    and the share of tested pairs accepted when the baskets are shuffled (should be near 0).
    """
    used = purchases[
        (pd.to_datetime(purchases["order_date"]) <= pd.Timestamp(as_of)) & (purchases["units"] > 0)
    ]
    split_at = _split_date(used, params.test_share)
    rows: list[tuple[str, str, float, int]] = []
    if split_at is not None:
        dates = pd.to_datetime(used["order_date"])
        train = Baskets.from_rows(*_columns(used[dates < split_at]))
        later = used[dates >= split_at]
        pairs = assess_pairs(train, params.min_orders, params.min_lift)
        accepted = accepted_of(pairs, train.skus, params)
        rows = _hit_rows(train, pairs, accepted, later, params)
        rows += _stability_rows(accepted, Baskets.from_rows(*_columns(later)))
        rows += _shuffled_rows(train, params)
    frame = pd.DataFrame(rows, columns=["model_name", "metric", "value", "n"])
    frame = frame.assign(surface="bundle", split_at=str(split_at)[:10], is_served=frame["model_name"] == OURS)
    return served_frame(
        "recommendation_accuracy", frame, as_of=as_of, run_id=run_id, model_version=MODEL_VERSION
    )


def keep_bundle_accuracy(
    purchases: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    params: BundleParams = DEFAULTS,
    store: ModelStore | None = None,
) -> Kept[Judged]:
    """The accuracy of the bundles, stored or judged now; bundles themselves are found anew every day."""
    return keep(
        store,
        OURS,
        lambda: Judged({}, evaluate_bundles(purchases, as_of=as_of, run_id=run_id, params=params)),
        as_of=as_of,
        run_id=run_id,
        model_version=MODEL_VERSION,
        params=params,
        frames={"purchases": purchases},
        sums_until=lambda until: {
            "purchases": weekly_sums(purchases["order_date"], until, purchases["units"])
        },
    )


def _columns(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return rows["order_id"], rows["sku"]


def _split_date(rows: pd.DataFrame, test_share: float) -> pd.Timestamp | None:
    days = pd.to_datetime(rows.drop_duplicates("order_id")["order_date"]).sort_values()  # one row per order
    if len(days) < 100:
        return None
    return days.iloc[int(len(days) * (1 - test_share))]


def _hit_rows(
    train: Baskets, pairs: pd.DataFrame, accepted: pd.DataFrame, later: pd.DataFrame, params: BundleParams
) -> list[tuple[str, str, float, int]]:
    questions = _questions(later, set(train.skus), params.seed)
    k = params.accuracy_at
    rows: list[tuple[str, str, float, int]] = []
    for name, lists in _rankings(train, pairs, accepted, params).items():
        shown = [lists.get(sku, lists.get("", []))[:k] for sku, _ in questions]
        found = np.array(
            [precision_at(s, answers, k) for s, (_, answers) in zip(shown, questions, strict=True)]
        )
        answered = np.array([bool(s) for s in shown])
        figures = {
            f"hit_rate_at_{k}": found > 0,
            f"precision_at_{k}": found,
            "answered_ratio": answered,
            f"hit_rate_where_answered_at_{k}": (found > 0)[answered] if len(found) else found,
        }
        rows += [(name, metric, float(v.mean()) if len(v) else 0.0, len(v)) for metric, v in figures.items()]
    return rows


def _questions(later: pd.DataFrame, known: set[str], seed: int) -> list[tuple[str, set[str]]]:
    usable = later[later["sku"].isin(known)].sort_values(["order_id", "sku"])
    random = np.random.default_rng(seed)
    questions = []
    for _, skus in usable.groupby("order_id", sort=True)["sku"]:
        basket = sorted(set(skus))
        if len(basket) > 1:
            asked = basket[int(random.integers(len(basket)))]
            questions.append((asked, set(basket) - {asked}))
    return questions


def _rankings(
    train: Baskets, pairs: pd.DataFrame, accepted: pd.DataFrame, params: BundleParams
) -> dict[str, dict[str, list[str]]]:
    every = both_directions(pairs, train.skus)
    n_sku = np.asarray(train.matrix.sum(axis=0)).ravel()
    popular = [str(s) for s in train.skus[by_score(n_sku)[: params.accuracy_at]]]
    return {
        OURS: _lists(accepted, "confidence_lower_ratio", params.accuracy_at),
        "confidence": _lists(every, "confidence_ratio", params.accuracy_at),
        "leverage": _lists(every, "leverage", params.accuracy_at),
        "lift": _lists(every, "lift", params.accuracy_at),
        "popularity": {"": popular},
    }


def _lists(rules: pd.DataFrame, by: str, k: int) -> dict[str, list[str]]:
    ordered = rules.sort_values(["i", by, "j"], ascending=[True, False, True])
    best = ordered[ordered.groupby("i").cumcount() < k]
    return {str(sku): list(others) for sku, others in best.groupby("sku")["bundled_sku"]}


def _stability_rows(accepted: pd.DataFrame, later: Baskets) -> list[tuple[str, str, float, int]]:
    accepted = accepted[accepted["i"] < accepted["j"]]
    accepted = accepted.iloc[evenly(len(accepted), MAX_PAIRS_CHECKED)]
    code = {sku: c for c, sku in enumerate(later.skus)}
    i, j = accepted["sku"].map(code), accepted["bundled_sku"].map(code)
    both = (i.notna() & j.notna()).to_numpy()
    columns = later.matrix.tocsc()
    left, right = columns[:, i[both].astype(int)], columns[:, j[both].astype(int)]
    together = np.asarray(left.multiply(right).sum(axis=0)).ravel()
    n_left, n_right = np.asarray(left.sum(axis=0)).ravel(), np.asarray(right.sum(axis=0)).ravel()
    expected = n_left * n_right / effective_orders(later)
    checkable = expected >= 1  # below one expected meeting, not meeting says nothing
    holds = float((together[checkable] > expected[checkable]).mean()) if checkable.any() else 1.0
    return [(OURS, "lift_holds_later_ratio", holds, int(checkable.sum()))]


def _shuffled_rows(train: Baskets, params: BundleParams) -> list[tuple[str, str, float, int]]:
    shuffled = train.shuffled(params.seed)
    pairs = assess_pairs(shuffled, params.min_orders, params.min_lift)
    by_chance = len(accepted_of(pairs, shuffled.skus, params)) / 2 / max(len(pairs), 1)
    return [(OURS, "accepted_when_shuffled_ratio", by_chance, len(pairs))]
