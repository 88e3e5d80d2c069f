"""Ranking metrics per case, catalogue metrics, and the paired bootstrap that judges a difference.

All rank over the whole catalogue; nothing is sampled. A case is one prediction (session), customer or basket.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np


def next_item_ranks(lists: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Place (1 first) of each target in its list, 0 where absent; ``lists`` is (cases, k), -1 is empty."""
    found = lists == targets[:, None]
    return np.where(found.any(axis=1), found.argmax(axis=1) + 1, 0)


def hits(ranks: np.ndarray) -> np.ndarray:
    """1 where the target was listed; its mean is the hit rate, called P@k in the session literature."""
    return (ranks > 0).astype(float)


def reciprocal_ranks(ranks: np.ndarray) -> np.ndarray:
    """1 / place, 0 where not listed; its mean is MRR@k."""
    return np.where(ranks > 0, 1.0 / np.maximum(ranks, 1), 0.0)


def discounted_gains(ranks: np.ndarray) -> np.ndarray:
    """1 / log2(place + 1), 0 where not listed; its mean is NDCG@k of a single relevant item."""
    return np.where(ranks > 0, 1.0 / np.log2(np.maximum(ranks, 1) + 1.0), 0.0)


def relevance(recommended: Sequence[object], relevant: AbstractSet[Any], k: int) -> np.ndarray:
    """1 or 0 for each of the first ``k`` recommended; an item listed twice counts once."""
    seen: set[object] = set()
    flags = []
    for item in list(recommended)[:k]:
        flags.append(item in relevant and item not in seen)
        seen.add(item)
    return np.array(flags, dtype=float)


def precision_at(recommended: Sequence[object], relevant: AbstractSet[Any], k: int) -> float:
    """Share of the ``k`` places that hold a relevant item; an unfilled place is a miss."""
    return float(relevance(recommended, relevant, k).sum() / k)


def recall_at(recommended: Sequence[object], relevant: AbstractSet[Any], k: int) -> float:
    """Share of what could be found in ``k`` places that was found: hits over min(k, relevant)."""
    return float(relevance(recommended, relevant, k).sum() / min(k, len(relevant))) if relevant else 0.0


def average_precision_at(recommended: Sequence[object], relevant: AbstractSet[Any], k: int) -> float:
    """Precision at each hit, summed, over min(k, relevant); its mean over cases is MAP@k."""
    flags = relevance(recommended, relevant, k)
    if not relevant:
        return 0.0
    precision = np.cumsum(flags) / np.arange(1, len(flags) + 1)
    return float((precision * flags).sum() / min(k, len(relevant)))


def ndcg_at(recommended: Sequence[object], relevant: AbstractSet[Any], k: int) -> float:
    """Discounted gain over that of a perfect list."""
    flags = relevance(recommended, relevant, k)
    if not relevant:
        return 0.0
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    return float((flags * discounts[: len(flags)]).sum() / discounts[: min(k, len(relevant))].sum())


def coverage(lists: np.ndarray, n_items: int) -> float:
    """Distinct items recommended over the items of the catalogue."""
    listed = np.unique(lists[lists >= 0])
    return len(listed) / n_items if n_items else 0.0


def gini(lists: np.ndarray, n_items: int) -> float:
    """Inequality of exposure: 0 when every item is shown alike, near 1 when one takes all."""
    exposure = np.sort(np.bincount(lists[lists >= 0], minlength=n_items)).astype(float)
    if n_items == 0 or exposure.sum() == 0:
        return 0.0
    place = np.arange(1, n_items + 1)
    return float(((2 * place - n_items - 1) * exposure).sum() / (n_items * exposure.sum()))


def paired_bootstrap(
    ours: np.ndarray,
    theirs: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    n_draws: int = 1000,
    seed: int = 7,
) -> tuple[float, float, float]:
    """Mean of ``ours - theirs`` with its 95 % interval: (mean, lower, upper).

    Cases are drawn by group (such as the session or customer) when ``groups`` is given, since cases of one
    group are not independent.
    """
    difference = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    if len(difference) == 0:
        return 0.0, 0.0, 0.0
    codes = np.arange(len(difference)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sums, sizes = np.bincount(codes, difference), np.bincount(codes)
    random = np.random.default_rng(seed)
    means = np.empty(n_draws)
    for draw in range(n_draws):
        chosen = random.integers(0, len(sums), len(sums))
        means[draw] = sums[chosen].sum() / sizes[chosen].sum()
    lower, upper = np.quantile(means, [0.025, 0.975])
    return float(difference.mean()), float(lower), float(upper)
