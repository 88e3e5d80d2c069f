"""The whole graph: what exists, what hangs on what, and what every asset must say about itself."""

from __future__ import annotations

import os
import re
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph  # dagster names it nowhere public

from data_quality.contract import all_contracts
from orchestration.partitions import feed_days

WRITTEN = Path(__file__).with_name("graph.txt")
REWRITE = "SHOPWRIGHT_REWRITE_GRAPH=1 python -m pytest tests/graph -k as_written"
DAILY = {
    "events", "orders", "order_lines", "order_status_events", "payments", "refunds", "shipments",
    "stock_levels", "purchase_orders",
}  # fmt: skip
GROUPS = {
    "behaviour", "sales", "inventory", "catalogue", "finance", "warehouse", "forecasting", "replenishment",
    "priority", "recommendations", "serving",
}  # fmt: skip
VN2_FEEDS = {"orders", "order_lines", "products", "stock_levels", "purchase_orders", "supply_terms"}


def drawn(graph: AssetGraph) -> str:
    """One line an asset: its key, and the keys that it is made from."""
    keys = sorted(graph.get_all_asset_keys(), key=lambda key: key.path)
    lines = []
    for key in keys:
        parents = sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        lines.append(f"{key.to_user_string()} <- {', '.join(parents)}".rstrip())
    return "\n".join(lines) + "\n"


def test_the_graph_is_as_written(demo: dg.Definitions) -> None:
    now = drawn(demo.resolve_asset_graph())
    if os.environ.get("SHOPWRIGHT_REWRITE_GRAPH"):
        WRITTEN.write_text(now, encoding="utf-8")
    before = WRITTEN.read_text(encoding="utf-8")
    gone = sorted(set(before.splitlines()) - set(now.splitlines()))
    new = sorted(set(now.splitlines()) - set(before.splitlines()))
    assert now == before, "\n".join(
        [
            "The graph differs from tests/graph/graph.txt:",
            *(f"- {line}" for line in gone),
            *(f"+ {line}" for line in new),
            f"If that is meant, rewrite the file: {REWRITE}",
        ]
    )


def test_every_feed_core_table_and_served_table_of_the_contracts_is_an_asset(demo: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in demo.resolve_asset_graph().get_all_asset_keys()}
    assert {f"raw/{c.name}" for c in all_contracts("feeds")} == {
        key for key in keys if key.startswith("raw/")
    }
    assert {f"core/{c.name}" for c in all_contracts("core")} == {
        key for key in keys if key.startswith("core/")
    }
    for layer in ("ml", "serving"):
        made = {key for key in keys if key.startswith(f"{layer}/")}
        assert made == {f"{layer}/{c.name}" for c in all_contracts("served")}


@pytest.mark.parametrize("shop", ["demo", "vn2"])
def test_every_asset_says_its_group_owner_kinds_and_grain(
    loaded: dict[str, dg.Definitions], shop: str
) -> None:
    graph = loaded[shop].resolve_asset_graph()
    silent = []
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        says = {
            "group": node.group_name in GROUPS,
            "owner": bool(node.owners) and all(owner.startswith("team:") for owner in node.owners),
            "kinds": bool(node.kinds),
            "grain": bool(re.search(r"\bOne (row|generation) ", node.description or "")),
        }
        silent += [f"{key.to_user_string()}: {what}" for what, told in says.items() if not told]
    assert silent == []


def test_feeds_that_come_daily_are_partitioned_by_day_and_filled_by_one_run(demo: dg.Definitions) -> None:
    graph = demo.resolve_asset_graph()
    by_day = {key for key in graph.get_all_asset_keys() if graph.get(key).partitions_def is not None}
    assert {key.to_user_string() for key in by_day} == {f"raw/{feed}" for feed in DAILY}
    for key in by_day:
        assert graph.get(key).partitions_def == feed_days
        assert graph.get(key).backfill_policy == dg.BackfillPolicy.single_run()


def test_blocking_checks_guard_both_boundaries(demo: dg.Definitions) -> None:
    graph = demo.resolve_asset_graph()
    blocking = {
        (c.asset_key.to_user_string(), c.name) for c in graph.asset_check_keys if graph.get(c).blocking
    }
    for contract in all_contracts("feeds"):
        assert (f"raw/{contract.name}", "every_row_accounted_for") in blocking
        assert (f"raw/{contract.name}", "accepted_rows_keep_the_contract") in blocking
    for contract in all_contracts("served"):
        assert (f"serving/{contract.name}", "served_rows_keep_the_contract") in blocking


def test_dbt_tests_are_checks_of_their_models(demo: dg.Definitions) -> None:
    checked = {key.asset_key.path[0] for key in demo.resolve_asset_graph().asset_check_keys}
    assert {"staging", "intermediate", "marts", "features", "serving"} <= checked


def test_every_writer_of_the_warehouse_waits_for_the_same_pool(demo: dg.Definitions) -> None:
    graph = demo.resolve_asset_graph()
    layers = ("control", "staging", "intermediate", "marts", "features", "serving", "published")
    for key in graph.get_all_asset_keys():
        if key.path[0] in layers:
            assert graph.get(key).pools == {"warehouse"}, key.to_user_string()


def test_the_generation_waits_for_everything_it_publishes(demo: dg.Definitions) -> None:
    graph = demo.resolve_asset_graph()
    parents = {
        key.to_user_string() for key in graph.get(dg.AssetKey(["published", "generation"])).parent_keys
    }
    marts = {k.to_user_string() for k in graph.get_all_asset_keys() if k.path[0] == "marts"}
    assert parents == marts | {f"serving/{contract.name}" for contract in all_contracts("served")}


@pytest.mark.parametrize("shop", ["demo", "vn2"])
def test_the_main_job_holds_every_asset_that_can_be_made(
    loaded: dict[str, dg.Definitions], shop: str
) -> None:
    graph = loaded[shop].resolve_asset_graph()
    job = loaded[shop].resolve_job_def("main")
    held = job.asset_layer.executable_asset_keys
    assert set(held) == set(graph.materializable_asset_keys)


def test_the_schedule_and_the_sensor_start_the_main_job(demo: dg.Definitions) -> None:
    schedule, sensor = demo.resolve_schedule_def("daily"), demo.resolve_sensor_def("dropped_files")
    assert schedule.job_name == "main"
    assert schedule.cron_schedule == "0 5 * * *"
    assert [target.job_name for target in sensor.targets] == ["main"]


def test_a_shop_with_few_feeds_has_the_same_graph(demo: dg.Definitions, vn2: dg.Definitions) -> None:
    assert drawn(vn2.resolve_asset_graph()) == drawn(demo.resolve_asset_graph())


def test_a_feed_that_the_shop_lacks_is_external_and_says_why(vn2: dg.Definitions) -> None:
    graph = vn2.resolve_asset_graph()
    raw = {key.path[1]: graph.get(key) for key in graph.get_all_asset_keys() if key.path[0] == "raw"}
    assert {name for name, node in raw.items() if node.is_materializable} == VN2_FEEDS
    for name, node in raw.items():
        if name not in VN2_FEEDS:
            assert node.is_external
            assert (
                node.metadata["skipped"]
                == f"the shop 'vn2' has no source that provides {name} (see vn2.yaml)"
            )
            assert node.description.startswith("Skipped: ")
