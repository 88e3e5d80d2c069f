"""Features of the boosted model: what is known at an origin about each series and bucket of periods ahead.

Everything is a ratio to the series' recent level, or a fact known in advance (promotions, events, calendar).
Nothing after the origin is read but the weights and plans of the bucket itself; tests shuffle the future to
prove it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ml.forecasting.cleaning import trailing_sums
from ml.forecasting.panel import DemandPanel

LOOKBACKS_DAYS = (7, 14, 28, 56, 91, 182)
LEVEL_MIX = ((28, 0.5), (56, 0.3), (182, 0.2))


@dataclass(frozen=True)
class BucketRows:
    """One row per bucket and series: features, the level they refer to, and the ratio that came true."""

    features: np.ndarray
    level: np.ndarray
    ratio: np.ndarray
    exposure: np.ndarray
    is_usable: np.ndarray

    @classmethod
    def stack(cls, parts: list[BucketRows]) -> BucketRows:
        """The rows of all parts, one after the other."""
        return cls(*[np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)])

    def take(self, rows: np.ndarray) -> BucketRows:
        """Some of the rows."""
        return BucketRows(*[getattr(self, field.name)[rows] for field in fields(self)])


class PanelSums:
    """Running sums of a panel, so that any window at any origin costs two look-ups."""

    def __init__(self, panel: DemandPanel, weights: np.ndarray) -> None:
        past = slice(0, panel.n_past)
        seen = panel.is_observed
        self.n_past = panel.n_past
        self.units = trailing_sums(np.where(seen, panel.units, 0))
        self.weight = trailing_sums(np.where(seen, weights[:, past], 0))
        self.n_seen = trailing_sums(seen)
        self.n_sold = trailing_sums(seen & (panel.units > 0))
        self.n_censored = trailing_sums(panel.is_censored)
        self.promoted = trailing_sums(panel.is_promoted)
        self.discount = trailing_sums(panel.discount)
        self.all_weight = trailing_sums(weights)
        self.is_event = np.concatenate([[0], np.cumsum(panel.event > 0)])


def _window(sums: np.ndarray, low: int, high: int) -> np.ndarray:
    low, high = max(low, 0), min(max(high, 0), sums.shape[1] - 1)
    return sums[:, high] - sums[:, low] if high > low else np.zeros(len(sums))


def training_origins(
    panel: DemandPanel, buckets: list[tuple[int, int]], max_rows: int, n_series: int
) -> list[int]:
    """Past origins to learn from, a week (or period) apart and newest first, as many as the row budget
    allows."""
    step = 7 if panel.period_days == 1 else 1
    least = 56 // panel.period_days
    last = panel.n_past - buckets[0][1]
    origins = list(range(last, least - 1, -step))
    budget = max(int(max_rows / max(n_series * len(buckets), 1)), 4)
    return origins[:budget]


def recent_level(sums: PanelSums, origin: int, period_days: int) -> np.ndarray:
    """Units per unit of weight lately: a mix of 4, 8 and 26 weeks, each shrunk to the longer one, above
    zero."""
    longest = 182 // period_days
    units, weight = (
        _window(sums.units, origin - longest, origin),
        _window(sums.weight, origin - longest, origin),
    )
    slow = (units + 0.25) / (weight + 0.25 * longest / 4)
    level = np.zeros_like(slow)
    for days, share in LEVEL_MIX:
        k = max(days // period_days, 1)
        level += share * _rate(sums, origin, k, slow, 1.0)
    return np.maximum(level, 1e-3)


def _rate(sums: PanelSums, origin: int, k: int, prior: np.ndarray, strength: float) -> np.ndarray:
    units, weight = _window(sums.units, origin - k, origin), _window(sums.weight, origin - k, origin)
    return (units + strength * prior) / (weight + strength)


def bucket_rows(
    panel: DemandPanel,
    weights: np.ndarray,
    origin: int,
    buckets: list[tuple[int, int]],
    sums: PanelSums | None = None,
) -> BucketRows:
    """The rows of one origin, bucket by bucket; ``ratio`` is only meaningful where the bucket lies in the
    past."""
    sums = sums or PanelSums(panel, weights)
    level = recent_level(sums, origin, panel.period_days)
    common = _series_features(panel, sums, origin, level) + _group_features(panel, sums, origin, level)
    parts = []
    for number, (low, high) in enumerate(buckets):
        begin, end = origin + low, origin + high
        ahead = _bucket_features(panel, sums, begin, end, number)
        is_past = end <= sums.n_past
        seen = _window(sums.weight, begin, end) if is_past else np.zeros(panel.n_series)
        exposure = seen * level
        units = _window(sums.units, begin, end) if is_past else np.zeros(panel.n_series)
        full = _window(sums.all_weight, begin, end)
        has_sold = _window(sums.units, 0, origin) > 0
        parts.append(
            BucketRows(
                features=np.column_stack([*common, *ahead]).astype(np.float32),
                level=level,
                ratio=np.minimum(units / np.maximum(exposure, 1e-9), 1e6),
                exposure=exposure,
                is_usable=(seen >= 0.5 * full) & (seen > 0) & has_sold,
            )
        )
    return BucketRows.stack(parts)


def _series_features(panel: DemandPanel, sums: PanelSums, origin: int, level: np.ndarray) -> list[np.ndarray]:
    period = panel.period_days
    columns = [np.log(level)]
    for days in LOOKBACKS_DAYS:
        columns.append(np.log(_rate(sums, origin, max(days // period, 1), level, 0.5) / level))
    for days in (28, 91):
        k = days // period
        seen = np.maximum(_window(sums.n_seen, origin - k, origin), 1)
        columns.append(_window(sums.n_sold, origin - k, origin) / seen)
        columns.append(_window(sums.n_censored, origin - k, origin) / k)
    columns.append(_window(sums.promoted, origin - 28 // period, origin) / (28 // period))
    known = np.arange(panel.n_past)[None, :] < origin
    has_sold = (panel.units > 0) & known
    first = np.where(has_sold.any(axis=1), has_sold.argmax(axis=1), origin)
    last = np.where(has_sold.any(axis=1), panel.n_past - has_sold[:, ::-1].argmax(axis=1), 0)
    columns += [np.minimum(origin - first, 364 // period), np.minimum(origin - last, 182 // period)]
    price = panel.price[:, origin - 1] if origin > 0 else np.full(panel.n_series, np.nan)
    before = panel.price[:, max(origin - 1 - 56 // period, 0)]
    with np.errstate(invalid="ignore", divide="ignore"):
        columns += [price, price / before]
    year = 364 // period
    last_year = _rate(sums, origin - year + 28 // period, 56 // period, level, 0.5) / level
    columns.append(np.where(origin > year, last_year, np.nan))
    return columns


def _group_features(panel: DemandPanel, sums: PanelSums, origin: int, level: np.ndarray) -> list[np.ndarray]:
    """How the shop, the category, the place and the SKU elsewhere run against the levels of their members."""
    columns = []
    for name in ("", *_groups(panel)):
        codes, n_groups = _codes(panel, name)
        for days in (7, 28):
            k = max(days // panel.period_days, 1)
            units, weight = _window(sums.units, origin - k, origin), _window(sums.weight, origin - k, origin)
            sold = np.bincount(codes, units, n_groups)
            expected = np.bincount(codes, weight * level, n_groups)
            columns.append(((sold + 1.0) / (expected + 1.0))[codes])
    return columns


def _groups(panel: DemandPanel) -> list[str]:
    """Keys that put some series, but not all of them, together."""
    return [
        name
        for name in ("category_id", "location_id", "sku")
        if _codes(panel, name)[1] not in (1, panel.n_series)
    ]


def feature_layout(panel: DemandPanel) -> tuple[str, ...]:
    """The optional feature columns that this panel has: a model can only read a panel of the same layout."""
    return (*_groups(panel), *(["week_of_year"] if _has_two_years(panel) else []))


def _has_two_years(panel: DemandPanel) -> bool:
    return panel.n_past * panel.period_days >= 2 * 364


def _bucket_features(
    panel: DemandPanel, sums: PanelSums, begin: int, end: int, number: int
) -> list[np.ndarray]:
    n, length = panel.n_series, end - begin
    weight = _window(sums.all_weight, begin, end) / length
    columns = [
        np.full(n, number),
        weight,
        _window(sums.promoted, begin, end) / length,
        _window(sums.discount, begin, end) / length,
        np.full(n, (sums.is_event[min(end, len(sums.is_event) - 1)] - sums.is_event[begin]) / length),
    ]
    if _has_two_years(panel):
        middle = panel.dates[min(begin + length // 2, len(panel.dates) - 1)]
        week = int((middle - middle.astype("datetime64[Y]")).astype("timedelta64[D]").astype(int)) // 7
        columns.append(np.full(n, week))
    columns.append(_last_year_growth(panel, sums, begin, end))
    return columns


def _last_year_growth(panel: DemandPanel, sums: PanelSums, begin: int, end: int) -> np.ndarray:
    """What the category sold in the same bucket last year over what it sold in the four weeks before that
    bucket."""
    year, month = 364 // panel.period_days, 28 // panel.period_days
    if begin - year - month < 0:
        return np.full(panel.n_series, np.nan)
    codes, n_groups = _codes(panel, "category_id")
    then = np.bincount(codes, _window(sums.units, begin - year, end - year), n_groups)
    before = np.bincount(codes, _window(sums.units, begin - year - month, begin - year), n_groups)
    return (((then + 5) / (end - begin)) / ((before + 5) / month))[codes]


def _codes(panel: DemandPanel, name: str) -> tuple[np.ndarray, int]:
    if not name:
        return np.zeros(panel.n_series, dtype=int), 1
    codes, groups = np.unique(panel.keys[name].to_numpy(dtype=str), return_inverse=True)[::-1]
    return codes, len(groups)
