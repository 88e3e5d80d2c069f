"""Best sellers by country and category, with time decay and shrinkage: the list for everyone unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from ml.recommendations.availability import take_ranked, unavailable_skus
from ml.served import served_frame

MODEL_VERSION = "decayed_popularity-1"

ACTION_WEIGHTS = {"n_views": 1.0, "n_add_to_carts": 3.0, "n_favourites": 2.0, "n_purchases": 6.0}


@dataclass(frozen=True)
class PopularParams:
    """What popularity may be tuned by; the defaults are the served ones."""

    n_items: int = 24
    n_category_items: int = 12
    half_life_days: float = 14.0
    max_days: int = 180
    prior_orders: float = 50.0
    min_country_orders: int = 30


DEFAULTS = PopularParams()


def popular_items(
    purchases: pd.DataFrame,
    interactions: pd.DataFrame,
    items: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    params: PopularParams = DEFAULTS,
) -> pd.DataFrame:
    """Best sellers for the whole shop and each country, over all and per category.

    One row per segment, category and rank.

    The score is the item's share of decayed order lines. A country's share is pulled towards the shop's as if
    ``prior_orders`` of its lines had been average, so a small country gets the shop's list. A shop without
    purchases is ranked by its interactions instead. ``n_units`` are units (or interactions) in ``max_days``
    days.
    """
    sales = sales_until(purchases, interactions, as_of, params)
    shop = shares(sales)
    tables = [shop.assign(segment="all")]
    lines = sales[sales["country"].notna()]
    sizes = lines.groupby("country", sort=True).size()
    for country in sizes[sizes >= params.min_country_orders].index:
        local = shares(lines[lines["country"] == country], parent=shop, prior=params.prior_orders)
        tables.append(local.assign(segment=f"country:{country}"))
    scored = pd.concat(tables, ignore_index=True)
    gone = unavailable_skus(items)
    overall = take_ranked(
        scored.assign(category_id="all"),
        ["segment", "category_id"],
        item="sku",
        gone=gone,
        limit=params.n_items,
    )
    categories = (
        items.drop_duplicates("sku").set_index("sku")["category_id"]
        if len(items)
        else pd.Series(dtype=object)
    )
    by_category = scored.assign(category_id=scored["sku"].map(categories)).dropna(subset=["category_id"])
    within = take_ranked(
        by_category, ["segment", "category_id"], item="sku", gone=gone, limit=params.n_category_items
    )
    rows = pd.concat([overall, within], ignore_index=True)
    return served_frame("popular_items", rows, as_of=as_of, run_id=run_id, model_version=MODEL_VERSION)


def sales_until(
    purchases: pd.DataFrame, interactions: pd.DataFrame, as_of: date, params: PopularParams = DEFAULTS
) -> pd.DataFrame:
    """Order lines of the last ``max_days``, or interactions where there are none."""
    if len(purchases):
        counted = purchases[purchases["units"] > 0]
        frame = counted[["sku", "country", "units"]].rename(columns={"units": "n_units"}).assign(weight=1.0)
        days = pd.to_datetime(counted["order_date"])
    else:
        weight = sum((interactions[c].astype(float) * w for c, w in ACTION_WEIGHTS.items()), start=0.0)
        n_units = interactions[list(ACTION_WEIGHTS)].sum(axis=1)
        frame = interactions[["sku"]].assign(country=None, n_units=n_units, weight=weight)
        days = pd.to_datetime(interactions["interaction_date"])
    age = (pd.Timestamp(as_of) - days).dt.days
    frame = frame.assign(weight=frame["weight"] * np.exp2(-age / params.half_life_days))
    return frame[(age >= 0) & (age < params.max_days)]


def shares(sales: pd.DataFrame, parent: pd.DataFrame | None = None, prior: float = 0.0) -> pd.DataFrame:
    """Each SKU's share of the weight as ``score``, shrunk to the parent's shares; with ``n_units``.

    One row per SKU.
    """
    sums = sales.groupby("sku", sort=True)[["weight", "n_units"]].sum()
    if parent is not None:
        sums = sums.reindex(parent["sku"], fill_value=0.0)
        pulled = sums["weight"].to_numpy() + prior * parent["score"].to_numpy()
    else:
        pulled = sums["weight"].to_numpy()
    total = pulled.sum()
    score = pulled / total if total > 0 else pulled
    units = np.floor(sums["n_units"].to_numpy(dtype=float)).astype(np.int64)
    return pd.DataFrame({"sku": sums.index.to_numpy(), "score": score, "n_units": units})
