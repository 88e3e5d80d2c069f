"""Next-item recommenders for sessions: ours (neighbour sessions) and the common manner of all of them.

The floors and peers are in ``session_peers``, the choice of settings in ``session_settings``, tables in
``session_tables``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ml.recommendations.encoding import Queries, SessionLog, session_steps
from ml.recommendations.ranking import by_score, pad_with, rank_in_group, top_k_per_row

CHUNK = 1_000  # queries scored at once; bounds the memory of the expanded postings


class SessionRecommender(BaseEstimator):
    """What every next-item recommender can do; a concrete one says how it is fitted and how it scores."""

    drop_current = False

    def fit(self, session_items: pd.DataFrame) -> Self:
        """Learn from session actions (feat_session_items); raises ``ValueError`` when there are none."""
        return self.fit_log(SessionLog.from_steps(session_steps(session_items)))

    def fit_log(self, log: SessionLog) -> Self:
        """Learn from encoded sessions."""
        if len(log) == 0:
            raise ValueError(
                "Got no session with a view, cart, favourite or purchase; need at least one to fit."
            )
        self.skus_ = log.skus
        pairs = np.sort(log.session_of_step * len(log.skus) + log.items)
        pairs = pairs[np.r_[True, pairs[1:] != pairs[:-1]]]
        self.n_sessions_ = len(log)
        self.n_sessions_of_item_ = np.bincount(pairs % len(log.skus), minlength=len(log.skus))
        self.popular_ = by_score(self.n_sessions_of_item_)[: np.count_nonzero(self.n_sessions_of_item_)]
        self._fit(log, pairs)
        return self

    def recommend(self, items: Sequence[str], k: int = 20) -> list[tuple[str, float]]:
        """The ``k`` likeliest after ``items`` (oldest first) as (sku, score); unknown SKUs are ignored."""
        check_is_fitted(self, "skus_")
        at = np.searchsorted(self.skus_, list(items)) if len(items) else np.empty(0, dtype=int)
        codes = [
            int(c) for c, sku in zip(at, items, strict=True) if c < len(self.skus_) and self.skus_[c] == sku
        ]
        if not codes:
            return [(str(self.skus_[c]), 0.0) for c in self.popular_[:k]]
        ranked, scores = self.rank_many(Queries.of([codes]), k)
        return [(str(self.skus_[c]), float(s)) for c, s in zip(ranked[0], scores[0], strict=True) if c >= 0]

    def rank_many(self, queries: Queries, k: int = 20) -> tuple[np.ndarray, np.ndarray]:
        """Codes and scores of the best ``k``, (queries, k); popularity fills up with score 0."""
        check_is_fitted(self, "skus_")
        parts = []
        for lo in range(0, len(queries), CHUNK):
            part = queries.part(slice(lo, lo + CHUNK))
            scores = self._score(part)
            if self.drop_current:
                scores = _without(scores, part.current)
            codes, values = top_k_per_row(scores, k)
            parts.append((pad_with(codes, self._fallback(part)), values))
        if not parts:
            return np.empty((0, k), dtype=np.int64), np.empty((0, k))
        return np.vstack([c for c, _ in parts]), np.vstack([v for _, v in parts])

    def _fallback(self, queries: Queries) -> np.ndarray:
        return self.popular_

    def _fit(self, log: SessionLog, pairs: np.ndarray) -> None:
        raise NotImplementedError

    def _score(self, queries: Queries) -> sp.csr_matrix:
        raise NotImplementedError


class SessionNeighbours(SessionRecommender):
    """Vector-multiplication session neighbours (VMIS-kNN): the items of the most similar recent sessions.

    A past session is similar when it shares items with the query, the newer in the query the more: the item
    at place p of n weighs ``(p / n) ** e``. Of the sessions that share anything the ``m`` newest are looked
    at and the ``k`` most similar kept; each gives its weight to its items, damped by how many steps ago the
    newest shared item was seen, and rare items gain by ``idf``.

    Args:
        m: newest sessions kept for an item, and looked at for a query.
        k: neighbours kept.
        e: steepness of the place weights; 0 makes all places equal.
        last: how many of the newest items of the query count.
        idf: exponent of ln(sessions / sessions with the item); 0 turns it off.
        drop_current: never recommend the item on screen. Where visitors come back to it, hits are lost.

    >>> log = pd.DataFrame({"session_id": list("aabbcc"), "position": [1, 2] * 3,
    ...     "sku": ["mug", "tea"] * 2 + ["pen", "ink"], "event_type": "view",
    ...     "occurred_at": pd.Timestamp("2026-03-01")})
    >>> SessionNeighbours(drop_current=True).fit(log).recommend(["mug"], k=1)[0][0]
    'tea'
    """

    def __init__(
        self,
        m: int = 1000,
        k: int = 500,
        e: float = 1.0,
        last: int = 10,
        idf: float = 1.0,
        drop_current: bool = True,
    ) -> None:
        self.m = m
        self.k = k
        self.e = e
        self.last = last
        self.idf = idf
        self.drop_current = drop_current

    def _fit(self, log: SessionLog, pairs: np.ndarray) -> None:
        if min(self.m, self.k, self.last) < 1:
            raise ValueError(
                f"Got m={self.m}, k={self.k}, last={self.last}, but expected each to be at least 1."
            )
        session, item = pairs // len(log.skus), pairs % len(log.skus)
        shape = (len(log), len(log.skus))
        self.items_of_session_ = sp.csr_matrix((np.ones(len(pairs)), (session, item)), shape=shape)
        order = np.lexsort((-session, item))
        newest = rank_in_group(item[order]) <= self.m
        self.posting_sessions_ = session[order][newest]
        sizes = np.minimum(self.n_sessions_of_item_, self.m)
        self.posting_starts_ = np.cumsum(sizes) - sizes
        self.posting_sizes_ = sizes
        self.item_weights_ = np.log1p(len(log) / np.maximum(self.n_sessions_of_item_, 1)) ** self.idf

    def _score(self, queries: Queries) -> sp.csr_matrix:
        query, session, weight = self._neighbours(queries)
        by_session = sp.csr_matrix((weight, (query, session)), shape=(len(queries), self.n_sessions_))
        scores = by_session @ self.items_of_session_
        scores.data *= self.item_weights_[scores.indices]
        return scores

    def _neighbours(self, queries: Queries) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        query, item, steps, length = queries.last_items(self.last)
        sizes = self.posting_sizes_[item]
        source = np.repeat(np.arange(len(item)), sizes)
        place = np.arange(len(source)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        key = (
            query[source] * self.n_sessions_
            + self.posting_sessions_[self.posting_starts_[item[source]] + place]
        )
        order = np.argsort(key, kind="stable")
        key, source = key[order], source[order]
        first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, dtype=int)
        similarity = _reduced(np.add, (((length - steps) / length) ** self.e)[source], first)
        newest = _reduced(np.minimum, steps[source], first)
        return self._best(key[first], similarity, newest)

    def _best(
        self, key: np.ndarray, similarity: np.ndarray, newest: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        query, session = key // self.n_sessions_, key % self.n_sessions_
        from_newest = rank_in_group(query[::-1])[::-1]
        recent = from_newest <= self.m
        query, session, similarity, newest = (
            query[recent],
            session[recent],
            similarity[recent],
            newest[recent],
        )
        kept = self._most_similar(query, session, similarity)
        query, session, similarity, newest = query[kept], session[kept], similarity[kept], newest[kept]
        return query, session, similarity * np.clip(1 - 0.1 * newest, 0, None) ** 2

    def _most_similar(self, query: np.ndarray, session: np.ndarray, similarity: np.ndarray) -> np.ndarray:
        """Rows of the ``k`` most similar sessions of each query, the newer among equals."""
        bounds = (
            np.flatnonzero(np.r_[True, query[1:] != query[:-1], True]) if len(query) else np.zeros(1, int)
        )
        if np.diff(bounds).max(initial=0) <= self.k:
            return np.arange(len(query))
        key = np.round(similarity * 1e6).astype(np.int64) * self.n_sessions_ + session
        parts = []
        for lo, hi in pairwise(bounds):  # a sort of all rows took four times as long
            if hi - lo <= self.k:
                parts.append(np.arange(lo, hi))
            else:
                parts.append(lo + np.argpartition(key[lo:hi], hi - lo - self.k)[hi - lo - self.k :])
        return np.concatenate(parts)


def _reduced(operation: np.ufunc, values: np.ndarray, first: np.ndarray) -> np.ndarray:
    return operation.reduceat(values, first) if len(first) else values[:0]


def _without(scores: sp.csr_matrix, codes: np.ndarray) -> sp.csr_matrix:
    row_of = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
    scores.data[scores.indices == codes[row_of]] = 0.0
    return scores


def in_turn(queries: Queries) -> Iterator[Queries]:
    """The queries one by one, as a live request would ask them; for measuring the time of a single answer."""
    for row in range(len(queries)):
        yield queries.part(slice(row, row + 1))
