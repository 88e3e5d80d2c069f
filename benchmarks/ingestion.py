"""What ingestion costs: a large file, many small files, and one more day on a short and on a long history.

``python -m benchmarks.ingestion [--rows N]`` writes ``results/ingestion.json``. Each measurement is a process
of its own, so that its processor time and its peak memory are its own; imports are not counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.machine import describe_machine
from feeds.ingest import ingest_feed
from feeds.shop import load_shop

RESULTS = Path(__file__).resolve().parent / "results"
THREADS = 2
FIRST_DAY = date(2024, 1, 1)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
PAIRS = 5
SMALL_FILES, ROWS_IN_SMALL_FILE = 280, 1_000
SHORT_HISTORY_DAYS, LONG_HISTORY_DAYS, MORE_DAYS = 60, 600, 7
LIMITS = {"accept_ratio": 0.5, "accept_peak_mb": 1500, "small_files_ratio": 3.0, "long_history_ratio": 1.2}
"""What is promised: the first at least, the others at most."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--out", type=Path, default=RESULTS / "ingestion.json")
    chosen = parser.parse_args()
    results: dict[str, Any] = {"machine": describe_machine(), "limits": LIMITS}
    for name, measure in (
        ("accept", lambda folder: measure_large_file(folder, chosen.rows)),
        ("small_files", measure_small_files),
        ("increment", measure_increments),
    ):
        with tempfile.TemporaryDirectory(prefix="shopwright-bench-") as folder:
            results[name] = measure(Path(folder))
        print(name, json.dumps(results[name], indent=1))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(results, indent=1) + "\n")


def measure_large_file(folder: Path, rows: int) -> dict[str, Any]:
    """Rows a second of DuckDB's plain CSV-to-Parquet copy of a file, and of the file's whole acceptance:
    medians of runs in turns, and of their ratios.
    """
    file = folder / "feeds" / "events" / "events.csv"
    write_events(file, FIRST_DAY, rows, rows_a_day=20_000)
    pairs = []
    for _ in range(PAIRS):
        # In turns: the speed of a shared machine changes from minute to minute.
        shutil.rmtree(folder / "home", ignore_errors=True)
        plain = alone(plain_copy, file, folder / "plain.parquet")
        pairs.append((plain, alone(ingest, folder, "events")))
    told = compared("plain_copy", "acceptance", pairs)
    for name in ("plain_copy", "acceptance"):
        told[name]["rows_per_second"] = round(rows / told[name]["seconds"])
    return {"rows": rows, "file_mb": round(file.stat().st_size / 1e6)} | told


def measure_small_files(folder: Path) -> dict[str, Any]:
    """The same rows in 280 daily files and in one."""
    total = SMALL_FILES * ROWS_IN_SMALL_FILE
    write_events(folder / "one" / "feeds" / "events" / "events.csv", FIRST_DAY, total, ROWS_IN_SMALL_FILE)
    for n in range(SMALL_FILES):
        write_day(folder / "many" / "feeds", n)
    pairs = []
    for _ in range(PAIRS):
        for name in ("one", "many"):
            shutil.rmtree(folder / name / "home", ignore_errors=True)
        one, many = (alone(ingest, folder / name, "events") for name in ("one", "many"))
        pairs.append((many, one))
    return {"rows": total, "files": SMALL_FILES} | compared("daily_files", "one_file", pairs)


def measure_increments(folder: Path) -> dict[str, Any]:
    """One more day on a history of 60 days and of 600, which both came a day at a time in the end."""
    told: dict[str, Any] = {}
    for days in (SHORT_HISTORY_DAYS, LONG_HISTORY_DAYS):
        root = folder / str(days)
        for n in range(LONG_HISTORY_DAYS - days, LONG_HISTORY_DAYS):
            write_day(root / "feeds", n)
        alone(ingest, root, "events")
        runs = []
        for n in range(LONG_HISTORY_DAYS, LONG_HISTORY_DAYS + MORE_DAYS):
            write_day(root / "feeds", n)
            runs.append(alone(ingest, root, "events"))
        told[f"after_{days}_days"] = {
            "cpu_seconds": statistics.median(run["cpu_seconds"] for run in runs),
            "seconds": statistics.median(run["seconds"] for run in runs),
            "rows": ROWS_IN_SMALL_FILE,
            "runs": [run["cpu_seconds"] for run in runs],
        }
    short, long = told[f"after_{SHORT_HISTORY_DAYS}_days"], told[f"after_{LONG_HISTORY_DAYS}_days"]
    return told | {
        "cpu_ratio": round(long["cpu_seconds"] / short["cpu_seconds"], 2),
        "ratio": round(long["seconds"] / short["seconds"], 2),
    }


