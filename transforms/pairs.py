"""Item pairs: which SKUs meet in sessions and orders, how often and how lately. Scores are made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.sessions import MICROSECONDS, moment

PAIR_KIND_OF_EVENT = {"view": "co_view", "add_to_cart": "co_cart", "purchase": "co_purchase"}
# Weights are added as whole numbers of 2**-40: such a sum does not depend on the order of its terms, so equal
# pairs tie on every machine. A term errs by less than 1e-12; eight million full-weight meetings fit.
WEIGHT_STEPS = 2**40


@dataclass(frozen=True)
class PairParams:
    """How meetings are weighed, and how many pairs are kept; the caps bound work that grows as the square."""

    half_life_days: float = 30.0
    max_session_skus: int = 30
    max_order_skus: int = 100
    min_together: int = 2
    max_paired: int = 100


def item_pairs(
    session_events: DataFrame | None,
    order_lines: DataFrame | None,
    as_of_end: datetime,
    params: PairParams = PairParams(),
) -> DataFrame:
    """Pairs of SKUs in both directions, with support and time-decayed weight.

    Co-purchases come from the product lines of orders, or from purchase events where a shop has no such feed.
    A pair needs ``min_together`` meetings; of each SKU and kind the ``max_paired`` heaviest are kept, ties
    going to more meetings and then to the lower SKU. One row per kind of pair, SKU and paired SKU.
    """
    items = basket_items(session_events, order_lines)
    counted = count_meetings(items, as_of_end, params).where(F.col("n_together") >= params.min_together)
    return with_support(heaviest(both_directions(counted), params), items)


def basket_items(session_events: DataFrame | None, order_lines: DataFrame | None) -> DataFrame:
    """What lay together. One row per kind of pair, basket (session or order) and SKU, with its last time.

    ``owner_id`` (the visitor, or the order itself) says nothing new about a basket; grouping by it too finds
    the rows of a visitor where they already lie, and so saves a shuffle.
    """
    parts = []
    if session_events is not None:
        parts.append(_items_of_sessions(session_events, with_purchases=order_lines is None))
    if order_lines is not None:
        parts.append(_items_of_orders(order_lines))
    if not parts:
        raise ValueError("Got neither session events nor order lines, but expected at least one of them.")
    return parts[0] if len(parts) == 1 else parts[0].unionByName(parts[1])


def count_meetings(items: DataFrame, as_of_end: datetime, params: PairParams) -> DataFrame:
    """One row per kind and unordered pair (``sku`` is the lower): meetings, decayed weight, last meeting.

    A basket counts with its latest SKUs only, as many as the caps allow, ties going to the lower SKU. Two
    SKUs meet when the later of them is seen last; a meeting one half-life before ``as_of_end`` weighs a half.
    """
    cap = F.when(F.col("pair_kind") == "co_purchase", params.max_order_skus).otherwise(
        params.max_session_skus
    )
    newest_first = F.sort_array(F.collect_list(F.struct((-F.unix_micros("last_at")).alias("before"), "sku")))
    baskets = (
        items.groupBy("owner_id", "pair_kind", "basket_id")
        .agg(newest_first.alias("newest"))
        .where(F.size("newest") > 1)
        .withColumn("newest", F.slice("newest", F.lit(1), cap))
    )
    by_sku = F.sort_array(
        F.transform("newest", lambda item: F.struct(item["sku"].alias("sku"), (-item["before"]).alias("at")))
    )
    meetings = (
        baskets.select("pair_kind", by_sku.alias("items"))
        .select("pair_kind", "items", F.posexplode("items").alias("place", "low"))
        .select(
            "pair_kind", "low", F.explode(F.slice("items", F.col("place") + 2, F.size("items"))).alias("high")
        )
        .select(
            "pair_kind",
            F.col("low.sku").alias("sku"),
            F.col("high.sku").alias("paired_sku"),
            F.greatest("low.at", "high.at").alias("met_micros"),
        )
    )
    return meetings.groupBy("pair_kind", "sku", "paired_sku").agg(
        F.count(F.lit(1)).alias("n_together"),
        (F.sum(_weight_in_steps(as_of_end, params)) / float(WEIGHT_STEPS)).alias("decayed_weight"),
        F.timestamp_micros(F.max("met_micros")).alias("last_together_at"),
    )


def both_directions(pairs: DataFrame) -> DataFrame:
    """Each unordered pair twice, once from either SKU."""
    there = F.struct(F.col("sku").alias("sku"), F.col("paired_sku").alias("paired_sku"))
    back = F.struct(F.col("paired_sku").alias("sku"), F.col("sku").alias("paired_sku"))
    rest = ["pair_kind", "n_together", "decayed_weight", "last_together_at"]
    return pairs.select(*rest, F.explode(F.array(there, back)).alias("direction")).select(
        "direction.*", *rest
    )


def heaviest(pairs: DataFrame, params: PairParams) -> DataFrame:
    """Of each SKU and kind the ``max_paired`` pairs of most weight."""
    by_weight = Window.partitionBy("pair_kind", "sku").orderBy(
        F.desc("decayed_weight"), F.desc("n_together"), F.asc("paired_sku")
    )
    return (
        pairs.withColumn("place", F.row_number().over(by_weight))
        .where(F.col("place") <= params.max_paired)
        .drop("place")
    )


def with_support(pairs: DataFrame, items: DataFrame) -> DataFrame:
    """Pairs with ``n_sku`` and ``n_paired``: the baskets that hold either SKU, capped items included."""
    # Kept, because the two joins do not see that they ask for the same, and would count all items twice.
    support = items.groupBy("pair_kind", "sku").agg(F.count(F.lit(1)).alias("n_sku")).persist()
    paired_support = support.withColumnsRenamed({"sku": "paired_sku", "n_sku": "n_paired"})
    return pairs.join(support, on=["pair_kind", "sku"], how="inner").join(
        paired_support, on=["pair_kind", "paired_sku"], how="inner"
    )


def _items_of_sessions(session_events: DataFrame, with_purchases: bool) -> DataFrame:
    kinds = {e: k for e, k in PAIR_KIND_OF_EVENT.items() if with_purchases or e != "purchase"}
    kind_of_event = F.create_map(*[F.lit(text) for pair in kinds.items() for text in pair])
    order_of_purchase = F.when(F.col("event_type") == "purchase", F.col("order_id"))
    items = session_events.where(F.col("sku").isNotNull() & F.col("event_type").isin(*kinds)).select(
        F.col("visitor_id").alias("owner_id"),
        F.element_at(kind_of_event, F.col("event_type")).alias("pair_kind"),
        F.coalesce(order_of_purchase, F.col("session_id")).alias("basket_id"),
        "sku",
        F.col("occurred_at").alias("last_at"),
    )
    return _last_of_each(items)


def _items_of_orders(order_lines: DataFrame) -> DataFrame:
    items = order_lines.where(F.col("line_kind") == "product").select(
        F.col("order_id").alias("owner_id"),
        F.lit("co_purchase").alias("pair_kind"),
        F.col("order_id").alias("basket_id"),
        "sku",
        F.col("ordered_at").alias("last_at"),
    )
    return _last_of_each(items.repartition("owner_id"))


def _last_of_each(items: DataFrame) -> DataFrame:
    return items.groupBy("owner_id", "pair_kind", "basket_id", "sku").agg(F.max("last_at").alias("last_at"))


def _weight_in_steps(as_of_end: datetime, params: PairParams) -> Column:
    age_days = (F.unix_micros(moment(as_of_end)) - F.col("met_micros")) / float(86_400 * MICROSECONDS)
    return F.rint(F.pow(F.lit(2.0), -age_days / params.half_life_days) * float(WEIGHT_STEPS)).cast("bigint")
