"""How long parcels take: the distribution of transit days of every lane, shrunk where parcels are few.

What to do with the probabilities is settled in ``scoring``.
"""

from __future__ import annotations

from datetime import date
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

MAX_DAYS = 30  # longer transits count as this long; no promise in use reaches so far

# What is believed before any parcel was seen: mean transit days by shipping method.
DEFAULT_MEAN_DAYS = {"express": 1.5, "standard": 3.0, "economy": 5.0, "pickup": 1.5}
UNKNOWN_MEAN_DAYS = 4.0

LANE = ["shipping_method", "destination_country", "location_id", "weekday"]
LEVELS = (LANE[:1], LANE[:2], LANE)


class TransitTable(BaseEstimator):
    """P(transit <= d days) by shipping method, country, location and weekday of dispatch.

    Counts of a lane, decayed with ``half_life_days``, are shrunk to (method, country), these to the method
    and these to a stated default, each time as if ``prior_orders`` parcels had followed the wider level.
    Parcels of the last ``settling_days`` are left out while older ones exist: of these only the quick ones
    have arrived, and counting them would make every lane look quick.
    """

    def __init__(
        self, prior_orders: float = 20.0, half_life_days: float = 28.0, settling_days: int = 10
    ) -> None:
        self.prior_orders = prior_orders
        self.half_life_days = half_life_days
        self.settling_days = settling_days

    def fit(self, transits: pd.DataFrame, as_of: date) -> Self:
        """Learn from delivered parcels (feat_transits) that were dispatched and delivered by ``as_of``."""
        known = self._known(transits, as_of)
        self.rows_: dict[tuple[object, ...], int] = {}
        self.n_parcels_: dict[tuple[object, ...], int] = {}
        self._cdfs: list[np.ndarray] = []
        for level in LEVELS:
            counts, sizes = _counts(known, level)
            for key in sorted(counts, key=str):
                share = counts[key] + self.prior_orders * self._pmf(
                    key[:-1] if len(key) < 4 else key[:2], key[0]
                )
                self._add(key, share / share.sum(), sizes[key])
        self.cdf_ = np.array(self._cdfs) if self._cdfs else np.empty((0, MAX_DAYS + 1))
        return self

    def rows_of(self, lanes: pd.DataFrame) -> np.ndarray:
        """Row of ``cdf_`` for each lane (columns of ``LANE``): the finest level that has been seen."""
        check_is_fitted(self, "cdf_")
        keys = list(zip(*(lanes[name] for name in LANE), strict=True))
        found = {key: self._row(key) for key in set(keys)}
        return np.array([found[key] for key in keys], dtype=np.int64)

    def on_time(self, rows: np.ndarray, slack_days: np.ndarray) -> np.ndarray:
        """P(transit <= slack) for table rows; 0 for a negative slack."""
        slack = np.asarray(slack_days)
        if len(rows) == 0:
            return np.zeros(slack.shape)
        return np.where(slack < 0, 0.0, self.cdf_[rows, np.clip(slack, 0, MAX_DAYS).astype(int)])

    def n_parcels(self, lane: tuple[object, ...]) -> int:
        """Parcels seen on a lane, a (method, country) or a (method,) key, undecayed."""
        return self.n_parcels_.get(lane, 0)

    def _known(self, transits: pd.DataFrame, as_of: date) -> pd.DataFrame:
        sent = pd.to_datetime(transits["dispatched_date"])
        days = transits["transit_days"].astype(float)
        delivered = sent + pd.to_timedelta(days.fillna(0), unit="D")
        last = pd.Timestamp(as_of)
        usable = days.notna() & (days >= 0) & (delivered <= last)
        settled = usable & (sent <= last - pd.Timedelta(days=self.settling_days))
        kept = settled if settled.any() else usable
        age = (last - sent[kept]).dt.days
        return transits.loc[kept, LANE[:3]].assign(
            weekday=sent[kept].dt.weekday,
            days=np.clip(days[kept], 0, MAX_DAYS).astype(int),
            weight=np.exp2(-age / self.half_life_days),
        )

    def _pmf(self, key: tuple[object, ...], method: object) -> np.ndarray:
        row = self.rows_.get(key)
        return default_pmf(method) if row is None else np.diff(self._cdfs[row], prepend=0.0)

    def _add(self, key: tuple[object, ...], pmf: np.ndarray, n_parcels: int) -> None:
        self.rows_[key] = len(self._cdfs)
        self.n_parcels_[key] = n_parcels
        self._cdfs.append(np.clip(np.cumsum(pmf), 0.0, 1.0))

    def _row(self, key: tuple[object, ...]) -> int:
        for known in (key, key[:2], key[:1]):
            if known in self.rows_:
                return self.rows_[known]
        self._add(key[:1], default_pmf(key[0]), 0)
        self.cdf_ = np.array(self._cdfs)
        return self.rows_[key[:1]]


def default_pmf(method: object) -> np.ndarray:
    """The stated belief before any data: Poisson around the method's mean, at least one day."""
    mean = DEFAULT_MEAN_DAYS.get(str(method), UNKNOWN_MEAN_DAYS) - 1.0
    steps = np.arange(MAX_DAYS)
    log_pmf = steps * np.log(mean) - np.cumsum(np.log(np.maximum(steps, 1)))
    pmf = np.r_[0.0, np.exp(log_pmf)]
    return pmf / pmf.sum()


def _counts(
    known: pd.DataFrame, level: list[str]
) -> tuple[dict[tuple[object, ...], np.ndarray], dict[tuple[object, ...], int]]:
    counts: dict[tuple[object, ...], np.ndarray] = {}
    sizes: dict[tuple[object, ...], int] = {}
    for key, part in known.dropna(subset=level).groupby(level, sort=True):
        counts[key] = np.bincount(part["days"], part["weight"], minlength=MAX_DAYS + 1)
        sizes[key] = len(part)
    return counts, sizes
