"""``python -m transforms.warm``: store the classes that the jobs load, so that later launches start faster.

Part of setting up, not of a run: it runs all jobs once on a few rows, and Java writes the archive as it ends.
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import SparkContext

from data_quality.contract import load_contract
from transforms.java import class_archive, spark_environment
from transforms.jobs import run_jobs
from transforms.plan import JOBS, OUTPUTS_OF_JOB, parse_plan
from transforms.session import java_options

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENTS = [
    {"event_id": f"e{n}", "visitor_id": f"v{n % 3}", "event_type": kind, "sku": f"s{n % 4}",
     "occurred_at": NOON - timedelta(minutes=n)}
    for n, kind in enumerate(("view", "view", "add_to_cart", "search", "purchase") * 8)
]  # fmt: skip
LINES = [
    {"order_id": f"o{n // 3}", "sku": f"s{n % 4}", "line_kind": "product", "ordered_at": NOON}
    for n in range(12)
]


def main() -> None:
    """Run the jobs once; where an archive is already there, nothing is done."""
    with tempfile.TemporaryDirectory(prefix="shopwright-warm-") as scratch:
        folder = Path(scratch)
        os.environ.update(spark_environment(folder / "java"))
        archive = class_archive(Path(os.environ["JAVA_HOME"]))
        if archive.exists():
            return
        archive.parent.mkdir(parents=True, exist_ok=True)
        quiet = "-Xlog:cds=off -Xlog:cds+dynamic=off"
        # Written beside and renamed: an archive that a kill cut short would never be made again.
        unfinished = archive.with_name(f"{archive.name}.{os.getpid()}")
        options = f"{java_options('1g')} -XX:ArchiveClassesAtExit={unfinished} {quiet}"
        os.environ["SHOPWRIGHT_SPARK_JAVA_OPTIONS"] = options
        run_jobs(parse_plan(_plan(folder)), JOBS, lambda written: None)
        _end_java()
        unfinished.replace(archive)
    print(f"Spark's classes: {archive}", file=sys.stderr)


def _end_java() -> None:
    """Let Java end, which is when it writes the archive, and wait for that."""
    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.proc.stdin.close()
        gateway.proc.wait()


def _plan(folder: Path) -> dict[str, object]:
    inputs = {}
    for feed, rows in (("events", EVENTS), ("order_lines", LINES)):
        file = folder / f"{feed}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, load_contract(feed).arrow_schema()), file)
        inputs[feed] = {"files": [str(file)]}
    outputs = [output for job in JOBS for output in OUTPUTS_OF_JOB[job]]
    return {
        "inputs": inputs,
        "outputs": {output: str(folder / "out" / output) for output in outputs},
        "as_of": "2026-03-01", "scratch": str(folder / "work"),
    }  # fmt: skip


if __name__ == "__main__":
    main()
