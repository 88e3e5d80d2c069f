"""Which items share baskets more than chance: counting pairs, and testing all of them at once.

The served bundles are made in ``bundles``; here are only the statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.special import bdtrc
from scipy.stats import hypergeom

Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Baskets:
    """Orders as a matrix of orders by SKUs with 1 where the order has the SKU."""

    matrix: sp.csr_matrix
    skus: np.ndarray
    order_ids: np.ndarray

    @classmethod
    def from_rows(cls, groups: pd.Series, skus: pd.Series) -> Baskets:
        """Baskets from parallel columns; a SKU that a basket names twice counts once."""
        group_codes, order_ids = pd.factorize(groups, sort=True)
        sku_codes, names = pd.factorize(skus, sort=True)
        shape = (len(order_ids), len(names))
        matrix = sp.csr_matrix((np.ones(len(group_codes)), (group_codes, sku_codes)), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        return cls(matrix, np.asarray(names, dtype=object), np.asarray(order_ids, dtype=object))

    def pairs(self, min_together: int = 1) -> pd.DataFrame:
        """Pairs of SKU codes ``i`` < ``j`` meeting in at least ``min_together`` baskets."""
        met = sp.triu(self.matrix.T @ self.matrix, k=1).tocoo()
        keep = met.data >= min_together
        counts = met.data[keep].astype(np.int64)
        found = pd.DataFrame(
            {"i": met.row[keep].astype(np.int64), "j": met.col[keep].astype(np.int64), "n_together": counts}
        )
        return found.sort_values(["i", "j"], ignore_index=True)

    def shuffled(self, seed: int) -> Baskets:
        """The same basket sizes and item counts with the items dealt at random: the world without bundles."""
        rows = np.repeat(np.arange(self.matrix.shape[0]), np.diff(self.matrix.indptr))
        dealt = np.random.default_rng(seed).permutation(self.matrix.indices)
        matrix = sp.csr_matrix((np.ones(len(rows)), (rows, dealt)), shape=self.matrix.shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        return Baskets(matrix, self.skus, self.order_ids)


def effective_orders(baskets: Baskets) -> float:
    """How many equal orders would make two unrelated SKUs meet as often as these orders of unequal size do.

    A wholesaler's order of 300 lines makes everything meet everything. If ``S`` lines are dealt at random
    into orders of sizes ``s``, SKUs of ``a`` and ``b`` orders are expected to meet ``a * b * sum(s * (s - 1))
    / S ** 2`` times; so ``S ** 2 / sum(s * (s - 1))`` takes the place of the number of orders, and never
    exceeds it.
    """
    sizes = np.asarray(baskets.matrix.sum(axis=1)).ravel()
    meetings = float((sizes * (sizes - 1)).sum())
    return min(float(sizes.sum()) ** 2 / meetings, float(len(sizes))) if meetings else float(len(sizes))


def assess_pairs(baskets: Baskets, min_together: int, min_lift: float = 1.0) -> pd.DataFrame:
    """Pairs met often enough, with expected, lift, leverage, p_value and q_value. One row per pair i < j.

    The p-value is the one-sided hypergeometric tail over the effective number of orders, computed for pairs
    of at least ``min_lift`` (1 for the others). Benjamini-Hochberg counts every pair of SKUs that *could*
    have met that often as a test, not only those that did: picking the frequent ones first and correcting for
    these alone would accept chance pairs.
    """
    n_orders = effective_orders(baskets)
    n_sku = np.asarray(baskets.matrix.sum(axis=0)).ravel().astype(np.int64)
    pairs = baskets.pairs(min_together)
    n_i, n_j = n_sku[pairs["i"]], n_sku[pairs["j"]]
    expected = n_i * n_j / max(n_orders, 1.0)
    together = pairs["n_together"].to_numpy()
    p_value = _tail(together, n_orders, n_i, n_j, tested=together >= min_lift * expected)
    eligible = int((n_sku >= min_together).sum())
    return pairs.assign(
        n_i=n_i,
        n_j=n_j,
        expected=expected,
        lift=together / expected,
        leverage=together - expected,
        p_value=p_value,
        q_value=benjamini_hochberg(p_value, eligible * (eligible - 1) // 2),
    )


def _tail(
    together: np.ndarray, n_orders: float, n_i: np.ndarray, n_j: np.ndarray, tested: np.ndarray
) -> np.ndarray:
    p_value = np.ones(len(together))
    size = np.maximum(np.ceil(n_orders), n_i + n_j - together)  # room for both, or none could miss
    p_value[tested] = bdtrc(together[tested] - 1, n_i[tested], n_j[tested] / size[tested])
    # The exact tail costs fifty times the binomial one, which is never smaller this far above the mean; where
    # the binomial already settles the matter it is kept, being the more careful value.
    close = tested & (p_value > 1e-8) & (p_value < 1e-3)
    p_value[close] = hypergeom.sf(together[close] - 1, size[close], n_i[close], n_j[close])
    return np.clip(p_value, 0.0, 1.0)


def benjamini_hochberg(p_values: np.ndarray, n_tests: int | None = None) -> np.ndarray:
    """q-values; tests beyond the given p-values (``n_tests`` in all) count as p = 1.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    if len(p_values) == 0:
        return np.empty(0)
    n = max(n_tests or 0, len(p_values))
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * n / np.arange(1, len(p_values) + 1)
    q_values = np.empty(len(p_values))
    q_values[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.clip(q_values, 0.0, 1.0)


def wilson_lower(successes: np.ndarray, trials: np.ndarray, z: float = Z_95) -> np.ndarray:
    """Lower end of Wilson's 95 % interval of a share.

    >>> round(float(wilson_lower(np.array([5.0]), np.array([10.0]))[0]), 4)
    0.2366
    """
    share = successes / trials
    centre = share + z**2 / (2 * trials)
    spread = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return np.clip((centre - spread) / (1 + z**2 / trials), 0.0, 1.0)
