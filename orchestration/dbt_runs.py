"""Running dbt from an asset: in this process, the project parsed once, its results turned into events.

A ``dbt`` command of its own costs ten seconds of imports and parsing each time on two cores, as much as
building the whole demo warehouse; here both builds of a run share what is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg
from dbt_common.events.functions import msg_to_dict

from orchestration.dbt_manifest import TARGET, ensure_manifest, project_digest
from orchestration.handed_over import FEATURES, hand_over
from orchestration.settings import DBT_PROJECT
from orchestration.warehouse_damage import set_aside, tells_of_damage
from orchestration.warehouse_lock import writing
from orchestration.workspace import Workspace

LARGE_LAKE_BYTES: Final = 256 << 20
LARGE_WAREHOUSE_BYTES: Final = 1 << 30
"""A shop with more than either has its queries split over the cores, and its rows stored in any order, which
takes less memory (the demo has 0.04 GB of feeds and a warehouse of 0.1 GB)."""


class DbtFailed(RuntimeError):
    """At least one model or test failed; the message names each with its error."""


def run_dbt(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    selection: Sequence[str],
    translator: DagsterDbtTranslator,
) -> Iterator[Any]:
    """Build the selected models and their tests; what was built is reported with its row count.

    Events are held back until dbt is done: the file has one writer, so rows can be counted only then. Raises
    ``DbtFailed`` after reporting what did succeed.
    """
    messages, outcome = build_models(workspace, context.run_id, _selected(context, selection))
    told_of = _told_of_models(workspace)
    # Found once: it hashes the project to make sure, which for every message would cost as much as the build.
    manifest = ensure_manifest()
    for message in messages:
        event = DbtCoreCliEventMessage(raw_event=message, event_history_metadata={})
        for told in event.to_default_asset_events(
            manifest=manifest, dagster_dbt_translator=translator, context=context
        ):
            yield _with_told(told, told_of)
    if outcome:
        raise DbtFailed(outcome)


def build_models(
    workspace: Workspace, run_id: str, selection: Sequence[str]
) -> tuple[list[dict[str, Any]], str]:
    """Bind the lake as it is now and run ``dbt build`` on the selection.

    Gives the messages about finished nodes, and what failed (empty: nothing).
    """
    with writing(workspace.warehouse):
        workspace.bind(run_id)
        messages, failed = _invoke(workspace, selection)
        if tells_of_damage(failed):
            return messages, f"{failed}\n{set_aside(workspace.warehouse)}"
        _hand_over_features(workspace, messages)
        return messages, failed


def _hand_over_features(workspace: Workspace, messages: Sequence[Mapping[str, Any]]) -> None:
    """Copy the feature tables that were built to the files that models read."""
    nodes = [message["data"]["node_info"] for message in messages if "node_info" in message["data"]]
    built = {
        node["node_name"]
        for node in nodes
        if node["node_status"] == "success" and node.get("node_relation", {}).get("schema") == FEATURES
    }
    if built:
        with duckdb.connect(str(workspace.warehouse), read_only=True) as connection:
            hand_over(connection, sorted(built), workspace.features)


def _selected(context: dg.AssetExecutionContext, selection: Sequence[str]) -> list[str]:
    """The whole selection, or only the models that the run was asked for."""
    if not context.is_subset:
        return list(selection)
    return ["--select", *sorted(key.path[-1] for key in context.selected_asset_keys)]


def _invoke(workspace: Workspace, selection: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """Run ``dbt build``; gives the messages about finished nodes, and what failed (empty: nothing)."""
    os.environ["SHOPWRIGHT_WAREHOUSE"] = str(workspace.warehouse)
    os.environ["SHOPWRIGHT_THREADS"] = str(workspace.settings.threads)
    is_large = _is_large(workspace)
    os.environ["SHOPWRIGHT_QUERY_THREADS"] = str(workspace.settings.threads if is_large else 1)
    os.environ["SHOPWRIGHT_KEEP_ROW_ORDER"] = str(not is_large).lower()
    os.environ["SHOPWRIGHT_PROJECT_DIGEST"] = project_digest()
    os.environ["SHOPWRIGHT_MEMORY_LIMIT"] = workspace.settings.memory_limit
    messages: list[dict[str, Any]] = []
    folder = workspace.folder / "warehouse" / "dbt"
    folder.mkdir(parents=True, exist_ok=True)
    log = (folder / "dbt.log").open("a", encoding="utf-8")

    def note(event: EventMsg) -> None:
        if event.info.name in {"NodeFinished", "LogModelResult", "LogTestResult"}:
            messages.append(msg_to_dict(event))
        if event.info.level != "debug":
            info: Any = event.info  # a protobuf message, whose fields its type does not tell
            log.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {info.level:<5} {info.msg}\n")
            log.flush()

    # Unit tests judge the code, not the data: `make test` runs them.
    arguments = ["build", *selection, "--exclude-resource-type", "unit_test", *_quietly(folder)]
    try:
        result = dbtRunner(manifest=parsed_project(), callbacks=[note]).invoke(arguments)
    finally:
        # dbt keeps the file open for its next call in this process; readers of the warehouse need it closed.
        DuckDBConnectionManager.close_all_connections()
        log.close()
    if result.exception:
        raise result.exception
    failed = [node for node in getattr(result.result, "results", []) if node.status in ("error", "fail")]
    return messages, "\n".join(f"{node.node.name}: {node.message}" for node in failed)


def _quietly(folder: Path) -> list[str]:
    """What every call of dbt is told: where its files go, and to print and to write no log."""
    return [
        "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT),
        "--target-path", str(folder / "target"), "--log-path", str(folder), "--quiet",
        "--no-version-check", "--no-use-colors", "--no-write-json",
        # dbt's own loggers compose a line, and search it for secrets, before they ask whether its level is
        # wanted: a quarter of the whole build. ``note`` keeps the lines that people read.
        "--log-level", "none", "--log-level-file", "none",
    ]  # fmt: skip


def warm_up() -> None:
    """Parse the project and have dbt look at it once: what it compiles then, processes forked later have."""
    with TemporaryDirectory(prefix="shopwright-") as folder:
        os.environ["SHOPWRIGHT_WAREHOUSE"] = f"{folder}/warehouse.duckdb"  # each build says its own
        dbtRunner(manifest=parsed_project()).invoke(["list", "--select", "metrics", *_quietly(Path(folder))])
        del os.environ["SHOPWRIGHT_WAREHOUSE"]


def _is_large(workspace: Workspace) -> bool:
    """Whether the shop's longest queries decide how long a build takes, by what lies on disk of it."""
    raw = (workspace.lake.root / "raw").rglob("*.parquet")
    lake = sum(path.stat().st_size for path in raw)
    warehouse = workspace.warehouse.stat().st_size if workspace.warehouse.exists() else 0
    return lake > LARGE_LAKE_BYTES or warehouse > LARGE_WAREHOUSE_BYTES


