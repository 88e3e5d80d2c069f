"""The floors and peers that stand beside ours in every table of session accuracy.

They are deliberately the plain textbook versions. Nothing here is tuned.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ml.recommendations.encoding import Queries, SessionLog
from ml.recommendations.sessions import SessionRecommender


class Popularity(SessionRecommender):
    """The items of most sessions, whoever asks."""

    def _fit(self, log: SessionLog, pairs: np.ndarray) -> None:
        pass

    def _score(self, queries: Queries) -> sp.csr_matrix:
        return sp.csr_matrix((len(queries), len(self.skus_)))


class SessionPopularity(SessionRecommender):
    """What this session has looked at most, the newest first among equals; then popularity."""

    def _fit(self, log: SessionLog, pairs: np.ndarray) -> None:
        pass

    def _score(self, queries: Queries) -> sp.csr_matrix:
        length = queries.end - queries.first
        query = np.repeat(np.arange(len(queries)), length)
        place = np.arange(len(query)) - np.repeat(np.cumsum(length) - length, length)
        item = queries.items[queries.first[query] + place]
        counts = sp.csr_matrix((np.ones(len(item)), (query, item)), shape=(len(queries), len(self.skus_)))
        newest = sp.csr_matrix(_newest_bonus(queries), shape=counts.shape)
        return (counts + newest).tocsr()


def _newest_bonus(queries: Queries) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    query, item, steps, _ = queries.last_items(int((queries.end - queries.first).max()))
    return 0.5 / (1.0 + steps), (query, item)


class MarkovFirstOrder(SessionRecommender):
    """The items that most often came right after the one on screen."""

    def _fit(self, log: SessionLog, pairs: np.ndarray) -> None:
        session = log.session_of_step
        inner = session[1:] == session[:-1]
        shape = (len(log.skus), len(log.skus))
        edges = (log.items[:-1][inner], log.items[1:][inner])
        self.transitions_ = sp.coo_matrix((np.ones(inner.sum()), edges), shape=shape).tocsr()

    def _score(self, queries: Queries) -> sp.csr_matrix:
        return self.transitions_[queries.current]


class ItemNeighbours(SessionRecommender):
    """Cosine of the sessions of two items, from the item on screen (item-kNN), without itself."""

    def _fit(self, log: SessionLog, pairs: np.ndarray) -> None:
        shape = (len(log), len(log.skus))
        self.items_of_session_ = sp.csr_matrix(
            (np.ones(len(pairs)), (pairs // shape[1], pairs % shape[1])), shape=shape
        )
        self.sessions_of_item_ = self.items_of_session_.T.tocsr()
        self.norms_ = np.sqrt(np.maximum(self.n_sessions_of_item_, 1))

    def _score(self, queries: Queries) -> sp.csr_matrix:
        current = queries.current
        scores = (self.sessions_of_item_[current] @ self.items_of_session_).tocsr()
        row_of = np.repeat(np.arange(len(queries)), np.diff(scores.indptr))
        scores.data /= self.norms_[scores.indices] * self.norms_[current[row_of]]
        scores.data[scores.indices == current[row_of]] = 0.0
        return scores
