"""The served bundles: items bought together more often than chance, and their check on later orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from ml.recommendations.associations import Baskets, assess_pairs, wilson_lower
from ml.recommendations.availability import take_ranked, unavailable_skus
from ml.served import served_frame

MODEL_VERSION = "tested_association-1"


@dataclass(frozen=True)
class BundleParams:
    """What makes a pair a bundle; the defaults are the served ones.

    The expected number of orders, and so the lift, allows for orders of unequal size (see
    ``associations.effective_orders``).
    """

    n_items: int = 6
    min_orders: int = 5
    min_lift: float = 1.2
    max_q_value: float = 0.01
    max_days: int = 365
    test_share: float = 0.15
    accuracy_at: int = 10
    seed: int = 11


DEFAULTS = BundleParams()


def bundles(
    purchases: pd.DataFrame,
    items: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    params: BundleParams = DEFAULTS,
) -> pd.DataFrame:
    """Items bought with each item, from the orders of the last ``max_days`` days until ``as_of``.

    One row per SKU and rank.

    Ranked by the Wilson lower bound of P(other | item), so a pair seen five times does not beat one seen five
    hundred times. Only pairs that pass the gates of ``BundleParams`` are listed; unavailable items are left
    out.
    """
    rules = accepted_rules(_baskets(purchases, as_of, params.max_days), params)
    ranked = take_ranked(
        rules.assign(score=rules["confidence_lower_ratio"]),
        ["sku"],
        item="bundled_sku",
        gone=unavailable_skus(items),
        limit=params.n_items,
    )
    return served_frame("bundles", ranked, as_of=as_of, run_id=run_id, model_version=MODEL_VERSION)


def accepted_rules(baskets: Baskets, params: BundleParams) -> pd.DataFrame:
    """Both directions of every pair that passes the gates, with the served measures.

    One row per SKU and other SKU.
    """
    return accepted_of(assess_pairs(baskets, params.min_orders, params.min_lift), baskets.skus, params)


def accepted_of(pairs: pd.DataFrame, skus: np.ndarray, params: BundleParams) -> pd.DataFrame:
    """The same from pairs already tested."""
    good = (pairs["lift"] >= params.min_lift) & (pairs["q_value"] <= params.max_q_value)
    return both_directions(pairs[good], skus)


def both_directions(pairs: pd.DataFrame, skus: np.ndarray) -> pd.DataFrame:
    """Each pair as two rules, sku -> bundled_sku, with confidence_ratio and confidence_lower_ratio."""
    there = pairs.rename(columns={"n_i": "n_sku", "n_j": "n_bundled"})
    back = pairs.rename(columns={"i": "j", "j": "i", "n_j": "n_sku", "n_i": "n_bundled"})
    rules = pd.concat([there, back[there.columns]], ignore_index=True)
    together, n_sku = rules["n_together"].to_numpy(dtype=float), rules["n_sku"].to_numpy(dtype=float)
    return rules.assign(
        sku=skus[rules["i"]],
        bundled_sku=skus[rules["j"]],
        n_orders=rules["n_together"],
        confidence_ratio=together / n_sku,
        confidence_lower_ratio=np.minimum(wilson_lower(together, n_sku), together / n_sku),
    )


def _baskets(purchases: pd.DataFrame, as_of: date, max_days: int) -> Baskets:
    dates = pd.to_datetime(purchases["order_date"])
    last = pd.Timestamp(as_of)
    used = purchases[
        (dates <= last) & (dates > last - pd.Timedelta(days=max_days)) & (purchases["units"] > 0)
    ]
    return Baskets.from_rows(used["order_id"], used["sku"])
