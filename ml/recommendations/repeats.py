"""How often customers buy the same again, by category: what tells a consumable from a durable."""

from __future__ import annotations

import numpy as np
import pandas as pd


def repeat_ratios(
    bought: pd.DataFrame, items: pd.DataFrame, skus: np.ndarray, *, default: float, prior: float
) -> np.ndarray:
    """For each SKU, how often a purchase in its category was of an item bought on an earlier day.

    First purchases of a customer are left out (they cannot repeat). Categories with few purchases are pulled
    to the shop's ratio, as if ``prior`` purchases had been average.
    """
    known = bought.dropna(subset=["customer_id"])
    known = known.assign(day=pd.to_datetime(known["order_date"]))
    first_day = known.groupby("customer_id")["day"].transform("min")
    again = known.groupby(["customer_id", "sku"])["day"].transform("min") < known["day"]
    later = (known["day"] > first_day).to_numpy()
    category_of = _category_of(items)
    category = known["sku"].map(category_of).fillna("")[later]
    repeated = again[later].astype(float)
    overall = float(repeated.mean()) if len(repeated) else default
    sums = repeated.groupby(category).agg(["sum", "size"])
    pulled = (sums["sum"] + prior * overall) / (sums["size"] + prior)
    return pd.Series(skus).map(category_of).fillna("").map(pulled).fillna(overall).to_numpy(dtype=float)


def _category_of(items: pd.DataFrame) -> pd.Series:
    return (
        items.drop_duplicates("sku").set_index("sku")["category_id"]
        if len(items)
        else pd.Series(dtype=object)
    )
