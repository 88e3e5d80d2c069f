"""Bots: the rules by which a session is set aside because no person makes it."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class BotParams:
    """Beyond which length, count and pace a session is a machine's; each bound itself is still a person's."""

    max_events: int = 500
    max_events_per_minute: float = 60.0
    max_hours: float = 24.0


def bot_reason(params: BotParams = BotParams()) -> Column:
    """The first rule a session breaks: ``endless``, ``too_many_events``, ``too_fast``; null for a person.

    The pace is the average over the session, and over at least one minute: a burst of a page that reports
    twenty things at once is not a machine.
    """
    minutes = F.greatest(F.col("duration_seconds") / 60.0, F.lit(1.0))
    return (
        F.when(F.col("duration_seconds") > params.max_hours * 3600, F.lit("endless"))
        .when(F.col("n_events") > params.max_events, F.lit("too_many_events"))
        .when(F.col("n_events") > minutes * params.max_events_per_minute, F.lit("too_fast"))
    )


def judged(sessions: DataFrame, params: BotParams = BotParams()) -> DataFrame:
    """Sessions with ``bot_reason``, which is null for those of people."""
    return sessions.withColumn("bot_reason", bot_reason(params))


def of_people(sessions: DataFrame) -> DataFrame:
    """The judged sessions that break no rule."""
    return sessions.where(F.col("bot_reason").isNull()).drop("bot_reason")


def of_bots(sessions: DataFrame) -> DataFrame:
    """The judged sessions set aside, with the reason."""
    return sessions.where(F.col("bot_reason").isNotNull())


def without_bots(session_events: DataFrame, bot_sessions: DataFrame) -> DataFrame:
    """The actions outside the sessions set aside."""
    return session_events.join(bot_sessions.select("session_id"), on="session_id", how="left_anti")
