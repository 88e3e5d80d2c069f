"""Days as partitions: a feed's day is the day in its file's name. One run may cover a range of days."""

from __future__ import annotations

from datetime import date

import dagster as dg

FIRST_DAY = "2010-01-01"
"""Before the oldest feed of the shops that ship; a partition without data costs nothing."""

feed_days = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)


def range_tags(first: date, last: date) -> dict[str, str]:
    """Run tags that make one run cover the days from first to last (a single-run backfill)."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def days_of(context: dg.AssetExecutionContext) -> tuple[date | None, date | None]:
    """First and last day that the run is about; ``None`` twice for a run without days: it takes all new."""
    tags = context.run.tags
    first = tags.get("dagster/asset_partition_range_start", tags.get("dagster/partition"))
    last = tags.get("dagster/asset_partition_range_end", tags.get("dagster/partition"))
    return (date.fromisoformat(first) if first else None, date.fromisoformat(last) if last else None)
