"""Sessions, item pairs and daily interactions, made by one launched Spark process."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from data_quality.contract import all_contracts
from orchestration.resources import WorkspaceResource
from orchestration.spark_runs import launch_spark

CORE = all_contracts("core")


@dg.multi_asset(
    name="event_tables",
    specs=[
        dg.AssetSpec(
            key=["core", contract.name],
            deps=[["raw", "events"], ["raw", "order_lines"], ["control", "shop_settings"]],
            group_name="behaviour",
            owners=["team:behaviour"],
            kinds={"pyspark", "deltalake"},
            description=f"{contract.description} {contract.grain}",
        )
        for contract in CORE
    ],
    retry_policy=dg.RetryPolicy(max_retries=1),
)
def event_tables(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, pipes: dg.PipesSubprocessClient
) -> Iterator[dg.MaterializeResult]:
    """Launch the jobs, take over what they wrote, report row counts."""
    opened = workspace.open()
    skipped = opened.missing("events") and opened.missing("order_lines")
    rows = launch_spark(context, opened, pipes)
    for contract in CORE:
        metadata: dict[str, Any] = {"dagster/row_count": rows[contract.name]}
        if skipped:
            metadata["skipped"] = skipped
        yield dg.MaterializeResult(asset_key=["core", contract.name], metadata=metadata)
