"""Publishing against plainly copying the same tables, and what a BI reader waits meanwhile.

    python -m benchmarks.publishing [--warehouse FILE] [--rounds N]

The warehouse is one of a finished run, or one made here with a million rows in one mart. Two yardsticks,
both taken in the same run: ``plain copy``, DuckDB copying each table into a new file and a Parquet file,
forced to disk, with nothing checked; and ``byte copy``, the published files' bytes copied and forced to disk.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.machine import describe_machine
from data_quality.contract import all_contracts
from data_quality.examples import example_table
from serving.audit import AuditPolicy
from serving.durable import copy_hashed, sync_tree
from serving.generations import generation_folder
from serving.publish import RunInfo, build_generation, publish

RESULTS = Path(__file__).resolve().parent / "results"
LIMIT_SECONDS, LIMIT_FACTOR, LIMIT_READ_MS = 1.0, 1.5, 250
ROWS = 1_000_000
READERS = 4
READ = """
select l.ordered_date, count(*) as n_lines, sum(l.net_amount) as net_amount from marts.fct_order_lines as l
where l.ordered_date > (select max(ordered_date) from marts.fct_order_lines) - 28 group by all order by all
"""
LINES = """
create table marts.fct_order_lines as select
    'o' || (i // 3)::varchar as order_id, i % 3 + 1 as line_number,
    'sku-' || (hash(i) % 5000)::varchar as sku,
    'c' || (hash(i // 3) % 100000)::varchar as customer_id, 'main' as location_id,
    timestamp '2025-01-01' + to_seconds((i * 31)::bigint) as ordered_at,
    (timestamp '2025-01-01' + to_seconds((i * 31)::bigint))::date as ordered_date,
    (hash(i) % 4 + 1)::bigint as units, ((hash(i) % 9000) / 100.0)::decimal(18,2) as net_amount,
    'EUR' as currency,
    hash(i) % 40 = 0 as is_returned
from range({rows}) t(i)
"""


def main() -> None:
    """Measure, print and write ``results/publishing.json``."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--warehouse", type=Path)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="publishing-") as scratch:
        folder = Path(scratch)
        warehouse = options.warehouse or made_warehouse(folder / "warehouse.duckdb")
        result = {"machine": describe_machine(), **measure(warehouse, folder, options.rounds)}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "publishing.json").write_text(json.dumps(result, indent=1) + "\n")
    for name, value in result.items():
        if name != "machine":
            print(f"{name}: {value}")


def made_warehouse(path: Path) -> Path:
    """Served tables that keep their contracts, and a mart of order lines."""
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("create schema marts; create schema serving")
        for contract in all_contracts("served"):
            connection.register("incoming", example_table(contract, 2000))
            connection.execute(f"create table serving.{contract.name} as select * from incoming")
            connection.unregister("incoming")
        connection.execute(LINES.format(rows=ROWS))
    return path


