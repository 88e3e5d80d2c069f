"""Sessions: which visit each action belongs to, and one row for each visit. Judging visits is in ``bots``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

MICROSECONDS = 1_000_000

DAY = "_day"
"""The lake's own column of every core table that grows: the UTC day by which its rows are replaced."""

EVENT_COUNTS = {
    "view": "n_views",
    "search": "n_searches",
    "add_to_cart": "n_add_to_carts",
    "remove_from_cart": "n_remove_from_carts",
    "favourite": "n_favourites",
    "share": "n_shares",
    "purchase": "n_purchases",
}
FIRST_SEEN = ("customer_id", "order_id", "device_type", "country", "channel")


@dataclass(frozen=True)
class SessionParams:
    """How a visitor's actions are cut into visits."""

    gap_minutes: int = 30


def moment(at: datetime) -> Column:
    """A literal instant, independent of every time-zone setting."""
    if at.tzinfo is None:
        raise ValueError(f"Got {at!r} without a time zone, but expected an aware datetime.")
    return F.timestamp_micros(F.lit(round(at.timestamp()) * MICROSECONDS))


def with_sessions(events: DataFrame, params: SessionParams = SessionParams()) -> DataFrame:
    """Give each action its session, its ``position`` in that from 1, and the session's first day.

    A new session starts after more than ``gap_minutes`` without an action, and where the source names another
    session. Actions at one instant are ordered by ``event_id``; an action delivered twice counts once. The
    identifier hashes visitor, source session and start, so it stays the same however often the job is run.
    """
    in_order = Window.partitionBy("visitor_id", "source_session_id").orderBy("occurred_at", "event_id")
    so_far = in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    named = F.concat_ws("|", "visitor_id", "source_session_id", F.unix_micros("occurred_at").cast("string"))
    # What holds at a session's first action is carried on to the others: a hash a session, not an action.
    session_id = F.last(F.when(F.col("starts_session"), F.sha2(named, 256)), ignorenulls=True).over(so_far)
    first_number = F.max(F.when(F.col("starts_session"), F.col("visit_number"))).over(so_far)
    first_day = F.max(F.when(F.col("starts_session"), F.to_date("occurred_at"))).over(so_far)
    return (
        _numbered(events, params)
        .withColumns({"session_id": session_id, "first_number": first_number, DAY: first_day})
        .withColumn("position", (F.col("visit_number") - F.col("first_number") + 1).cast("bigint"))
        .drop("starts_session", "visit_number", "first_number")
    )


def _numbered(events: DataFrame, params: SessionParams) -> DataFrame:
    """The actions of each visitor in order, numbered, without those that the source delivered a second time.

    A second delivery has the visitor, instant and ``event_id`` of the first, so it lies next to it in the
    order that sessions need anyway, takes no number of its own, and changes no pause. Events that share an
    identifier but differ are the contract's to refuse.
    """
    in_order = Window.partitionBy("visitor_id", "source_session_id").orderBy("occurred_at", "event_id")
    idle = F.unix_micros("occurred_at") - F.col("previous_micros")
    is_repeat = (idle == 0) & (F.col("previous_event_id") == F.col("event_id"))
    # One shuffle for all that follows: whatever is grouped by the visitor and more needs no other.
    return (
        events.repartition("visitor_id")
        .withColumns(
            {
                "previous_event_id": F.lag("event_id").over(in_order),
                "previous_micros": F.unix_micros(F.lag("occurred_at").over(in_order)),
                "visit_number": F.dense_rank().over(in_order),
            }
        )
        .where(~F.coalesce(is_repeat, F.lit(False)))
        .withColumn("starts_session", F.coalesce(idle > params.gap_minutes * 60 * MICROSECONDS, F.lit(True)))
        .drop("previous_event_id", "previous_micros")
    )


def summarise(session_events: DataFrame) -> DataFrame:
    """One row per session: start, end, length, counts by kind of action, and what was seen first."""
    counts = [
        F.count_if(F.col("event_type") == event_type).alias(name) for event_type, name in EVENT_COUNTS.items()
    ]
    firsts = [
        F.min_by(name, F.when(F.col(name).isNotNull(), F.col("position"))).alias(name) for name in FIRST_SEEN
    ]
    sessions = session_events.groupBy("visitor_id", "session_id").agg(
        F.min("occurred_at").alias("started_at"),
        F.max("occurred_at").alias("ended_at"),
        F.count(F.lit(1)).alias("n_events"),
        F.size(F.collect_set("sku")).alias("n_skus"),
        *counts,
        *firsts,
    )
    length = F.unix_micros("ended_at") - F.unix_micros("started_at")
    return sessions.withColumns(
        {"duration_seconds": F.floor(length / MICROSECONDS).cast("bigint"), DAY: F.to_date("started_at")}
    )
