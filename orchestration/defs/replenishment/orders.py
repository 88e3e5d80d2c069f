"""What to order, when and why; and what stands at risk."""

from ml.replenishment import ReplenishmentParams, plan_replenishment
from orchestration.ml_assets import Made, ml_assets
from orchestration.workspace import Workspace

GROUP = "replenishment"
INPUTS = (
    "ml.demand_forecast_totals",
    "ml.demand_forecasts",
    "features.feat_skus_supply",
    "features.feat_receipts_expected",
    "features.feat_skus",
)
TABLES = ("inventory_policies", "replenishment_orders", "stock_risks")


@ml_assets(*TABLES, reads=INPUTS, group=GROUP, kinds={"python"})
def replenishment(shop: Workspace, run_id: str) -> Made:
    """Policies, proposed orders and risks from the forecast of the protection period."""
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
        run_id=run_id,
    )
    return Made(
        {
            "inventory_policies": plan.policies,
            "replenishment_orders": plan.orders,
            "stock_risks": plan.risks,
        }
    )
