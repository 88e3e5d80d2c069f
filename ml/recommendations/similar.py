"""Items like an item: seen in the same sessions, of the same brand, or able to replace it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from ml.recommendations.availability import take_ranked, unavailable_skus
from ml.recommendations.text import similar_titles
from ml.served import served_frame

MODEL_VERSION = "decayed_covisits-1"

REASONS = {"co_viewed": "VIEWED_WITH", "same_brand": "SAME_BRAND", "alternative": "SAME_KIND_SIMILAR_PRICE"}


@dataclass(frozen=True)
class SimilarParams:
    """What similar items may be tuned by; the defaults are the served ones."""

    n_items: int = 12
    shrinkage: float = 5.0
    popularity_exponent: float = 0.4
    min_together: int = 2
    text_weight: float = 0.6
    min_text_similarity: float = 0.05
    max_price_ratio: float = 2.0
    min_together_bought: int = 3


DEFAULTS = SimilarParams()


def similar_items(
    pairs: pd.DataFrame,
    items: pd.DataFrame,
    *,
    as_of: date,
    run_id: str,
    purchases: pd.DataFrame | None = None,
    params: SimilarParams = DEFAULTS,
) -> pd.DataFrame:
    """Items to show beside an item, in three kinds. One row per SKU, kind and rank.

    ``co_viewed``: decayed meetings in sessions, shrunk and divided by popularity. ``same_brand``: the same,
    and the likeness of the titles, within the brand. ``alternative``: another product of the category at half
    to double the price, not bought together more than chance would have it (``purchases`` gives the number of
    orders).
    """
    viewed = covisit_scores(pairs, params)
    near = _near_in_text(items, params)
    blended = _blend(viewed, near, items, params)
    rows = pd.concat(
        [
            viewed.assign(kind="co_viewed"),
            _same_brand(blended).assign(kind="same_brand"),
            _alternatives(blended, pairs, purchases, params).assign(kind="alternative"),
        ],
        ignore_index=True,
    )
    rows = take_ranked(
        rows, ["sku", "kind"], item="similar_sku", gone=unavailable_skus(items), limit=params.n_items
    )
    rows = rows.assign(reason_code=rows["kind"].map(REASONS))
    return served_frame("similar_items", rows, as_of=as_of, run_id=run_id, model_version=MODEL_VERSION)


def covisit_scores(pairs: pd.DataFrame, params: SimilarParams = DEFAULTS) -> pd.DataFrame:
    """c / (c + shrinkage) * c / popularity ** exponent of co-viewed pairs, c being the decayed meetings."""
    viewed = pairs[(pairs["pair_kind"] == "co_view") & (pairs["n_together"] >= params.min_together)]
    met = viewed["decayed_weight"].to_numpy(dtype=float)
    popularity = viewed["n_paired"].to_numpy(dtype=float) ** params.popularity_exponent
    score = met / (met + params.shrinkage) * met / popularity
    named = viewed[["sku", "paired_sku", "n_together"]].rename(columns={"paired_sku": "similar_sku"})
    return named.assign(score=score).reset_index(drop=True)


def _near_in_text(items: pd.DataFrame, params: SimilarParams) -> pd.DataFrame:
    title = items["title_en"].fillna(items["title"]).fillna("").astype(str)
    group = items["category_id"].fillna("").astype(str)
    return similar_titles(items["sku"], title, group, keep=50, at_least=params.min_text_similarity)


def _blend(
    viewed: pd.DataFrame, near: pd.DataFrame, items: pd.DataFrame, params: SimilarParams
) -> pd.DataFrame:
    """Text likeness and co-views on one scale, 0 to 1, with the attributes of both items."""
    best = viewed.groupby("sku")["score"].transform("max")
    seen = viewed.assign(seen=viewed["score"] / best.where(best > 0, 1.0)).drop(columns="score")
    both = near.merge(seen, on=["sku", "similar_sku"], how="outer", validate="one_to_one")
    both["score"] = params.text_weight * both["text"].fillna(0.0) + (1 - params.text_weight) * both[
        "seen"
    ].fillna(0.0)
    facts = items[["sku", "product_id", "brand", "category_id", "price_amount"]].drop_duplicates("sku")
    theirs = facts.add_prefix("their_").rename(columns={"their_sku": "similar_sku"})
    return both.merge(facts, on="sku", how="inner").merge(theirs, on="similar_sku", how="inner")


def _same_brand(blended: pd.DataFrame) -> pd.DataFrame:
    same = blended["brand"].notna() & (blended["brand"] == blended["their_brand"])
    return blended.loc[same, ["sku", "similar_sku", "n_together", "score"]]


def _alternatives(
    blended: pd.DataFrame, pairs: pd.DataFrame, purchases: pd.DataFrame | None, params: SimilarParams
) -> pd.DataFrame:
    ratio = blended["their_price_amount"].astype(float) / blended["price_amount"].astype(float)
    fits = ratio.between(1 / params.max_price_ratio, params.max_price_ratio)
    # A shop without categories is one category.
    same_category = blended["category_id"].fillna("") == blended["their_category_id"].fillna("")
    other = same_category & ~(
        blended["product_id"].notna() & (blended["product_id"] == blended["their_product_id"])
    )
    chosen = blended[fits & other & blended["text"].notna()]
    complements = _bought_together(pairs, purchases, params)
    keys = pd.MultiIndex.from_frame(chosen[["sku", "similar_sku"]])
    return chosen.loc[~keys.isin(complements), ["sku", "similar_sku", "n_together", "score"]]


def _bought_together(
    pairs: pd.DataFrame, purchases: pd.DataFrame | None, params: SimilarParams
) -> pd.MultiIndex:
    """Pairs bought in the same order more than expected: complements, hence no replacement for each other."""
    bought = pairs[
        (pairs["pair_kind"] == "co_purchase") & (pairs["n_together"] >= params.min_together_bought)
    ]
    # Without the orders their number is unknown; the busiest SKU's orders are a lower bound of it.
    known = purchases["order_id"].nunique() if purchases is not None and len(purchases) else 0
    n_orders = max(known, int(bought["n_sku"].max()) if len(bought) else 0, 1)
    lift = bought["n_together"] * n_orders / (bought["n_sku"] * bought["n_paired"])
    return pd.MultiIndex.from_frame(bought.loc[lift > 1.0, ["sku", "paired_sku"]])
