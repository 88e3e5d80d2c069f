"""``shopwright spark-warehouse``: staging, intermediate and marts, built on Spark as Parquet tables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from orchestration.settings import DBT_PROJECT, export, settings

if TYPE_CHECKING:
    from orchestration.workspace import Workspace

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def spark_warehouse(
    shop: Annotated[str, typer.Option("--shop", help="Shop's name, or path of its YAML file.")] = "demo",
    tests: Annotated[bool, typer.Option("--tests", help="Run dbt's tests of these models as well.")] = False,
) -> None:
    """Build the marts on Spark instead of DuckDB: Parquet tables under the shop's warehouse folder."""
    export(shop=shop)
    from orchestration.workspace import Workspace

    workspace = Workspace.of(settings())
    place = workspace.folder / "warehouse" / "spark"
    place.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=place.parent, prefix=".spark-") as scratch:
        built = Path(scratch) / "tables"
        plan = Path(scratch) / "plan.json"
        plan.write_text(json.dumps(warehouse_plan(workspace, built, Path(scratch) / "work"), indent=2))
        command = [sys.executable, "-m", "transforms.warehouse", "--plan", str(plan)]
        with err.status("building on Spark"):
            done = subprocess.run(
                [*command, *(["--tests"] if tests else [])], stdout=subprocess.PIPE, text=True
            )
        told = json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else {"nodes": []}
        _print(told)
        if done.returncode:
            raise typer.Exit(1)
        _swap(built, place)
    out.print(f"{place}: a folder of Parquet files for each table, by schema; {told['seconds']} s.")


def warehouse_plan(workspace: Workspace, built: Path, scratch: Path) -> dict[str, Any]:
    """The plan of a build that reads the lake as it is now (see ``transforms.warehouse.plan``)."""
    known = workspace.shop_settings(run_id="spark")
    return {
        "project": str(DBT_PROJECT),
        "inputs": {
            table: {"files": files, "base_path": str(workspace.lake.path(*table.split("/")))}
            for table, files in workspace.lake_files().items()
        },
        "settings": known | {"as_of": known["as_of"].isoformat()},
        "out": str(built),
        "scratch": str(scratch),
        "threads": workspace.settings.threads,
    }


def _print(told: dict[str, Any]) -> None:
    table = Table("kind", "built or passed", "not")
    for kind in sorted({node["kind"] for node in told["nodes"]}):
        words = [node["status"] for node in told["nodes"] if node["kind"] == kind]
        good = sum(word in ("success", "pass", "warn") for word in words)
        table.add_row(kind, str(good), str(len(words) - good))
    out.print(table)


def _swap(built: Path, place: Path) -> None:
    """Put the finished tables where the last ones were; a reader in between finds none, never half."""
    before = place.with_name(f".spark-before-{os.getpid()}")
    if place.exists():
        place.rename(before)
    built.rename(place)
    shutil.rmtree(before, ignore_errors=True)
