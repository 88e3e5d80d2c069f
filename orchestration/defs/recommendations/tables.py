"""Recommendation tables: popular and similar items, bundles, lists for customers and for warm sessions."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from ml import recommendations as rec
from orchestration.needs import skip_reason
from orchestration.outputs import served_spec, skip_outputs, write_outputs
from orchestration.resources import WorkspaceResource
from orchestration.workspace import Workspace

GROUP = "recommendations"
KINDS = {"python", "scikitlearn"}
PURCHASES, ITEMS, SESSIONS = "features.feat_purchases", "features.feat_skus", "features.feat_session_items"
PAIRS, INTERACTIONS = "core.item_pairs", "core.daily_interactions"


@dg.multi_asset(
    specs=[served_spec("popular_items", [PURCHASES, INTERACTIONS, ITEMS], GROUP, KINDS)], pool="warehouse"
)
def popular_items(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> Iterator[dg.MaterializeResult]:
    """The fallback for everyone unknown."""
    shop = workspace.open()
    tables = [shop.table(name) for name in (PURCHASES, INTERACTIONS, ITEMS)]
    frame = rec.popular_items(*tables, as_of=shop.as_of(), run_id=context.run_id)
    yield from write_outputs(shop, {"popular_items": frame})


@dg.multi_asset(
    specs=[served_spec("similar_items", [PAIRS, ITEMS, PURCHASES], GROUP, KINDS)], pool="warehouse"
)
def similar_items(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> Iterator[dg.MaterializeResult]:
    """Items like an item."""
    shop = workspace.open()
    frame = rec.similar_items(
        shop.table(PAIRS),
        shop.table(ITEMS),
        purchases=shop.table(PURCHASES),
        as_of=shop.as_of(),
        run_id=context.run_id,
    )
    yield from write_outputs(shop, {"similar_items": frame})


@dg.multi_asset(specs=[served_spec("bundles", [PURCHASES, ITEMS], GROUP, KINDS)], pool="warehouse")
def bundles(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> Iterator[dg.MaterializeResult]:
    """Items bought together."""
    shop = workspace.open()
    if skip_reason(shop, "bundles"):
        yield from skip_outputs(shop, "bundles")
        return
    frame = rec.bundles(shop.table(PURCHASES), shop.table(ITEMS), as_of=shop.as_of(), run_id=context.run_id)
    yield from write_outputs(shop, {"bundles": frame})


@dg.multi_asset(
    specs=[served_spec("customer_recommendations", [PURCHASES, INTERACTIONS, PAIRS, ITEMS], GROUP, KINDS)],
    pool="warehouse",
)
def customer_recommendations(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> Iterator[dg.MaterializeResult]:
    """A list for each known customer."""
    shop = workspace.open()
    if skip_reason(shop, "customer_recommendations"):
        yield from skip_outputs(shop, "customer_recommendations")
        return
    tables = [shop.table(name) for name in (PURCHASES, INTERACTIONS, PAIRS, ITEMS)]
    frame = rec.recommend_for_customers(*tables, as_of=shop.as_of(), run_id=context.run_id)
    yield from write_outputs(shop, {"customer_recommendations": frame})


@dg.multi_asset(
    specs=[served_spec("session_recommendations", [SESSIONS, ITEMS], GROUP, KINDS)], pool="warehouse"
)
def session_recommendations(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> Iterator[dg.MaterializeResult]:
    """Next items for warm sessions."""
    shop = workspace.open()
    if skip_reason(shop, "session_recommendations"):
        yield from skip_outputs(shop, "session_recommendations")
        return
    frame = rec.recommend_for_sessions(
        shop.table(SESSIONS),
        shop.table(ITEMS),
        as_of=shop.as_of(),
        run_id=context.run_id,
        time_zone=shop.shop.time_zone,
    )
    yield from write_outputs(shop, {"session_recommendations": frame})


@dg.multi_asset(
    specs=[served_spec("recommendation_accuracy", [SESSIONS, PURCHASES, INTERACTIONS, ITEMS], GROUP, KINDS)],
    pool="warehouse",
)
def recommendation_accuracy(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> Iterator[dg.MaterializeResult]:
    """Every recommender on held-out time, popularity among them."""
    shop = workspace.open()
    frame = _evaluate(shop, context.run_id)
    if frame.empty:
        yield from skip_outputs(shop, "recommendation_accuracy")
        return
    yield from write_outputs(shop, {"recommendation_accuracy": frame})


def _evaluate(shop: Workspace, run_id: str) -> pd.DataFrame:
    as_of = shop.as_of()
    purchases, interactions, items = (shop.table(name) for name in (PURCHASES, INTERACTIONS, ITEMS))
    parts = [
        rec.evaluate_sessions(
            shop.table(SESSIONS), as_of=as_of, run_id=run_id, time_zone=shop.shop.time_zone
        ),
        rec.evaluate_customers(purchases, interactions, items, as_of=as_of, run_id=run_id),
        rec.evaluate_bundles(purchases, as_of=as_of, run_id=run_id),
    ]
    filled = [part for part in parts if not part.empty]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]
