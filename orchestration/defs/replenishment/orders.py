"""What to order, when and why; and what stands at risk."""

from collections.abc import Iterator

import dagster as dg

from ml.replenishment import ReplenishmentParams, plan_replenishment
from orchestration.needs import skip_reason
from orchestration.outputs import served_spec, skip_outputs, write_outputs
from orchestration.resources import WorkspaceResource

GROUP = "replenishment"
INPUTS = (
    "ml.demand_forecast_totals",
    "ml.demand_forecasts",
    "features.feat_skus_supply",
    "features.feat_receipts_expected",
    "features.feat_skus",
)
TABLES = ("inventory_policies", "replenishment_orders", "stock_risks")


@dg.multi_asset(specs=[served_spec(name, INPUTS, GROUP, {"python"}) for name in TABLES], pool="warehouse")
def replenishment(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> Iterator[dg.MaterializeResult]:
    """Policies, proposed orders and risks from the forecast of the protection period."""
    shop = workspace.open()
    if skip_reason(shop, "replenishment_orders"):
        yield from skip_outputs(shop, *TABLES)
        return
    totals, forecasts = (
        shop.lake.read("ml", name).to_pandas() for name in ("demand_forecast_totals", "demand_forecasts")
    )
    supply, receipts, items = (shop.table(name) for name in INPUTS[2:])
    plan = plan_replenishment(
        totals,
        forecasts,
        supply,
        receipts,
        items,
        as_of=shop.as_of(),
        period_days=shop.shop.demand_period_days,
        params=ReplenishmentParams(),
        run_id=context.run_id,
    )
    frames = {
        "inventory_policies": plan.policies,
        "replenishment_orders": plan.orders,
        "stock_risks": plan.risks,
    }
    yield from write_outputs(shop, frames)
