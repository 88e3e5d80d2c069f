"""Publishing from a run: who publishes, what was skipped and why, and how a generation is shown."""

from __future__ import annotations

import importlib.metadata
import json
from typing import Any

import dagster as dg
import pandas as pd

from orchestration.dbt_manifest import ensure_manifest
from orchestration.needs import skipped_tables
from orchestration.pictures import funnel_png
from orchestration.show import picture, table_md
from orchestration.targets import deliveries_frame
from orchestration.warehouse_lock import reading
from orchestration.workspace import Workspace
from serving.generations import Manifest, RunInfo
from serving.publish import build_generation, publish
from serving.targets import Delivery

DELIVERED = "targets_show_the_generation"


def publish_run(context: dg.AssetExecutionContext, workspace: Workspace) -> Manifest:
    """Publish the warehouse as the run left it. Its number is its start: older runs cannot overtake."""
    record = context.instance.get_run_record_by_id(context.run_id)
    if record is None:
        raise RuntimeError(f"Dagster does not know its own run {context.run_id}.")
    run = RunInfo(
        run_id=context.run_id,
        run_number=int(record.create_timestamp.timestamp() * 1000),
        as_of=workspace.as_of(),
        shop=workspace.shop.name,
    )
    versions = {
        name: importlib.metadata.version(name) for name in ("shopwright", "dagster", "dbt-core", "duckdb")
    }
    with reading(workspace.warehouse):
        candidate = build_generation(
            workspace.warehouse,
            workspace.published,
            run=run,
            versions=versions,
            skipped=skipped_tables(workspace),
            keys=published_keys(),
        )
    return publish(candidate, workspace.published, keep=workspace.settings.keep_generations)


def published_keys() -> dict[str, list[str]]:
    """Key of each mart by ``schema.table``: the columns that a dbt test of it says are unique together."""
    nodes = json.loads(ensure_manifest().read_bytes())["nodes"]
    keys = {}
    for node in nodes.values():
        test = node.get("test_metadata") or {}
        if test.get("name") == "unique_combination" and (model := nodes.get(node.get("attached_node"))):
            keys[f"{model['schema']}.{model['name']}"] = list(test["kwargs"]["columns"])
    return keys


def delivery_check(context: dg.AssetExecutionContext, told: list[Delivery]) -> dg.AssetCheckResult:
    """Whether every configured target shows the generation; the published files are live in any case."""
    failed = [delivery for delivery in told if not delivery.is_delivered]
    for delivery in failed:
        context.log.error(f"Target {delivery.target} failed: {delivery.told}")
    return dg.AssetCheckResult(
        check_name=DELIVERED,
        passed=not failed,
        metadata={"targets": table_md(deliveries_frame(told))} if told else {"targets": "none configured"},
    )


def generation_metadata(
    workspace: Workspace, manifest: Manifest, delivered: list[Delivery]
) -> dict[str, Any]:
    """Tables with rows, where they lie, and where they were delivered."""
    rows = pd.DataFrame(
        [(t.name, t.rows, t.bytes) for t in manifest.tables], columns=["table", "rows", "bytes"]
    )
    told: dict[str, Any] = {
        "dagster/row_count": int(rows["rows"].sum()),
        "as_of": manifest.run.as_of.isoformat(),
        "file": dg.MetadataValue.path(str(workspace.published / "serve.duckdb")),
        "tables": table_md(rows, rows=len(rows)),
    }
    if delivered:
        told["targets"] = table_md(deliveries_frame(delivered))
    funnel = _funnel(workspace)
    if funnel["sessions"].sum():
        told["funnel"] = picture(funnel_png(funnel))
    if manifest.skipped:
        told["skipped"] = table_md(
            pd.DataFrame(list(manifest.skipped.items()), columns=["table", "reason"]), rows=50
        )
    return told


def _funnel(workspace: Workspace) -> pd.DataFrame:
    """Sessions by stage over the last 28 days: columns stage and sessions."""
    stages = {"visits": "n_sessions", "view": "n_sessions_with_view"}
    stages |= {"cart": "n_sessions_with_cart", "purchase": "n_sessions_with_purchase"}
    days = workspace.table("marts.agg_funnel_daily", ["session_date", *stages.values()])
    recent = days[
        pd.to_datetime(days["session_date"]) > pd.Timestamp(workspace.as_of()) - pd.Timedelta(days=28)
    ]
    return pd.DataFrame(
        [(stage, int(recent[name].sum())) for stage, name in stages.items()], columns=["stage", "sessions"]
    )
