"""Sessions, item pairs and daily interactions, made by one launched Spark process."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from data_quality.contract import all_contracts
from orchestration.executor import FIRST
from orchestration.resources import WorkspaceResource
from orchestration.spark_runs import launch_spark
from orchestration.workspace import CLOCKS

CORE = all_contracts("core")
FEEDS = tuple(CLOCKS)
"""What the jobs read, and what says up to which day: nothing else is waited for."""


class EventTablesConfig(dg.Config):
    """Whether to keep what the tables hold."""

    rebuild: bool = Field(False, description="Compute all history again, not only the days that changed.")


@dg.multi_asset(
    name="event_tables",
    specs=[
        dg.AssetSpec(
            key=["core", contract.name],
            deps=[["raw", feed] for feed in FEEDS],
            group_name="behaviour",
            owners=["team:behaviour"],
            kinds={"pyspark", "deltalake"},
            description=f"{contract.description} {contract.grain}",
        )
        for contract in CORE
    ],
    op_tags=FIRST,
    retry_policy=dg.RetryPolicy(max_retries=1),
)
def event_tables(
    context: dg.AssetExecutionContext,
    config: EventTablesConfig,
    workspace: WorkspaceResource,
    pipes: dg.PipesSubprocessClient,
) -> Iterator[dg.MaterializeResult]:
    """Launch the jobs, take over what they wrote, report row counts and the days that were rebuilt."""
    opened = workspace.open()
    skipped = opened.missing("events") and opened.missing("order_lines")
    launched = launch_spark(context, opened, pipes, rebuild=config.rebuild)
    rebuilt: dict[str, Any] = {"rebuilt": launched.reason}
    if launched.days is not None:
        rebuilt |= {"n_business_days": len(launched.days), "business_days": list(launched.days)}
    for contract in CORE:
        metadata: dict[str, Any] = {"dagster/row_count": launched.rows[contract.name]} | rebuilt
        if skipped:
            metadata["skipped"] = skipped
        yield dg.MaterializeResult(asset_key=["core", contract.name], metadata=metadata)
