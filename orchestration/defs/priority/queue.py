"""The queue of open orders, the one to dispatch first on top."""

from collections.abc import Iterator

import dagster as dg

from ml.priority import prioritise_orders
from ml.priority.plots import queue_plot
from orchestration.needs import skip_reason
from orchestration.outputs import served_spec, skip_outputs, write_outputs
from orchestration.resources import WorkspaceResource
from orchestration.show import picture

FEATURES = ("features.feat_orders_open", "features.feat_transits", "features.feat_dispatches_daily")


@dg.multi_asset(specs=[served_spec("order_priorities", FEATURES, "priority", {"python"})], pool="warehouse")
def order_priorities(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> Iterator[dg.MaterializeResult]:
    """Score, class, rank and reasons of every open order."""
    shop = workspace.open()
    if skip_reason(shop, "order_priorities"):
        yield from skip_outputs(shop, "order_priorities")
        return
    orders, transits, dispatches = (shop.table(name) for name in FEATURES)
    frame = prioritise_orders(
        orders, transits, dispatches, as_of=shop.as_of(), run_id=context.run_id, time_zone=shop.shop.time_zone
    )
    shown = {"order_priorities": {"queue": picture(queue_plot(frame))}} if len(frame) else {}
    yield from write_outputs(shop, {"order_priorities": frame}, shown)
