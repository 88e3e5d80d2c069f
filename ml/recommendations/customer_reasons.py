"""Why an item is shown to a customer, in a sentence that the data bears out.

The reason is the signal that adds most to the score. A test re-derives every sentence from the tables.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import scipy.sparse as sp

from ml.recommendations.customer_candidates import SIGNALS, Candidates
from ml.recommendations.customer_ranker import SignalRanker

CODES = {
    "bought": "BOUGHT_N_TIMES",
    "bought_again": "BOUGHT_N_TIMES",
    "viewed": "VIEWED_BY_YOU",
    "carted": "IN_YOUR_CART_OR_FAVOURITES",
    "bought_with": "BOUGHT_WITH",
    "viewed_with": "VIEWED_WITH",
    "popular": "POPULAR_IN_SEGMENT",
}
SOURCES = {
    "bought": "repurchase",
    "bought_again": "repurchase",
    "viewed": "own_views",
    "carted": "own_views",
    "bought_with": "co_purchase",
    "viewed_with": "co_view",
    "popular": "popularity",
}


def with_reasons(
    rows: pd.DataFrame,
    candidates: Candidates,
    ranker: SignalRanker,
    purchases: pd.DataFrame,
    items: pd.DataFrame,
    as_of: date,
) -> pd.DataFrame:
    """The rows with source, reason_code, reason_sku and reason_text. One row per row given."""
    chosen = rows["candidate"].to_numpy()
    present = candidates.signals[chosen] > 0
    adds = np.where(present, ranker.contributions(candidates)[chosen], -np.inf)
    adds[:, SIGNALS.index("popular")] *= 0.5  # fame is true of every candidate; prefer what is personal
    strongest = (
        np.array(SIGNALS, dtype=object)[adds.argmax(axis=1)] if len(rows) else np.empty(0, dtype=object)
    )
    reason_sku = np.full(len(rows), None, dtype=object)
    for signal, own, near in (
        ("bought_with", candidates.baskets, candidates.bought_with),
        ("viewed_with", candidates.screens, candidates.viewed_with),
    ):
        mine = strongest == signal
        reason_sku[mine] = _named_item(rows[mine], own, near, candidates.skus)
    titled = _titles(items)
    times = _times_bought(rows, purchases, as_of)
    texts = [
        _text(signal, titled.get(other, other), count)
        for signal, other, count in zip(strongest, reason_sku, times, strict=True)
    ]
    return rows.assign(
        source=[SOURCES[s] for s in strongest],
        reason_code=[CODES[s] for s in strongest],
        reason_sku=reason_sku,
        reason_text=texts,
    )


def _named_item(rows: pd.DataFrame, own: sp.csr_matrix, near: sp.csr_matrix, skus: np.ndarray) -> np.ndarray:
    """Of the customer's items, the one that contributes most to the candidate; ties by SKU."""
    to_candidate = near.T.tocsr()
    names = np.full(len(rows), None, dtype=object)
    for place, (customer, column) in enumerate(zip(rows["row"], rows["column"], strict=True)):
        mine = slice(own.indptr[customer], own.indptr[customer + 1])
        weights = dict(zip(own.indices[mine].tolist(), own.data[mine].tolist(), strict=True))
        links = slice(to_candidate.indptr[column], to_candidate.indptr[column + 1])
        linked = zip(to_candidate.indices[links].tolist(), to_candidate.data[links].tolist(), strict=True)
        pulls = [(-weights[i] * share, i) for i, share in linked if i in weights]
        names[place] = str(skus[min(pulls)[1]])
    return names


def _times_bought(rows: pd.DataFrame, purchases: pd.DataFrame, as_of: date) -> np.ndarray:
    counted = purchases[
        (pd.to_datetime(purchases["order_date"]) <= pd.Timestamp(as_of)) & (purchases["units"] > 0)
    ]
    times = counted.groupby(["customer_id", "sku"])["order_id"].nunique()
    keys = pd.MultiIndex.from_frame(rows[["customer_id", "sku"]])
    return times.reindex(keys).fillna(0).to_numpy(dtype=int)


def _titles(items: pd.DataFrame) -> dict[str, str]:
    if len(items) == 0:
        return {}
    titles = items["title_en"].fillna(items["title"]).fillna(items["sku"])
    return dict(zip(items["sku"], titles, strict=True))


def _text(signal: str, other: str | None, times: int) -> str:
    if signal in {"bought", "bought_again"}:
        return f"You bought it {times} times." if times > 1 else "You bought it before."
    if signal == "viewed":
        return "You looked at it lately."
    if signal == "carted":
        return "You put it in your cart or favourites lately."
    if signal == "bought_with":
        return f"Often bought with {other}, which you bought."
    if signal == "viewed_with":
        return f"Often looked at together with {other}, which you looked at lately."
    return "Popular in the shop now."
