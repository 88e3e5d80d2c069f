"""Daily interactions: how often each visitor acted on each SKU on a day."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.sessions import DAY

INTERACTION_COUNTS = {
    "view": "n_views",
    "add_to_cart": "n_add_to_carts",
    "favourite": "n_favourites",
    "purchase": "n_purchases",
}


def daily_interactions(session_events: DataFrame) -> DataFrame:
    """One row per UTC day, visitor and SKU that was viewed, put in the cart, marked or bought.

    The customer is the first one known that day, in the order of time and then of ``event_id``.
    """
    counted = session_events.where(F.col("sku").isNotNull() & F.col("event_type").isin(*INTERACTION_COUNTS))
    when_known = F.when(F.col("customer_id").isNotNull(), F.struct("occurred_at", "event_id"))
    counts = [
        F.count_if(F.col("event_type") == event_type).alias(name)
        for event_type, name in INTERACTION_COUNTS.items()
    ]
    return (
        counted.withColumn("interaction_date", F.to_date("occurred_at"))
        .groupBy("visitor_id", "interaction_date", "sku")
        .agg(F.min_by("customer_id", when_known).alias("customer_id"), *counts)
        .withColumn(DAY, F.col("interaction_date"))
    )
