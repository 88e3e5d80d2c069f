"""What each customer might want next: candidates with the signals they come from, known at one day.

Every signal is computed from rows up to the day given, so the same code serves today and judges the past.
Weighing the signals is done in ``customer_ranker``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
import scipy.sparse as sp

from ml.recommendations.associations import Baskets
from ml.recommendations.popular import PopularParams, sales_until, shares
from ml.recommendations.repeats import repeat_ratios

SIGNALS = ("bought", "bought_again", "viewed", "carted", "bought_with", "viewed_with", "popular")


@dataclass(frozen=True)
class CandidateParams:
    """How far signals reach and how many candidates each source may bring."""

    bought_half_life_days: float = 56.0
    viewed_half_life_days: float = 7.0
    viewed_max_days: int = 45
    neighbours: int = 20
    min_together: int = 3
    shrinkage: float = 5.0
    n_popular: int = 40
    default_repeat_ratio: float = 0.1
    repeat_prior: float = 200.0


DEFAULTS = CandidateParams()


@dataclass(frozen=True)
class Candidates:
    """Customers by SKUs in sparse form: candidate ``c`` is ``customers[row[c]]`` with ``skus[column[c]]``.

    ``signals`` is (candidates, signals) in the order of ``SIGNALS``. ``baskets`` and ``screens`` are what the
    customer bought and looked at (customers by SKUs), ``bought_with`` and ``viewed_with`` the neighbours
    used.
    """

    customers: np.ndarray
    skus: np.ndarray
    row: np.ndarray
    column: np.ndarray
    signals: np.ndarray
    baskets: sp.csr_matrix
    screens: sp.csr_matrix
    bought_with: sp.csr_matrix
    viewed_with: sp.csr_matrix
    repeat_ratio: np.ndarray

    def of(self, customers: np.ndarray) -> Candidates:
        """The candidates of some of the customers; nobody's candidates depend on who else is asked for."""
        chosen = np.isin(self.customers, customers)
        kept = chosen[self.row]
        return replace(
            self,
            customers=self.customers[chosen],
            row=(np.cumsum(chosen) - 1)[self.row[kept]],
            column=self.column[kept],
            signals=self.signals[kept],
            baskets=self.baskets[chosen],
            screens=self.screens[chosen],
        )


def build_candidates(
    purchases: pd.DataFrame,
    interactions: pd.DataFrame,
    items: pd.DataFrame,
    *,
    until: date,
    pairs: pd.DataFrame | None = None,
    only: np.ndarray | None = None,
    params: CandidateParams = DEFAULTS,
) -> Candidates:
    """Candidates of the known customers (or ``only`` these) with a purchase or recent action by ``until``.

    ``pairs`` (core item_pairs) must be as of ``until``; without it the pairs are counted from the rows given,
    orders for bought-with and visitor days for viewed-with.
    """
    last = pd.Timestamp(until)
    bought = purchases[(pd.to_datetime(purchases["order_date"]) <= last) & (purchases["units"] > 0)]
    days = pd.to_datetime(interactions["interaction_date"])
    seen = interactions[(days <= last) & (days > last - pd.Timedelta(days=params.viewed_max_days))]
    known_bought, known_seen = bought.dropna(subset=["customer_id"]), seen.dropna(subset=["customer_id"])
    customers = np.unique(
        np.r_[known_bought["customer_id"].to_numpy(str), known_seen["customer_id"].to_numpy(str)]
    )
    if only is not None:
        customers = np.intersect1d(customers, only)
    skus = np.unique(np.r_[bought["sku"].to_numpy(str), seen["sku"].to_numpy(str)])
    frame = _Grid(customers, skus, last)
    bought_with, viewed_with = _neighbours(frame, bought, seen, pairs, params)
    ratio = repeat_ratios(bought, items, skus, default=params.default_repeat_ratio, prior=params.repeat_prior)
    signals = _signals(frame, known_bought, known_seen, bought_with, viewed_with, ratio, params)
    popular = _popular(frame, bought, seen, until, params)
    row, column, values = _union(signals, popular, frame)
    return Candidates(
        customers,
        skus,
        row,
        column,
        values,
        signals["bought"],
        signals["looked"],
        bought_with,
        viewed_with,
        ratio,
    )


@dataclass(frozen=True)
class _Grid:
    customers: np.ndarray
    skus: np.ndarray
    last: pd.Timestamp

    def place(self, rows: pd.DataFrame, weight: np.ndarray) -> sp.csr_matrix:
        """Sum of the weights by customer and SKU."""
        known = np.isin(rows["customer_id"].to_numpy(str), self.customers)
        row = np.searchsorted(self.customers, rows["customer_id"].to_numpy(str)[known])
        column = np.searchsorted(self.skus, rows["sku"].to_numpy(str)[known])
        return sp.csr_matrix((weight[known], (row, column)), shape=(len(self.customers), len(self.skus)))

    def age_days(self, dates: pd.Series) -> np.ndarray:
        return (self.last - pd.to_datetime(dates)).dt.days.to_numpy(dtype=float)


