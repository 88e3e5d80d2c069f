"""The main job, its daily schedule, and the sensor that starts it when files are dropped."""

import dagster as dg

from orchestration.arrivals import arrived_since
from orchestration.partitions import feed_days
from orchestration.resources import WorkspaceResource

main_job = dg.define_asset_job(
    "main",
    selection=dg.AssetSelection.all(),
    description="From what has arrived to a published generation.",
    tags={"subject": "whole shop"},
)

daily_schedule = dg.build_schedule_from_partitioned_job(
    main_job, name="daily", hour_of_day=5, description="Every morning, the day before."
)


@dg.sensor(
    job=main_job,
    minimum_interval_seconds=60,
    description="Starts the main job when new files lie in a feed's folder.",
)
def dropped_files(
    context: dg.SensorEvaluationContext, workspace: WorkspaceResource
) -> dg.SensorResult | dg.SkipReason:
    """One run for all that has arrived since the last tick."""
    arrived = arrived_since(workspace.open(), context.cursor)
    if not arrived.files:
        return dg.SkipReason("no new file in the folders of the shop's sources")
    days = arrived.days or (feed_days.get_last_partition_key(),) * 2
    first, last = (str(day) for day in days)
    request = dg.RunRequest(
        run_key=arrived.cursor,
        tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
    )
    return dg.SensorResult(run_requests=[request], cursor=arrived.cursor)
