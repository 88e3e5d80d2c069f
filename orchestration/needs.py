"""Which feeds each output needs: the one list that decides what is skipped, and the reason that is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orchestration.workspace import Workspace

NEEDED_FEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "demand_forecasts": ("order_lines",),
    "demand_forecast_totals": ("order_lines",),
    "forecast_accuracy": ("order_lines",),
    "inventory_policies": ("order_lines", "stock_levels", "supply_terms"),
    "replenishment_orders": ("order_lines", "stock_levels", "supply_terms"),
    "stock_risks": ("order_lines", "stock_levels", "supply_terms"),
    "order_priorities": ("orders", "shipments"),
    "bundles": ("order_lines",),
    "customer_recommendations": ("order_lines", "customers"),
    "session_recommendations": ("events",),
}
"""Served tables that are empty without these feeds; the others make do with what there is."""

NEEDED_BY_MARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "fct_orders": ("orders",),
    "fct_order_lines": ("order_lines",),
    "agg_sales_daily": ("order_lines",),
    "agg_demand_daily": ("order_lines",),
    "fct_payments": ("payments",),
    "fct_shipments": ("shipments",),
    "fct_sessions": ("events",),
    "agg_funnel_daily": ("events",),
    "fct_stock_daily": ("stock_levels",),
    "dim_customers": ("customers",),
    "dim_products": ("products",),
    "dim_product_versions": ("products",),
    "dim_price_versions": ("prices",),
    "dim_customer_versions": ("customers",),
    "fct_order_states": ("orders",),
    "fct_stock_positions_daily": ("stock_levels",),
    "metrics": (),
    "metrics_daily": (),
    "dim_visitors": ("events",),
    "fct_bot_sessions": ("events",),
    "fct_carts": ("events",),
    "fct_order_attributions": ("orders",),
    "fct_searches": ("events",),
    "agg_searches_daily": ("events",),
    "agg_cohorts_monthly": ("orders",),
    "agg_customers_rfm": ("orders",),
    "agg_repurchase_by_category": ("orders", "order_lines"),
    "agg_shoppers_stages": (),
    "fct_order_processes": ("orders", "shipments"),
    "agg_processes_daily": ("orders", "shipments"),
    "agg_supplier_scores": ("purchase_orders",),
    "fct_price_changes": ("prices",),
    "agg_sync_daily": (),
}


ANY_OF: Final[Mapping[str, tuple[str, ...]]] = {"agg_shoppers_stages": ("events", "orders")}
"""Marts that make do with any one of these feeds, and are empty without all of them."""


def skip_reason(workspace: Workspace, output: str) -> str | None:
    """Why a served table stays empty for this shop, or ``None``."""
    return workspace.missing(*NEEDED_FEEDS.get(output, ()))


def skipped_tables(workspace: Workspace) -> dict[str, str]:
    """Published tables that this shop cannot fill, by ``schema.table``, with the reason."""
    needs = {f"serving.{name}": feeds for name, feeds in NEEDED_FEEDS.items()}
    needs |= {f"marts.{name}": feeds for name, feeds in NEEDED_BY_MARTS.items()}
    skipped = {table: reason for table, feeds in needs.items() if (reason := workspace.missing(*feeds))}
    for name, feeds in ANY_OF.items():
        if all(workspace.missing(feed) for feed in feeds):
            skipped[f"marts.{name}"] = workspace.missing(*feeds) or ""
    return skipped
