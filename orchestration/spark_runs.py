"""Launching Spark: write the plan, run the process through Pipes, commit what it wrote aside to the lake."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import dagster as dg
import duckdb

from data_quality.contract import all_contracts
from orchestration.workspace import Workspace
from transforms.java import spark_environment

LAST_LINES = 15
INPUTS = ("events", "order_lines")


def launch_spark(
    context: dg.AssetExecutionContext, workspace: Workspace, pipes: dg.PipesSubprocessClient
) -> dict[str, int]:
    """Run all Spark jobs in one process and commit their tables; gives rows by table.

    Where there is nothing to do (no event, and no order with two lines) no process is started: the tables are
    committed empty.
    """
    inputs = {name: _files(workspace, name) for name in INPUTS}
    if not inputs["events"] and not _has_baskets(inputs["order_lines"]):
        for contract in all_contracts("core"):
            workspace.lake.replace("core", contract.name, contract.arrow_schema().empty_table())
        return {contract.name: 0 for contract in all_contracts("core")}
    scratch = workspace.folder / "spark" / context.run_id
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        plan = _plan(workspace, inputs, scratch)
        environment = {**os.environ, **spark_environment(workspace.home / "java")}
        _run(context, pipes, plan, environment, log=workspace.folder / "spark" / "last_run.log")
        return {
            contract.name: _commit(workspace, contract.name, scratch) for contract in all_contracts("core")
        }
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run(
    context: dg.AssetExecutionContext,
    pipes: dg.PipesSubprocessClient,
    plan: Path,
    environment: dict[str, str],
    log: Path,
) -> None:
    """Run the process; what it and its Java print goes to ``log``, its end into a failure's error."""
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "transforms", "--plan", str(plan), "--log", str(log)]
    try:
        pipes.run(context=context.op_execution_context, command=command, env=environment)
    # Dagster does not export the error that it raises here.
    except Exception as error:
        printed = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        last = "\n".join(printed[-LAST_LINES:]) or "nothing"
        raise dg.Failure(
            f"The Spark process failed: {error}. It last printed (all of it: {log}):\n{last}"
        ) from error


def _files(workspace: Workspace, feed: str) -> list[str]:
    return workspace.lake.files("raw", feed) if workspace.lake.exists("raw", feed) else []


def _has_baskets(files: list[str]) -> bool:
    """Whether any order has two lines; without one there is no pair to count."""
    if not files:
        return False
    with duckdb.connect() as connection:
        second = "select 1 from read_parquet($files) group by order_id having count(*) > 1 limit 1"
        return bool(connection.execute(second, {"files": files}).fetchall())


def _plan(workspace: Workspace, inputs: dict[str, list[str]], scratch: Path) -> Path:
    document = {
        "inputs": {
            name: {"files": files, "base_path": str(workspace.lake.path("raw", name))}
            for name, files in inputs.items()
        },
        "outputs": {
            contract.name: str(scratch / "out" / contract.name) for contract in all_contracts("core")
        },
        "as_of": workspace.as_of().isoformat(),
        "time_zone": workspace.shop.time_zone,
        "scratch": str(scratch / "work"),
    }
    path = scratch / "plan.json"
    path.write_text(json.dumps(document, indent=2))
    return path


def _commit(workspace: Workspace, name: str, scratch: Path) -> int:
    contract = next(c for c in all_contracts("core") if c.name == name)
    workspace.lake.adopt_parquet("core", name, scratch / "out" / name, schema=contract.arrow_schema())
    return workspace.lake.n_rows("core", name)