def _neighbours(
    grid: _Grid,
    bought: pd.DataFrame,
    seen: pd.DataFrame,
    pairs: pd.DataFrame | None,
    params: CandidateParams,
) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Bought with and viewed with: from the pairs given, else counted from orders and visitor days."""
    if pairs is not None:
        return _given(grid, pairs, "co_purchase", params), _given(grid, pairs, "co_view", params)
    visits = seen["visitor_id"].astype(str) + "|" + seen["interaction_date"].astype(str)
    return (
        _counted(grid, bought["order_id"], bought["sku"], params),
        _counted(grid, visits, seen["sku"], params),
    )


def _counted(grid: _Grid, groups: pd.Series, skus: pd.Series, params: CandidateParams) -> sp.csr_matrix:
    baskets = Baskets.from_rows(groups, skus)
    pairs = baskets.pairs(params.min_together)
    n_sku = np.asarray(baskets.matrix.sum(axis=0)).ravel()
    at = np.searchsorted(grid.skus, baskets.skus.astype(str))
    i, j = np.r_[pairs["i"], pairs["j"]].astype(int), np.r_[pairs["j"], pairs["i"]].astype(int)
    share = np.r_[pairs["n_together"], pairs["n_together"]] / (n_sku[i] + params.shrinkage)
    return _strongest(at[i], at[j], share, len(grid.skus), params.neighbours)


def _given(grid: _Grid, pairs: pd.DataFrame, kind: str, params: CandidateParams) -> sp.csr_matrix:
    used = pairs[(pairs["pair_kind"] == kind) & (pairs["n_together"] >= params.min_together)]
    used = used[used["sku"].isin(grid.skus) & used["paired_sku"].isin(grid.skus)]
    share = used["n_together"].to_numpy(float) / (used["n_sku"].to_numpy(float) + params.shrinkage)
    i = np.searchsorted(grid.skus, used["sku"].to_numpy(str))
    j = np.searchsorted(grid.skus, used["paired_sku"].to_numpy(str))
    return _strongest(i, j, share, len(grid.skus), params.neighbours)


def _strongest(i: np.ndarray, j: np.ndarray, share: np.ndarray, n: int, keep: int) -> sp.csr_matrix:
    order = np.lexsort((j, -np.round(share, 9), i))
    i, j, share = i[order], j[order], share[order]
    starts = np.searchsorted(i, i)
    best = np.arange(len(i)) - starts < keep
    return sp.csr_matrix((share[best], (i[best], j[best])), shape=(n, n))


def _signals(
    grid: _Grid,
    bought: pd.DataFrame,
    seen: pd.DataFrame,
    bought_with: sp.csr_matrix,
    viewed_with: sp.csr_matrix,
    ratio: np.ndarray,
    params: CandidateParams,
) -> dict[str, sp.csr_matrix]:
    baskets = grid.place(bought, np.exp2(-grid.age_days(bought["order_date"]) / params.bought_half_life_days))
    fresh = np.exp2(-grid.age_days(seen["interaction_date"]) / params.viewed_half_life_days)
    viewed = grid.place(seen, fresh * seen["n_views"].to_numpy(float))
    wanted = seen["n_add_to_carts"].to_numpy(float) + seen["n_favourites"].to_numpy(float)
    carted = grid.place(seen, fresh * wanted)
    looked = viewed + carted
    return {
        "bought": baskets,
        "bought_again": (baskets @ sp.diags(ratio)).tocsr(),
        "viewed": viewed,
        "carted": carted,
        "bought_with": (baskets @ bought_with).tocsr(),
        "viewed_with": (looked @ viewed_with).tocsr(),
        "looked": looked,
    }


def _popular(
    grid: _Grid, bought: pd.DataFrame, seen: pd.DataFrame, until: date, params: CandidateParams
) -> np.ndarray:
    popular = shares(sales_until(bought, seen, until, PopularParams()))
    score = np.zeros(len(grid.skus))
    score[np.searchsorted(grid.skus, popular["sku"].to_numpy(str))] = popular["score"]
    return score


def _union(
    signals: dict[str, sp.csr_matrix],
    popular: np.ndarray,
    grid: _Grid,
    n_popular: int = CandidateParams.n_popular,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n_skus = len(grid.skus)
    keys = {}
    for name in SIGNALS[:-1]:
        found = signals[name].tocoo()
        keys[name] = (found.row.astype(np.int64) * n_skus + found.col, found.data)
    top = np.lexsort((np.arange(n_skus), -np.round(popular, 12)))[:n_popular]
    everyone = np.add.outer(np.arange(len(grid.customers), dtype=np.int64) * n_skus, top).ravel()
    union = np.sort(np.concatenate([*(k for k, _ in keys.values()), everyone]))
    union = union[np.r_[True, union[1:] != union[:-1]]] if len(union) else union
    values = np.zeros((len(union), len(SIGNALS)))
    for place, (key, data) in enumerate(keys.values()):
        values[np.searchsorted(union, key), place] = data
    row, column = union // max(n_skus, 1), union % max(n_skus, 1)
    values[:, -1] = popular[column]
    return row, column, values