def compared(name: str, other: str, pairs: list[tuple[dict[str, float], dict[str, float]]]) -> dict[str, Any]:
    """Medians of both, and of what the first takes over the other in each pair, by clock and by processor."""
    told: dict[str, Any] = {"pairs": len(pairs)}
    for side, runs in zip((name, other), zip(*pairs, strict=True), strict=True):
        told[side] = {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}
    for measure, key in (("ratio", "seconds"), ("cpu_ratio", "cpu_seconds")):
        ratios = [one[key] / another[key] for one, another in pairs]
        told[measure] = round(statistics.median(ratios), 3)
        told[f"{measure}s"] = [round(ratio, 3) for ratio in ratios]
    return told


def alone(work: Callable[..., None], *arguments: object) -> dict[str, float]:
    """Seconds, processor seconds and peak memory of a call in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measured, work, *arguments).result()


def _measured(work: Callable[..., None], *arguments: object) -> dict[str, float]:
    duckdb.execute("select 1")
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work(*arguments)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(spent, 3),
        "peak_memory_mb": _peak_mb(),
    }


def _peak_mb() -> int:
    """Peak resident memory of this process; ``getrusage`` would tell the parent's where that was higher."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [x for x in status.read_text().splitlines() if x.startswith("VmHWM")]
        return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def plain_copy(file: Path, target: Path) -> None:
    """What DuckDB alone takes for the file: types guessed, nothing judged, one Parquet file."""
    with duckdb.connect(config={"threads": str(THREADS)}) as con:
        con.execute("set enable_progress_bar = false")
        con.execute(f"copy (select * from read_csv('{file}')) to '{target}' (format parquet)")


def ingest(root: Path, feed: str) -> None:
    """The whole way of a feed: landed, read, judged, committed, accounted for."""
    home = root / "home"
    file = home / "shops" / "bench.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "name: bench\ntime_zone: Europe/Berlin\ncurrency: EUR\nsources:\n"
        '  - {name: "{feed}", path: "{data}/{feed}", dialect: canonical}\n'
    )
    shop = load_shop("bench", home, data=root / "feeds")
    told = ingest_feed(shop, feed, home, key=b"benchmark", now=NOW, threads=THREADS)
    if not told.accepted or told.accepted != told.rows_read:
        raise SystemExit(f"{told.accepted} of {told.rows_read} rows were accepted: {told.skipped_reason}")


def write_day(feeds: Path, number: int) -> None:
    """The events of one day in its file."""
    day = FIRST_DAY + timedelta(days=number)
    write_events(
        feeds / "events" / f"{day}.csv",
        day,
        ROWS_IN_SMALL_FILE,
        ROWS_IN_SMALL_FILE,
        number * ROWS_IN_SMALL_FILE,
    )


def write_events(file: Path, first: date, rows: int, rows_a_day: int, first_id: int = 0) -> None:
    """Events as a shop sends them: all columns, ids without order, in order of time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"threads": "1"}) as con:
        con.execute("set enable_progress_bar = false")
        con.execute(
            f"""
            copy (
                select
                    'e' || md5((i + {first_id})::varchar)[:16] as event_id,
                    'v' || (hash(i // 9) % 200000) as visitor_id,
                    case when i % 3 = 0 then 'C' || (hash(i // 9) % 50000) end as customer_id,
                    's' || (i // 9) as source_session_id,
                    case when i % 9 = 8 then 'add_to_cart' else 'view' end as event_type,
                    strftime(
                        timestamp '{first}' + to_seconds((i // {rows_a_day}) * 86400)
                            + to_milliseconds((i % {rows_a_day}) * (86000000 // {rows_a_day})),
                        '%Y-%m-%dT%H:%M:%S.%gZ'
                    ) as occurred_at,
                    'SKU-' || (hash(i) % 5000) as sku,
                    null as order_id, null as search_query, null as n_search_results,
                    case when i % 9 = 8 then 1 end as units,
                    round((hash(i) % 10000) / 100, 2) as price_amount,
                    'EUR' as currency,
                    ['mobile', 'desktop', 'tablet'][1 + i % 3] as device_type,
                    ['DE', 'FR', 'GB'][1 + i % 3] as country,
                    ['email', 'search', 'direct'][1 + i % 3] as channel
                from range({rows}) t(i) order by i
            ) to '{file}' (header)
            """
        )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
