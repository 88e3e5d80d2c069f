"""Running dbt from an asset: in this process, the project parsed once, its results turned into events.

A ``dbt`` command of its own costs ten seconds of imports and parsing each time on two cores, as much as
building the whole demo warehouse; here both builds of a run share what is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg
from dbt_common.events.functions import msg_to_dict

from orchestration.dbt_manifest import TARGET, ensure_manifest
from orchestration.settings import DBT_PROJECT
from orchestration.workspace import Workspace


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
    workspace.bind(context.run_id)
    messages, outcome = _invoke(workspace, _selected(context, selection))
    counts = workspace.row_counts(("intermediate", "marts", "features", "serving"))
    for message in messages:
        event = DbtCoreCliEventMessage(raw_event=message, event_history_metadata={})
        for told in event.to_default_asset_events(
            manifest=ensure_manifest(), dagster_dbt_translator=translator, context=context
        ):
            yield _with_rows(told, counts)
    if outcome:
        raise DbtFailed(outcome)


def _selected(context: dg.AssetExecutionContext, selection: Sequence[str]) -> list[str]:
    """The whole selection, or only the models that the run was asked for."""
    if not context.is_subset:
        return list(selection)
    return ["--select", *sorted(key.path[-1] for key in context.selected_asset_keys)]


def _invoke(workspace: Workspace, selection: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """Run ``dbt build``; gives the messages about finished nodes, and what failed (empty: nothing)."""
    os.environ["SHOPWRIGHT_WAREHOUSE"] = str(workspace.warehouse)
    os.environ["SHOPWRIGHT_THREADS"] = str(workspace.settings.threads)
    os.environ["SHOPWRIGHT_MEMORY_LIMIT"] = workspace.settings.memory_limit
    messages: list[dict[str, Any]] = []

    def note(event: EventMsg) -> None:
        if event.info.name in {"NodeFinished", "LogModelResult", "LogTestResult"}:
            messages.append(msg_to_dict(event))

    folder = workspace.folder / "warehouse" / "dbt"
    arguments = [
        "build", *selection,
        "--exclude-resource-type", "unit_test",  # they judge the code, not the data: `make test` runs them
        "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT),
        "--target-path", str(folder / "target"), "--log-path", str(folder), "--quiet",
        "--no-version-check", "--no-use-colors",
    ]  # fmt: skip
    try:
        result = dbtRunner(manifest=_parsed(), callbacks=[note]).invoke(arguments)
    finally:
        # dbt keeps the file open for its next call in this process; readers of the warehouse need it closed.
        DuckDBConnectionManager.close_all_connections()
    if result.exception:
        raise result.exception
    failed = [node for node in getattr(result.result, "results", []) if node.status in ("error", "fail")]
    return messages, "\n".join(f"{node.node.name}: {node.message}" for node in failed)


@cache
def _parsed() -> Manifest:
    """The parsed project, from the file that ``ensure_manifest`` keeps in step with it."""
    ensure_manifest()
    manifest = Manifest.from_msgpack((Path(TARGET) / "partial_parse.msgpack").read_bytes())
    manifest.build_flat_graph()
    return manifest


def _with_rows(event: Any, counts: dict[str, int]) -> Any:
    if not isinstance(event, dg.Output):
        return event
    told = (event.metadata or {}).get("unique_id")
    name = str(getattr(told, "value", told)).rsplit(".", 1)[-1]
    rows = next((n for table, n in counts.items() if table.endswith(f".{name}")), None)
    return (
        event if rows is None else event.with_metadata({**(event.metadata or {}), "dagster/row_count": rows})
    )
