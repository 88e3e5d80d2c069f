"""What a shop without a feed cannot have, and the reason it is told."""

from __future__ import annotations

from pathlib import Path

from data_quality.contract import all_contracts
from orchestration.defs.serving.publication import MARTS
from orchestration.needs import ANY_OF, NEEDED_BY_MARTS, NEEDED_FEEDS, skip_reason, skipped_tables
from orchestration.settings import Settings
from orchestration.workspace import Workspace


def workspace(shop: str) -> Workspace:
    return Workspace.of(Settings(shop=shop, feeds=Path("feeds")))


def test_needs_name_served_tables_and_feeds_that_exist() -> None:
    feeds = {contract.name for contract in all_contracts("feeds")}
    assert set(NEEDED_FEEDS) <= {contract.name for contract in all_contracts("served")}
    needs = [*NEEDED_FEEDS.values(), *NEEDED_BY_MARTS.values(), *ANY_OF.values()]
    assert {feed for needed in needs for feed in needed} <= feeds


def test_every_published_mart_is_listed() -> None:
    assert set(NEEDED_BY_MARTS) == set(MARTS)


def test_the_demo_shop_skips_nothing() -> None:
    assert skipped_tables(workspace("demo")) == {}


def test_a_shop_of_sessions_has_session_recommendations_but_no_forecast() -> None:
    shop = workspace("retailrocket")
    assert skip_reason(shop, "session_recommendations") is None
    reason = skip_reason(shop, "demand_forecasts")
    assert reason == "the shop 'retailrocket' has no source that provides order_lines (see retailrocket.yaml)"


def test_every_missing_feed_is_named() -> None:
    reason = skip_reason(workspace("retailrocket"), "replenishment_orders") or ""
    for feed in ("order_lines", "stock_levels", "supply_terms"):
        assert f"provides {feed} " in reason


def test_skipped_tables_carry_their_schema() -> None:
    skipped = skipped_tables(workspace("vn2"))
    assert {"serving.session_recommendations", "marts.fct_sessions", "marts.fct_payments"} <= set(skipped)
    assert "serving.replenishment_orders" not in skipped


def test_a_mart_that_either_feed_fills_is_skipped_only_without_both(tmp_path: Path) -> None:
    assert "marts.agg_shoppers_stages" not in skipped_tables(workspace("retailrocket"))  # no orders
    assert "marts.agg_shoppers_stages" not in skipped_tables(workspace("online_retail"))  # no events
    only_stock = tmp_path / "depot.yaml"
    only_stock.write_text(
        "name: depot\ntime_zone: Europe/Berlin\ncurrency: EUR\nsources:\n"
        '  - {name: stock_levels, path: "{data}/stock", dialect: canonical, provides: [stock_levels]}\n'
    )
    reason = skipped_tables(workspace(str(only_stock)))["marts.agg_shoppers_stages"]
    assert "provides events " in reason
    assert "provides orders " in reason