def measure(warehouse: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Medians over rounds in which each thing is done once, in turn; then reads beside publishing."""
    published = folder / "published"
    times: dict[str, list[float]] = {"publish": [], "plain_copy": [], "byte_copy": []}
    cpu: dict[str, list[float]] = {name: [] for name in times}
    for number in range(1, rounds + 1):
        steps = {
            "publish": lambda n=number: publish_once(warehouse, published, n),
            "plain_copy": lambda: plain_copy(warehouse, folder / "plain"),
            "byte_copy": lambda n=number: byte_copy(generation_folder(published, n), folder / "bytes"),
        }
        for name, step in steps.items():
            wall, used = timed(step)
            times[name].append(wall)
            cpu[name].append(used)
    files = [p for p in generation_folder(published, rounds).rglob("*") if p.is_file()]
    median = {name: round(statistics.median(values), 3) for name, values in times.items()}
    limit = LIMIT_SECONDS + LIMIT_FACTOR * median["plain_copy"]
    return {
        "rows": _rows(published, rounds),
        "published_mb": round(sum(path.stat().st_size for path in files) / 1e6, 1),
        "seconds": median,
        "cpu_seconds": {name: round(statistics.median(values), 3) for name, values in cpu.items()},
        "limit_seconds": round(limit, 3),
        "is_within_limit": median["publish"] <= limit,
        "limit_seconds_over_byte_copy": round(LIMIT_SECONDS + LIMIT_FACTOR * median["byte_copy"], 3),
        "reads": reads_while_publishing(warehouse, published, rounds),
    }


def publish_once(warehouse: Path, published: Path, number: int) -> None:
    """A whole publish: copy, audit against the live one, force to disk, replace the pointer, collect."""
    run = RunInfo(f"run-{number}", number, date(2100, 1, 1), "bench")
    publish(build_generation(warehouse, published, run=run), published, policy=AuditPolicy())


def plain_copy(warehouse: Path, folder: Path) -> None:
    """What a script without any promise would do: the same tables in the same two formats."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with closing(duckdb.connect(config={"threads": 2})) as connection:
        connection.execute(f"attach '{warehouse}' as source (read_only)")
        connection.execute(f"attach '{folder / 'copy.duckdb'}' as copy (storage_version 'v1.2.0')")
        names = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_catalog = 'source' and table_schema in ('marts', 'serving') order by all"
        ).fetchall()
        connection.execute("begin; create schema copy.marts; create schema copy.serving")
        for schema, table in names:
            connection.execute(f"create table copy.{schema}.{table} as from source.{schema}.{table}")
        connection.execute("commit")
        for schema, table in names:
            file = folder / f"{schema}.{table}.parquet"
            connection.execute(f"copy copy.{schema}.{table} to '{file}' (format parquet, compression zstd)")
    sync_tree(folder)


def byte_copy(source: Path, target: Path) -> None:
    """The bytes of a finished generation, copied and forced to disk."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for number, path in enumerate(p for p in source.rglob("*") if p.is_file()):
        copy_hashed(path, target / str(number))


def reads_while_publishing(warehouse: Path, published: Path, first: int) -> dict[str, Any]:
    """BI readers in processes of their own, each read on a new connection, while generations go on coming."""
    context = multiprocessing.get_context("spawn")
    stop, answers = context.Event(), context.Queue()
    readers = [
        context.Process(target=keep_reading, args=(published / "serve.duckdb", stop, answers))
        for _ in range(READERS)
    ]
    for reader in readers:
        reader.start()
    for _ in readers:
        answers.get(timeout=120)  # each says once that it is there
    for number in range(first + 1, first + 4):
        publish_once(warehouse, published, number)
    stop.set()
    told = [answers.get(timeout=120) for _ in readers]
    for reader in readers:
        reader.join()
    seconds = sorted(second for one in told for second in one["seconds"])
    p99 = 1000 * seconds[int(0.99 * (len(seconds) - 1))]
    return {
        "reads": len(seconds),
        "errors": [error for one in told for error in one["errors"]],
        "p50_ms": round(1000 * statistics.median(seconds), 1),
        "p99_ms": round(p99, 1),
        "max_ms": round(1000 * seconds[-1], 1),
        "limit_p99_ms": LIMIT_READ_MS,
        "is_within_limit": p99 <= LIMIT_READ_MS,
    }


def keep_reading(file: Path, stop: Any, answers: Any) -> None:
    """Open the published file, ask, close; about four times a second, as a dashboard that refreshes."""
    told: dict[str, list[Any]] = {"seconds": [], "errors": []}
    answers.put("here")
    while not stop.is_set():
        started = time.perf_counter()
        try:
            with closing(duckdb.connect(str(file), read_only=True)) as connection:
                connection.execute("set threads = 1")
                connection.execute(READ).fetchall()
            told["seconds"].append(time.perf_counter() - started)
        except duckdb.Error as error:
            told["errors"].append(str(error))
        time.sleep(0.25)
    answers.put(told)


def timed(step: Callable[[], None]) -> tuple[float, float]:
    """Wall and processor seconds of this process."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    step()
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _rows(published: Path, number: int) -> int:
    from serving.generations import read_manifest

    return sum(entry.rows for entry in read_manifest(generation_folder(published, number)).tables)


if __name__ == "__main__":
    main()
