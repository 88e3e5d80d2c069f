"""The ordering rule: how much is needed when an order placed now arrives, for many SKUs at once.

Periodic review with lost sales. Stock is walked forward over the periods before arrival, with what is due
and what will be sold; sales that will be lost by then need no stock. What is ordered brings the projected
stock up to the demand of the review period after arrival plus safety stock. Arrays only; tables are made in
``plan``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Need:
    """What the rule found, one entry per SKU: projected stock at arrival, its target, and the gap, in
    units."""

    projected_units: np.ndarray
    review_demand_units: np.ndarray
    safety_units: np.ndarray
    target_units: np.ndarray
    raw_units: np.ndarray
    first_empty_period: np.ndarray


def needs(
    on_hand: np.ndarray,
    receipts: np.ndarray,
    forecast: np.ndarray,
    lead_periods: np.ndarray,
    review_periods: np.ndarray,
    protection_mean: np.ndarray,
    protection_quantile: np.ndarray,
    safety_share: float = 1.0,
) -> Need:
    """Units needed on top of what is projected to be there when an order placed now can first be sold.

    ``receipts`` and ``forecast`` are SKU by period ahead. ``first_empty_period`` is the number of periods
    after which the stock runs out on the mean forecast if nothing is ordered (``inf`` when it lasts).
    """
    stock = np.maximum(on_hand.astype(float), 0)
    lasting = stock.copy()
    first_empty = np.full(len(stock), np.inf)
    for period in range(forecast.shape[1]):
        due = receipts[:, period] if period < receipts.shape[1] else 0.0
        lasting = lasting + due - forecast[:, period]
        first_empty = np.where((lasting < -1e-9) & np.isinf(first_empty), period + 1, first_empty)
        before_arrival = period < lead_periods
        stock = np.where(before_arrival, np.maximum(stock + due - forecast[:, period], 0), stock)
    running = np.hstack([np.zeros((len(stock), 1)), np.cumsum(forecast, axis=1)])
    rows, last = np.arange(len(stock)), forecast.shape[1]
    covered = np.minimum(lead_periods + review_periods, last)
    review_demand = running[rows, covered] - running[rows, np.minimum(lead_periods, last)]
    later = np.array(
        [
            receipts[row, lead : lead + review].sum()
            for row, (lead, review) in enumerate(zip(lead_periods, review_periods, strict=True))
        ]
    )
    safety = safety_share * (protection_quantile - protection_mean)
    target = np.maximum(review_demand + safety, 0)
    raw = np.maximum(target - stock - later, 0)
    return Need(stock, review_demand, safety, target, raw, first_empty)


def xyz_classes(demand_mean: np.ndarray, demand_sd: np.ndarray, cuts: tuple[float, float]) -> np.ndarray:
    """X, Y or Z by the relative error of the protection period's demand; Z where nothing is expected."""
    relative = demand_sd / np.where(demand_mean > 0, demand_mean, np.nan)
    return np.where(relative <= cuts[0], "X", np.where(relative <= cuts[1], "Y", "Z"))