@cache
def parsed_project() -> Manifest:
    """The parsed project, from the file that ``ensure_manifest`` keeps in step with it."""
    ensure_manifest()
    manifest = Manifest.from_msgpack((Path(TARGET) / "partial_parse.msgpack").read_bytes())
    manifest.build_flat_graph()
    return manifest


def _told_of_models(workspace: Workspace) -> dict[str, dict[str, int]]:
    """Rows of every model that is a table; days rebuilt of those that rebuild only dirty ones."""
    counts = workspace.row_counts(("intermediate", "marts", "features", "serving"))
    told = {table.rsplit(".", 1)[-1]: {"dagster/row_count": rows} for table, rows in counts.items()}
    for row in workspace.arrow("control.day_models").to_pylist():
        days = {"days_rebuilt": row["n_days_rebuilt"], "days": row["n_days"]}
        told[row["model"]] = told.get(row["model"], {}) | days
    return told


def _with_told(event: Any, told_of: Mapping[str, Mapping[str, int]]) -> Any:
    if not isinstance(event, dg.Output):
        return event
    metadata = event.metadata or {}
    node = metadata.get("unique_id")
    name = str(getattr(node, "value", node)).rsplit(".", 1)[-1]
    return event.with_metadata({**metadata, **told_of.get(name, {})})
