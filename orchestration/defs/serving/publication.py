"""The published generation: built aside, audited, then made live by one replaced pointer."""

import dagster as dg

from data_quality.contract import all_contracts
from orchestration.published import DELIVERED, delivery_check, generation_metadata, publish_run
from orchestration.resources import WorkspaceResource
from orchestration.targets import deliver_live

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
    "dim_product_versions",
    "dim_price_versions",
    "dim_customer_versions",
    "fct_order_states",
    "fct_stock_positions_daily",
    "metrics",
    "metrics_daily",
    "dim_visitors",
    "fct_bot_sessions",
    "fct_carts",
    "fct_order_attributions",
    "fct_searches",
    "agg_searches_daily",
    "agg_cohorts_monthly",
    "agg_customers_rfm",
    "agg_repurchase_by_category",
    "agg_shoppers_stages",
    "fct_order_processes",
    "agg_processes_daily",
    "agg_supplier_scores",
    "fct_price_changes",
    "agg_sync_daily",
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
    check_specs=[dg.AssetCheckSpec(DELIVERED, asset=["published", "generation"])],
)
def generation(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> dg.MaterializeResult:
    """What other systems read: an immutable file of marts and served tables. One generation a run."""
    opened = workspace.open()
    manifest = publish_run(context, opened)
    delivered = deliver_live(opened)
    return dg.MaterializeResult(
        metadata=generation_metadata(opened, manifest, delivered),
        check_results=[delivery_check(context, delivered)],
    )
