"""The published generation: built aside, audited, then made live by one replaced pointer."""

import dagster as dg

from data_quality.contract import all_contracts
from orchestration.published import generation_metadata, publish_run
from orchestration.resources import WorkspaceResource

MARTS = (
    "dim_products",
    "dim_customers",
    "fct_order_lines",
    "fct_orders",
    "fct_payments",
    "fct_shipments",
    "fct_sessions",
    "fct_stock_daily",
    "agg_demand_daily",
    "agg_funnel_daily",
    "agg_sales_daily",
)


@dg.asset(
    key=["published", "generation"],
    deps=[
        *[dg.AssetKey(["serving", contract.name]) for contract in all_contracts("served")],
        *[dg.AssetKey(["marts", name]) for name in MARTS],
    ],
    group_name="serving",
    owners=["team:serving"],
    kinds={"duckdb", "parquet"},
    pool="warehouse",
)
def generation(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> dg.MaterializeResult:
    """What other systems read: an immutable file of marts and served tables. One generation a run."""
    opened = workspace.open()
    manifest = publish_run(context, opened)
    return dg.MaterializeResult(metadata=generation_metadata(opened, manifest))
