"""Launching Spark: write the plan, run the process through Pipes, commit what it wrote aside to the lake."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from data_quality.contract import all_contracts
from feeds.checksums import check_lake
from feeds.lake import Lake
from feeds.scratch import private_scratch
from orchestration.core_state import mark_now
from orchestration.core_tables import PAIR_DAYS, CoreTables
from orchestration.spark_standby import INPUTS, spark_log
from orchestration.workspace import Workspace
from transforms.java import spark_environment
from transforms.relay import send_away

LAST_LINES = 15


@dataclass(frozen=True)
class Launched:
    """What a launch made: rows by table, the days it rebuilt (``None``: all of them) and why."""

    rows: Mapping[str, int]
    days: tuple[str, ...] | None
    reason: str


def launch_spark(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    pipes: dg.PipesSubprocessClient,
    rebuild: bool = False,
) -> Launched:
    """Bring the core tables up to date with the feeds in one Spark process, and commit them.

    Only days that changed are rebuilt, unless ``rebuild`` or the tables' own marks ask for all. Nothing is
    started where there is nothing to do: no new row, or no event and no order with two lines.
    """
    lake, as_of, time_zone = workspace.lake, workspace.as_of(), workspace.shop.time_zone
    mark = mark_now(lake, INPUTS, as_of, time_zone)
    inputs = {name: _files(lake, name) for name in INPUTS}
    tables = CoreTables.under(workspace.folder)
    check_lake(lake, [("raw", name) for name, files in inputs.items() if files], checked_by=context.run_id)
    for place, name in tables.places():
        if place.exists("core", name):
            check_lake(place, [("core", name)], checked_by=context.run_id)
    if not inputs["events"] and not _has_baskets(inputs["order_lines"]):
        send_away()
        tables.replace_by_nothing(mark)
        return Launched(tables.n_rows(), None, "no event, and no order of two lines")
    before, reason = (None, "asked for") if rebuild else tables.before(mark)
    if before and before.loads == mark.loads and before.as_of == mark.as_of:
        send_away()
        return Launched(tables.n_rows(), (), "nothing new")
    with private_scratch(workspace.folder) as scratch:
        since = tables.since(before) if before else None
        document = plan_document(lake, inputs, scratch, as_of, time_zone, since)
        plan = scratch / "plan.json"
        plan.write_text(json.dumps(document, indent=2))
        environment = {**os.environ, **spark_environment(workspace.home / "java")}
        summary = _run(context, pipes, plan, environment, log=spark_log(workspace))
        tables.commit(scratch / "out", summary["days"], mark)
    days = summary["business_days"]
    return Launched(tables.n_rows(), None if days is None else tuple(days), reason)


def _run(
    context: dg.AssetExecutionContext,
    pipes: dg.PipesSubprocessClient,
    plan: Path,
    environment: dict[str, str],
    log: Path,
) -> dict[str, Any]:
    """Run the process, for its summary; what it and its Java print goes to ``log``, its end into an error."""
    log.parent.mkdir(exist_ok=True)
    # Emptied, not removed: a process that stands by has it open.
    log.write_bytes(b"")
    command = [sys.executable, "-m", "transforms.relay", "--plan", str(plan), "--log", str(log)]
    try:
        done = pipes.run(context=context.op_execution_context, command=command, env=environment)
    # Dagster does not export the error that it raises here.
    except Exception as error:
        printed = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        last = "\n".join(printed[-LAST_LINES:]) or "nothing"
        raise dg.Failure(
            f"The Spark process failed: {error}. It last printed (all of it: {log}):\n{last}"
        ) from error
    return dict(done.get_custom_messages()[-1])


def _files(lake: Lake, feed: str) -> list[str]:
    return lake.files("raw", feed) if lake.exists("raw", feed) else []


def _has_baskets(files: list[str]) -> bool:
    """Whether any order has two lines; without one there is no pair to count."""
    if not files:
        return False
    with duckdb.connect() as connection:
        second = "select 1 from read_parquet($files) group by order_id having count(*) > 1 limit 1"
        return bool(connection.execute(second, {"files": files}).fetchall())


def plan_document(
    lake: Lake,
    inputs: Mapping[str, Sequence[str]],
    scratch: Path,
    as_of: date,
    time_zone: str,
    since: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The plan of a launch that reads these files and writes under ``scratch``."""
    outputs = (*(contract.name for contract in all_contracts("core")), PAIR_DAYS)
    document = {
        "inputs": {
            name: {"files": list(files), "base_path": str(lake.path("raw", name))}
            for name, files in inputs.items()
        },
        "outputs": {name: str(scratch / "out" / name) for name in outputs},
        "as_of": as_of.isoformat(),
        "time_zone": time_zone,
        "scratch": str(scratch / "work"),
    }
    return document | ({"since": since} if since else {})
