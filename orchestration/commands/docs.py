"""``shopwright docs``: dbt's documentation and lineage of the shop's warehouse as one HTML file, offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from orchestration.settings import DBT_PROJECT, export, settings

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def docs(
    shop: Annotated[str, typer.Option("--shop", help="Shop's name, or path of its YAML file.")] = "demo",
    to: Annotated[Path, typer.Option(help="File to write.")] = Path("warehouse_docs.html"),
) -> None:
    """Write every model's description, columns, tests and lineage as one HTML file; needs no network."""
    export(shop=shop)
    from orchestration.dbt_manifest import project_digest
    from orchestration.warehouse_lock import reading
    from orchestration.workspace import Workspace

    workspace = Workspace.of(settings())
    with TemporaryDirectory(prefix="shopwright-docs-") as scratch, reading(workspace.warehouse):
        # dbt-duckdb opens the file for writing; a copy leaves the pipeline its own.
        copy = Path(scratch) / workspace.warehouse.name
        if workspace.warehouse.is_file():
            shutil.copyfile(workspace.warehouse, copy)
        told = subprocess.run(
            [
                str(Path(sys.executable).with_name("dbt")), "docs", "generate", "--static", "--quiet",
                "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT),
                "--target-path", str(Path(scratch) / "target"), "--log-path", scratch,
            ],
            env=_environment(copy, project_digest()),
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        page = Path(scratch) / "target" / "static_index.html"
        if told.returncode or not page.is_file():
            err.print(f"dbt could not write the documentation:\n{told.stdout}{told.stderr}", markup=False)
            raise typer.Exit(1)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, to)
    out.print(f"Wrote {to}: open it in a browser.")


def _environment(warehouse: Path, digest: str) -> dict[str, str]:
    return {
        **os.environ,
        "SHOPWRIGHT_WAREHOUSE": str(warehouse),
        "SHOPWRIGHT_PROJECT_DIGEST": digest,
        "SHOPWRIGHT_MEMORY_LIMIT": settings().memory_limit,
    }
