"""The queue of open orders, the one to dispatch first on top."""

from ml.priority import prioritise_orders
from ml.priority.plots import queue_plot
from orchestration.ml_assets import Made, ml_assets
from orchestration.show import picture
from orchestration.workspace import Workspace

FEATURES = ("features.feat_orders_open", "features.feat_transits", "features.feat_dispatches_daily")


@ml_assets("order_priorities", reads=FEATURES, group="priority", kinds={"python"})
def order_priorities(shop: Workspace, run_id: str) -> Made:
    """Score, class, rank and reasons of every open order."""
    tables = (shop.table(name) for name in FEATURES)
    frame = prioritise_orders(*tables, as_of=shop.as_of(), run_id=run_id, time_zone=shop.shop.time_zone)
    shown = {"order_priorities": {"queue": picture(queue_plot(frame))}} if len(frame) else {}
    return Made({"order_priorities": frame}, shown)
