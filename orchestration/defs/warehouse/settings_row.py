"""The shop's settings and the day that a run knows, bound into the warehouse before anything reads it."""

import dagster as dg

from data_quality.contract import all_contracts
from orchestration.resources import WorkspaceResource
from orchestration.warehouse_lock import writing


@dg.asset(
    key=["control", "shop_settings"],
    deps=[dg.AssetKey(["raw", contract.name]) for contract in all_contracts("feeds")],
    group_name="warehouse",
    owners=["team:warehouse"],
    kinds={"duckdb"},
    pool="warehouse",
)
def shop_settings(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> dg.MaterializeResult:
    """Time zone, currency, demand period and the last known day. One row per shop."""
    opened = workspace.open()
    with writing(opened.warehouse):
        as_of = opened.bind(context.run_id)
    shop = opened.shop
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": 1,
            "as_of": as_of.isoformat(),
            "shop": shop.name,
            "time_zone": shop.time_zone,
            "currency": shop.currency,
            "feeds": sorted(shop.feeds),
        }
    )
