"""Recommendation tables: popular and similar items, bundles, lists for customers and for warm sessions."""

from collections.abc import Iterator

import pandas as pd

from ml import recommendations as rec
from orchestration.ml_assets import Made, measured, ml_assets, model_store
from orchestration.needs import skip_reason
from orchestration.workspace import Workspace

GROUP = "recommendations"
KINDS = {"python", "scikitlearn"}
PURCHASES, ITEMS, SESSIONS = "features.feat_purchases", "features.feat_skus", "features.feat_session_items"
PAIRS, INTERACTIONS = "core.item_pairs", "core.daily_interactions"
OF_SESSIONS, OF_CUSTOMERS = "session_recommendations", "customer_recommendations"


@ml_assets("popular_items", reads=[PURCHASES, INTERACTIONS, ITEMS], group=GROUP, kinds=KINDS)
def popular_items(shop: Workspace, run_id: str) -> Made:
    """The fallback for everyone unknown."""
    tables = [shop.table(name) for name in (PURCHASES, INTERACTIONS, ITEMS)]
    return Made({"popular_items": rec.popular_items(*tables, as_of=shop.as_of(), run_id=run_id)})


@ml_assets("similar_items", reads=[PAIRS, ITEMS, PURCHASES], group=GROUP, kinds=KINDS)
def similar_items(shop: Workspace, run_id: str) -> Made:
    """Items like an item."""
    pairs, items, purchases = (shop.table(name) for name in (PAIRS, ITEMS, PURCHASES))
    frame = rec.similar_items(pairs, items, purchases=purchases, as_of=shop.as_of(), run_id=run_id)
    return Made({"similar_items": frame})


@ml_assets("bundles", reads=[PURCHASES, ITEMS], group=GROUP, kinds=KINDS)
def bundles(shop: Workspace, run_id: str) -> Made:
    """Items bought together."""
    tables = [shop.table(name) for name in (PURCHASES, ITEMS)]
    return Made({"bundles": rec.bundles(*tables, as_of=shop.as_of(), run_id=run_id)})


@ml_assets(OF_CUSTOMERS, reads=[PURCHASES, INTERACTIONS, PAIRS, ITEMS], group=GROUP, kinds=KINDS)
def customer_recommendations(shop: Workspace, run_id: str) -> Made:
    """A list for each known customer."""
    tables = [shop.table(name) for name in (PURCHASES, INTERACTIONS, PAIRS, ITEMS)]
    frame, kept = rec.serve_customers(*tables, as_of=shop.as_of(), run_id=run_id, store=model_store(shop))
    return Made({OF_CUSTOMERS: frame}, {OF_CUSTOMERS: {"model": kept.told()}})


@ml_assets(OF_SESSIONS, reads=[SESSIONS, ITEMS], group=GROUP, kinds=KINDS)
def session_recommendations(shop: Workspace, run_id: str) -> Made:
    """Next items for warm sessions."""
    frame, kept = rec.serve_sessions(
        shop.table(SESSIONS),
        shop.table(ITEMS),
        as_of=shop.as_of(),
        run_id=run_id,
        time_zone=shop.shop.time_zone,
        store=model_store(shop),
    )
    return Made({OF_SESSIONS: frame}, {OF_SESSIONS: {"model": kept.told()}})


@ml_assets(
    "recommendation_accuracy",
    # the models come with their accuracy, so their steps go first and nothing is judged twice
    reads=[f"ml.{OF_SESSIONS}", f"ml.{OF_CUSTOMERS}", SESSIONS, PURCHASES, INTERACTIONS, ITEMS],
    group=GROUP,
    kinds=KINDS,
)
def recommendation_accuracy(shop: Workspace, run_id: str) -> Made | None:
    """Every recommender on held-out time, popularity among them."""
    parts = [part for part in _accuracies(shop, run_id) if not part.empty]
    if not parts:
        return None
    frame = pd.concat(parts, ignore_index=True)
    return Made(
        {"recommendation_accuracy": frame}, {"recommendation_accuracy": {"measured": measured(frame)}}
    )


def _accuracies(shop: Workspace, run_id: str) -> Iterator[pd.DataFrame]:
    """The rows that the models' steps stored; where one kept nothing, it is judged here."""
    as_of, store, zone = shop.as_of(), model_store(shop), shop.shop.time_zone
    if not skip_reason(shop, OF_SESSIONS):
        rows = rec.stored_accuracy(store, OF_SESSIONS)
        if rows is None:
            rows = rec.evaluate_sessions(shop.table(SESSIONS), as_of=as_of, run_id=run_id, time_zone=zone)
        yield rows
    if not skip_reason(shop, OF_CUSTOMERS):
        rows = rec.stored_accuracy(store, OF_CUSTOMERS)
        if rows is None:
            tables = [shop.table(name) for name in (PURCHASES, INTERACTIONS, ITEMS)]
            rows = rec.evaluate_customers(*tables, as_of=as_of, run_id=run_id)
        yield rows
    if not skip_reason(shop, "bundles"):
        purchases = shop.table(PURCHASES)
        kept = rec.keep_bundle_accuracy(purchases, as_of=as_of, run_id=run_id, store=store)
        yield kept.model.accuracy
