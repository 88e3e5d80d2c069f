"""The warehouse built from nothing: a shop of 20 million order lines, and the simulated shop.

``python -m benchmarks.large_warehouse [--shop large demo] [--lines N] [--home FOLDER] [--demo FOLDER]``. The
large shop's lake is written first (``benchmarks.large_shop``); then a process of its own runs the dbt builds
of the main job, with all tests. ``--demo`` names a data home in which the demo ran: its lake is copied and
its warehouse built anew; without it the demo is simulated and run first.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine

RESULTS = Path(__file__).resolve().parent / "results"
LINES = 20_000_000
LIMITS = {"large": {"dbt_seconds": 600, "peak_memory_mb": 8_000}, "demo": {"dbt_seconds": 20}}


def main() -> None:
    """Measure, print and write; what was measured before of the other shop is kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shop", nargs="+", choices=tuple(LIMITS), default=list(LIMITS))
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--memory-limit", default="5GB", help="of DuckDB, for the large shop")
    parser.add_argument(
        "--home", type=Path, help="data home with the large shop; kept, and made where it is not there"
    )
    parser.add_argument("--demo", type=Path, help="data home in which the demo shop ran")
    parser.add_argument("--out", type=Path, default=RESULTS / "large_warehouse.json")
    parser.add_argument(
        "--build", help=argparse.SUPPRESS
    )  # the process of its own: builds, and prints what it took
    chosen = parser.parse_args()
    if chosen.build:
        print(json.dumps(build(chosen.home, chosen.build)))
        return
    results = json.loads(chosen.out.read_text()) if chosen.out.exists() else {}
    for shop in chosen.shop:
        with tempfile.TemporaryDirectory(prefix="shopwright-bench-") as folder:
            home, prepared = prepare(shop, chosen, Path(folder))
            limit = chosen.memory_limit if shop == "large" else "2GB"
            results[shop] = {"machine": describe_machine(), **prepared, **_measure(home, shop, limit)}
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps(results, indent=1) + "\n")
        print(_told(shop, results[shop]), flush=True)


def prepare(shop: str, chosen: argparse.Namespace, folder: Path) -> tuple[Path, dict[str, Any]]:
    """A data home whose lake is full, and what is worth telling of it."""
    if shop == "demo":
        return _demo(chosen.demo, folder), {}
    home = chosen.home or folder
    told = home / "rows.json"
    if not told.exists():
        command = [sys.executable, "-m", "benchmarks.large_shop", "--home", str(home)]
        command += ["--lines", str(chosen.lines)]
        made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        told.write_text(made.stdout.splitlines()[-1])
    return home, json.loads(told.read_text())


def _demo(ran: Path | None, folder: Path) -> Path:
    """The demo's lake, from a home where it ran or from a run of its own."""
    if ran is None:
        shopwright = str(Path(sys.executable).with_name("shopwright"))
        environment = {**os.environ, "SHOPWRIGHT_HOME": str(folder)}
        for command in (["simulate", "--days", "400"], ["run", "--shop", "demo"]):
            subprocess.run([shopwright, *command], env=environment, check=True, capture_output=True)
    else:
        shutil.copytree(ran / "demo" / "lake", folder / "demo" / "lake")
    return folder


def _measure(home: Path, shop: str, memory_limit: str) -> dict[str, Any]:
    shutil.rmtree(home / shop / "warehouse", ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.large_warehouse", "--build", shop, "--home", str(home)]
    environment = {**os.environ, "SHOPWRIGHT_MEMORY_LIMIT": memory_limit}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"The build of {shop} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured | {"limits": LIMITS[shop]}


def build(home: Path, shop: str) -> dict[str, Any]:
    """Build the shop's warehouse from nothing in this process: seconds, rows and peak memory."""
    # Only this process pays for these, not the one that writes the lake and the results.
    from orchestration.dbt_runs import build_models
    from orchestration.defs.warehouse.dbt_models import BUILDS, arguments
    from orchestration.settings import export, settings
    from orchestration.workspace import Workspace

    export(home=home, shop=shop)
    workspace = Workspace.of(settings())
    seconds: dict[str, float] = {}
    dbt_seconds: dict[str, float] = {}
    nodes: dict[str, float] = {}
    for name in BUILDS:
        started = time.perf_counter()
        messages, failed = build_models(workspace, "measured", arguments(name))
        seconds[name] = round(time.perf_counter() - started, 1)
        if failed:
            raise SystemExit(failed)
        finished = [message["data"] for message in messages if message["info"]["name"] == "NodeFinished"]
        dbt_seconds[name] = _between(finished)
        nodes |= {d["node_info"]["unique_id"]: d["run_result"]["execution_time"] for d in finished}
    rows = workspace.row_counts(("intermediate", "marts", "features", "serving"))
    return {
        "dbt_seconds": round(sum(dbt_seconds.values()), 1),
        "dbt_seconds_by_build": dbt_seconds,
        "seconds_by_build": seconds,  # with looking through the lake and handing features on
        "models": sum(name.startswith("model.") for name in nodes),
        "tests": sum(name.startswith("test.") for name in nodes),
        "seconds_by_node": dict(sorted(nodes.items(), key=lambda item: -item[1])),
        "peak_memory_mb": _peak_memory_mb(),
        "processor_seconds": round(sum(os.times()[:2]), 1),
        "memory_limit": workspace.settings.memory_limit,
        "threads": workspace.settings.threads,
        "warehouse_mb": round(workspace.warehouse.stat().st_size / 1e6),
        "rows": rows,
    }


def _between(finished: Sequence[dict[str, Any]]) -> float:
    """Seconds from the start of the first node of a build to the end of its last one."""
    nodes = [data["node_info"] for data in finished]
    first, last = min(n["node_started_at"] for n in nodes), max(n["node_finished_at"] for n in nodes)
    return round((datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds(), 1)


def _peak_memory_mb() -> int:
    """The most memory this process ever held; nothing of a parent's, unlike what ``getrusage`` gives."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6)


def _told(shop: str, measured: dict[str, Any]) -> str:
    return (
        f"{shop}: {measured['dbt_seconds']} s of dbt time (limit {measured['limits']['dbt_seconds']}), "
        f"{measured['models']} models, {measured['tests']} tests, peak {measured['peak_memory_mb']:,} MB"
    )


if __name__ == "__main__":
    main()
