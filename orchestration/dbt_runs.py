"""Running dbt from an asset: environment, fresh source bindings, row counts as metadata."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource

from orchestration.settings import DBT_PROJECT
from orchestration.workspace import Workspace

MAX_LOG_BYTES = 5_000_000
LAYERS = ("staging", "intermediate", "marts", "features", "serving")


def run_dbt(context: dg.AssetExecutionContext, workspace: Workspace) -> Iterator[Any]:
    """Build the selected models and their tests; what was built is reported with its row count.

    Events are held back until dbt is done: the file has one writer, so rows can be counted only then.
    """
    workspace.bind(context.run_id)
    os.environ["SHOPWRIGHT_WAREHOUSE"] = str(workspace.warehouse)
    os.environ["SHOPWRIGHT_THREADS"] = str(workspace.settings.threads)
    dbt = DbtCliResource(
        project_dir=str(DBT_PROJECT),
        profiles_dir=str(DBT_PROJECT),
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
        global_config_flags=["--no-use-colors", "--no-version-check"],
    )
    scratch = workspace.folder / "warehouse" / "dbt"
    # Unit tests judge the code, not the data: `make test` runs them.
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    held, failure = [], None
    with _log(scratch).open("a") as log, redirect_stdout(log):
        try:
            for event in dbt.cli(arguments, context=context, target_path=_target(scratch)).stream():
                held.append(event)
        except Exception as error:  # reported after what did succeed, then raised again
            failure = error
    counts = workspace.row_counts(LAYERS)
    for event in held:
        yield _with_rows(event, counts)
    if failure:
        raise failure


def _log(scratch: Path) -> Path:
    """Where dbt's console output of the latest runs stands; the run's progress shows one line for all of it."""
    scratch.mkdir(parents=True, exist_ok=True)
    path = scratch / "console.log"
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.unlink()
    return path


def _target(scratch: Path) -> Path:
    """dbt's target folder of the shop, kept from run to run: it holds the parsed project for this warehouse's path.

    dbt parses anew for a connection it has not seen, so the project's own parse (see ``dbt_manifest``) does not help.
    """
    folder = scratch / "target"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _with_rows(event: Any, counts: dict[str, int]) -> Any:
    if not isinstance(event, dg.Output | dg.AssetMaterialization | dg.MaterializeResult):
        return event
    unique_id = str((event.metadata or {}).get("unique_id", ""))
    unique_id = getattr((event.metadata or {}).get("unique_id"), "value", unique_id)
    name = unique_id.rsplit(".", 1)[-1]
    rows = next((n for table, n in counts.items() if table.endswith(f".{name}")), None)
    return event if rows is None else event.with_metadata({**event.metadata, "dagster/row_count": rows})
