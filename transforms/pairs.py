"""Item pairs: which SKUs meet in sessions and orders, how often and how lately. Scores are made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.sessions import DAY, MICROSECONDS, moment

MICROSECONDS_OF_DAY = 86_400 * MICROSECONDS

PAIR_KIND_OF_EVENT = {"view": "co_view", "add_to_cart": "co_cart", "purchase": "co_purchase"}
# Weights are added as whole numbers of 2**-40: such a sum does not depend on the order of its terms, so equal
# pairs tie on every machine. A term errs by less than 1e-12; eight million full-weight meetings fit.
WEIGHT_STEPS = 2**40
# Stands for "with whatever" in the rows that count the baskets of a SKU.
NO_SKU = ""


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
    """Pairs of SKUs in both directions, with support and time-decayed weight, from all that is known.

    One row per kind of pair, SKU and paired SKU; the same rows as ``summed_pairs`` of all ``pair_days``.
    """
    return summed_pairs(pair_days(session_events, order_lines, params), as_of_end, params)


def pair_days(
    session_events: DataFrame | None, order_lines: DataFrame | None, params: PairParams = PairParams()
) -> DataFrame:
    """What each day adds to the pairs, in whole numbers: days sum up in any order and are rebuilt alone.

    Co-purchases come from the product lines of orders, or from purchase events where a shop has no such feed.
    A basket belongs to the UTC day on which it was last added to. ``weight_steps`` is the weight that the
    meetings have at the end of that day. One row per day, kind and unordered pair (``sku`` is the lower), and
    one with an empty ``paired_sku`` per day, kind and SKU, which counts the baskets that hold it.
    """
    baskets = _baskets(basket_items(session_events, order_lines))
    return _counted(_met(baskets, params))


def summed_pairs(days: DataFrame, as_of_end: datetime, params: PairParams = PairParams()) -> DataFrame:
    """The pairs as of an instant, from the days up to it.

    A pair needs ``min_together`` meetings; of each SKU and kind the ``max_paired`` heaviest are kept, ties
    going to more meetings and then to the lower SKU. One row per kind of pair, SKU and paired SKU.
    """
    totals = days.groupBy("pair_kind", "sku", "paired_sku").agg(
        F.sum("n_together").alias("n_together"),
        (F.sum(_steps_at(as_of_end, params)) / float(WEIGHT_STEPS)).alias("decayed_weight"),
        F.timestamp_micros(F.max("last_micros")).alias("last_together_at"),
    )
    # Kept, because the joins below do not see that they ask for the same, and would sum all days thrice.
    totals = totals.where(
        (F.col("paired_sku") == NO_SKU) | (F.col("n_together") >= params.min_together)
    ).persist()
    support = totals.where(F.col("paired_sku") == NO_SKU).select(
        "pair_kind", "sku", F.col("n_together").alias("n_sku")
    )
    pairs = totals.where(F.col("paired_sku") != NO_SKU)
    return with_support(heaviest(both_directions(pairs), params), support)


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


def _baskets(items: DataFrame) -> DataFrame:
    """One row per kind and basket: its day, and its SKUs with their last times, newest first."""
    newest_first = F.sort_array(F.collect_list(F.struct((-F.unix_micros("last_at")).alias("before"), "sku")))
    return (
        items.groupBy("owner_id", "pair_kind", "basket_id")
        .agg(newest_first.alias("newest"))
        .withColumn("day_number", F.floor(-F.col("newest")[0]["before"] / MICROSECONDS_OF_DAY))
    )


def _met(baskets: DataFrame, params: PairParams) -> DataFrame:
    """One row per basket and pair that met in it, and per basket and SKU.

    A basket counts with its latest SKUs only, as many as the caps allow, ties going to the lower SKU. Two
    SKUs meet when the later of them is seen last; a meeting one half-life before the day's end weighs a half.
    """
    cap = F.when(F.col("pair_kind") == "co_purchase", params.max_order_skus).otherwise(
        params.max_session_skus
    )
    by_sku = F.sort_array(
        F.transform(
            F.slice("newest", F.lit(1), cap),
            lambda item: F.struct(item["sku"].alias("sku"), (-item["before"]).alias("at")),
        )
    )
    day_end = (F.col("day_number") + 1) * MICROSECONDS_OF_DAY

    def meeting(low: Column, high: Column) -> Column:
        at = F.greatest(low["at"], high["at"])
        return F.struct(
            low["sku"].alias("sku"),
            high["sku"].alias("paired_sku"),
            at.alias("micros"),
        )

    held = F.transform(
        "newest",
        lambda item: F.struct(
            item["sku"].alias("sku"), F.lit(NO_SKU).alias("paired_sku"), (-item["before"]).alias("micros")
        ),
    )
    pairs = F.flatten(
        F.transform(
            "items",
            lambda low, place: F.transform(
                F.slice("items", place + 2, F.size("items")), lambda high: meeting(low, high)
            ),
        )
    )
    return (
        baskets.withColumn("items", by_sku)
        .select("pair_kind", "day_number", F.explode(F.concat(held, pairs)).alias("met"))
        .select(
            "pair_kind",
            "day_number",
            "met.*",
            _weight_in_steps(day_end - F.col("met.micros"), params).alias("steps"),
        )
    )


def _counted(met: DataFrame) -> DataFrame:
    return (
        met.groupBy("day_number", "pair_kind", "sku", "paired_sku")
        .agg(
            F.count(F.lit(1)).alias("n_together"),
            F.sum("steps").alias("weight_steps"),
            F.max("micros").alias("last_micros"),
        )
        .withColumn(DAY, F.date_from_unix_date(F.col("day_number").cast("int")))
        .drop("day_number")
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


def with_support(pairs: DataFrame, support: DataFrame) -> DataFrame:
    """Pairs with ``n_sku`` and ``n_paired``: the baskets that hold either SKU, capped items included."""
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


def _weight_in_steps(age_micros: Column, params: PairParams) -> Column:
    age_days = age_micros / float(MICROSECONDS_OF_DAY)
    return F.rint(F.pow(F.lit(2.0), -age_days / params.half_life_days) * float(WEIGHT_STEPS)).cast("bigint")


def _steps_at(as_of_end: datetime, params: PairParams) -> Column:
    """A day's weight at ``as_of_end``: that of its end, aged by the time between (which may be negative)."""
    day_end = (F.unix_date(DAY) + 1).cast("bigint") * MICROSECONDS_OF_DAY
    age_days = (F.unix_micros(moment(as_of_end)) - day_end) / float(MICROSECONDS_OF_DAY)
    return F.rint(F.col("weight_steps") * F.pow(F.lit(2.0), -age_days / params.half_life_days)).cast("bigint")
