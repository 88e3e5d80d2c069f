"""The Spark jobs on 1, 10 and 50 million events, on this machine and on a standalone cluster of two workers.

``python -m benchmarks.spark_ladder [--events N ...] [--where local cluster]``. The events are synthetic:
DuckDB writes a year of sessions with the demo's lengths and a long-tailed catalogue, and an order line for
every five events. Each rung is the process that Dagster launches, measured from outside: wall time, processor
time, peak memory of all its processes, peak of its scratch files, and what it wrote.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import duckdb
import psutil

from benchmarks.machine import describe_machine
from benchmarks.spark_cluster import Cluster, two_workers
from transforms.java import spark_environment
from transforms.plan import JOBS, OUTPUTS_OF_JOB

RESULTS = Path(__file__).resolve().parent / "results"
RUNGS = (1_000_000, 10_000_000, 50_000_000)
PLACES = ("local", "cluster")
EVENTS_OF_A_SESSION = 5
AS_OF = "2026-01-01"

_EVENTS = """
copy (
    select 'e' || i as event_id, 'v' || (hash(session) % greatest(1, {sessions} // 4)) as visitor_id,
        null::varchar as customer_id, null::varchar as source_session_id,
        ['view', 'view', 'view', 'view', 'view', 'view', 'search', 'add_to_cart', 'favourite', 'purchase'][
            1 + (hash(i, 1) % 10)::int] as event_type,
        timestamptz '2025-01-01 00:00:00+00'
            + to_microseconds((hash(session, 2) % 31536000000000)::bigint)
            + to_seconds((i % {length}) * 40 + (hash(i, 3) % 40)::int) as occurred_at,
        'sku' || floor(pow((hash(i, 4) % 1000000) / 1e6, 2.5) * {skus})::int as sku,
        null::varchar as order_id, null::varchar as search_query, null::bigint as n_search_results,
        1::bigint as units, ['desktop', 'mobile', 'app'][1 + (hash(session, 5) % 3)::int] as device_type,
        'DE' as country, 'direct' as channel
    from (select i, i // {length} as session from range({events}) as t(i))
) to '{target}' (format parquet, row_group_size 200000, file_size_bytes '128MB')
"""
_LINES = """
copy (
    select 'o' || (i // 2) as order_id,
        'sku' || floor(pow((hash(i, 6) % 1000000) / 1e6, 2.5) * {skus})::int as sku, 'product' as line_kind,
        timestamptz '2025-01-01 00:00:00+00' + to_microseconds((hash(i // 2, 7) % 31536000000000)::bigint)
            as ordered_at
    from range({events} // 5) as t(i)
) to '{target}' (format parquet, file_size_bytes '128MB')
"""


def main() -> None:
    """Climb, print and write; rungs that were measured before are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=list(RUNGS))
    parser.add_argument("--where", nargs="+", choices=PLACES, default=list(PLACES))
    parser.add_argument("--skus", type=int, default=5_000)
    parser.add_argument("--memory", default="2g", help="of the driver, and of each worker")
    parser.add_argument("--out", type=Path, default=RESULTS / "spark_ladder.json")
    chosen = parser.parse_args()
    rungs = json.loads(chosen.out.read_text()) if chosen.out.exists() else {}
    for n_events in chosen.events:
        with tempfile.TemporaryDirectory(prefix="shopwright-ladder-") as folder:
            inputs = write_inputs(Path(folder), n_events, chosen.skus)
            for place in chosen.where:
                measured = climb(Path(folder) / place, inputs, place == "cluster", chosen.memory)
                rungs[f"{n_events} {place}"] = {"events": n_events, "where": place, **measured}
                print(json.dumps({k: v for k, v in rungs[f"{n_events} {place}"].items() if k != "machine"}))
                chosen.out.parent.mkdir(parents=True, exist_ok=True)
                chosen.out.write_text(json.dumps(rungs, indent=1) + "\n")


def write_inputs(folder: Path, n_events: int, n_skus: int) -> dict[str, dict[str, list[str]]]:
    """Synthetic events and order lines as Parquet; the inputs of a plan."""
    inputs = {}
    sizes = {
        "events": n_events, "length": EVENTS_OF_A_SESSION, "skus": n_skus,
        "sessions": n_events // EVENTS_OF_A_SESSION,
    }  # fmt: skip
    with duckdb.connect() as connection:
        connection.execute("set preserve_insertion_order = false")
        for feed, sql in (("events", _EVENTS), ("order_lines", _LINES)):
            connection.execute(sql.format(target=folder / feed, **sizes))
            inputs[feed] = {"files": sorted(str(path) for path in (folder / feed).glob("*.parquet"))}
    return inputs


def climb(
    folder: Path, inputs: dict[str, dict[str, list[str]]], on_cluster: bool, memory: str
) -> dict[str, object]:
    """One launch, measured."""
    folder.mkdir()
    outputs = [output for job in JOBS for output in OUTPUTS_OF_JOB[job]]
    plan = {
        "inputs": inputs,
        "outputs": {name: str(folder / "out" / name) for name in outputs},
        "as_of": AS_OF, "time_zone": "UTC", "scratch": str(folder / "work"),
    }  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(plan))
    machine = describe_machine()
    with two_workers(folder / "cluster", memory) if on_cluster else nullcontext() as cluster:
        environment = {**os.environ, **spark_environment(folder / "java"), "SHOPWRIGHT_SPARK_MEMORY": memory}
        if isinstance(cluster, Cluster):
            environment |= {"SPARK_MASTER": cluster.master, "SPARK_CONF_DIR": str(cluster.conf)}
        command = [sys.executable, "-m", "transforms", "--plan", str(folder / "plan.json")]
        started = time.perf_counter()
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            daemons = cluster.processes if isinstance(cluster, Cluster) else ()
            watched = _watch(process, daemons, folder)
        seconds = time.perf_counter() - started
    said = (folder / "log").read_text()
    if process.returncode:
        raise SystemExit(f"The jobs ended with {process.returncode}:\n{said[-3000:]}")
    summary = json.loads(said.splitlines()[-1])
    written = sum(path.stat().st_size for path in (folder / "out").rglob("*.parquet"))
    return {
        "machine": machine,
        "memory": memory,
        "seconds": round(seconds, 1),
        **watched,
        "read_mb": round(sum(Path(f).stat().st_size for e in inputs.values() for f in e["files"]) / 1e6),
        "written_mb": round(written / 1e6),
        "rows": {name: entry["rows"] for name, entry in summary["outputs"].items()},
        "seconds_by_table": {name: entry["seconds"] for name, entry in summary["outputs"].items()},
    }


def _watch(process: subprocess.Popen[bytes], daemons: Sequence[int], folder: Path) -> dict[str, float]:
    """Processor seconds, and the peaks of memory and scratch files, looked at twice a second."""
    roots = [psutil.Process(pid) for pid in (process.pid, *daemons)]
    processor: dict[int, float] = {}
    memory = disk = 0
    while process.poll() is None:
        total = 0
        for one in [p for root in roots for p in (root, *_children(root))]:
            try:
                times = one.cpu_times()
                processor[one.pid] = times.user + times.system
                total += one.memory_info().rss
            except psutil.Error:
                continue
        memory, disk = max(memory, total), max(disk, _scratch_bytes(folder))
        time.sleep(0.5)
    return {
        "processor_seconds": round(sum(processor.values()), 1),
        "peak_memory_mb": round(memory / 1e6),
        "peak_scratch_mb": round(disk / 1e6),
    }


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _scratch_bytes(folder: Path) -> int:
    """Size of all files below the folder but the tables; what is gone meanwhile counts nothing."""
    total = 0
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "out"]
        for name in names:
            try:
                total += os.stat(os.path.join(path, name)).st_size
            except OSError:
                continue
    return total


if __name__ == "__main__":
    main()
