"""The whole main job on the four shops, each in a fresh data home: seconds, peak memory, rows in and out.

``python -m benchmarks.pipeline [--shop NAME ...]`` runs ``shopwright run`` as a user would, as a process of
its own, and samples the memory of the process and all its children (Spark and dbt among them).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import psutil

from benchmarks.machine import data_folder, describe_machine
from feeds.ledger import Ledger
from serving.store import Store

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SHOPS = ("demo", "online_retail", "retailrocket", "vn2")
LIMITS = {"demo": 150, "demo next day": 60, "online_retail": 150, "retailrocket": 120, "vn2": 60}
"""Seconds that the main job may take on two quiet cores, set-up excluded."""
COUNTS = ("rows_read", "accepted", "deduplicated", "quarantined", "filtered")
SHOPWRIGHT = str(Path(sys.executable).with_name("shopwright"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", action="append", choices=SHOPS)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--out", type=Path, default=RESULTS / "pipeline.json")
    chosen = parser.parse_args()
    results = json.loads(chosen.out.read_text()) if chosen.out.exists() else {}
    for shop in chosen.shop or SHOPS:
        with tempfile.TemporaryDirectory(prefix="shopwright-bench-") as home:
            for name, measured in measure_shop(shop, Path(home), chosen.data).items():
                results[name] = measured
                print(
                    f"{name}: {measured['seconds']:.1f} s (limit {LIMITS[name]}), "
                    f"peak {measured['peak_memory_mb']:,.0f} MB"
                )
                chosen.out.parent.mkdir(parents=True, exist_ok=True)
                chosen.out.write_text(json.dumps(results, indent=1) + "\n")


def measure_shop(shop: str, home: Path, data: Path) -> dict[str, dict[str, object]]:
    """The measurements of one shop; the demo gives a second one, for the next day's feeds on top."""
    if shop != "demo":
        return {shop: _measure(home, ["run", "--shop", shop, "--feeds", str(data)], shop)}
    simulated = _measure(home, ["simulate", "--days", "400"])
    first = _measure(home, ["run", "--shop", "demo"], shop)
    _measure(home, ["simulate", "--days", "401"])
    second = _measure(home, ["run", "--shop", "demo"], shop)
    first["simulate_seconds"] = simulated["seconds"]
    return {"demo": first, "demo next day": second}


def _measure(home: Path, arguments: list[str], shop: str | None = None) -> dict[str, object]:
    environment = {**os.environ, "SHOPWRIGHT_HOME": str(home)}
    before = describe_machine()
    started = time.perf_counter()
    with (home / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [SHOPWRIGHT, *arguments], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        peak = _watch(process)
    seconds = time.perf_counter() - started
    if process.returncode:
        said = (home / "output.txt").read_text()[-3000:]
        raise SystemExit(f"shopwright {' '.join(arguments)} ended with {process.returncode}:\n{said}")
    measured: dict[str, object] = {
        "machine": before,
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(peak / 1e6),
    }
    if shop:
        measured |= {"steps": _steps(home / "output.txt"), **_rows(home / shop)}
    return measured


def _watch(process: subprocess.Popen[bytes]) -> int:
    """Peak of the summed resident memory of the process and its children, sampled five times a second."""
    peak, parent = 0, psutil.Process(process.pid)
    while process.poll() is None:
        total = 0
        for one in [parent, *parent.children(recursive=True)]:
            try:
                total += one.memory_info().rss
            except psutil.Error:
                continue
        peak = max(peak, total)
        time.sleep(0.2)
    return peak


def _steps(output: Path) -> dict[str, float]:
    lines = [line.split() for line in output.read_text().splitlines() if line.startswith("  done ")]
    return {parts[3]: float(parts[1]) for parts in lines}


def _rows(folder: Path) -> dict[str, object]:
    with Store(folder / "published") as store:
        tables = store.tables()
    with duckdb.connect(str(folder / "published" / "serve.duckdb"), read_only=True) as published:
        accuracy = published.execute(
            "select model_name, any_value(is_champion), any_value(is_floor), "
            "avg(wape), avg(wape_total), avg(bias) "
            "from serving.forecast_accuracy where segment = 'all' and horizon = 'all' group by 1 order by 5"
        ).fetchall()
        recommended = published.execute(
            "select surface, metric, model_name, value, is_served "
            "from serving.recommendation_accuracy order by all"
        ).fetchall()
    return {
        "ingested": _loads(folder / "ledger.sqlite"),
        "published": tables,
        "forecasts": accuracy,
        "recommendations": recommended,
    }


def _loads(ledger: Path) -> dict[str, dict[str, int]]:
    """Rows by feed over all loads, from the ledger."""
    told: dict[str, dict[str, int]] = {}
    for load in Ledger(ledger).loads():
        counts = told.setdefault(load.feed, dict.fromkeys(COUNTS, 0))
        for name in COUNTS:
            counts[name] += getattr(load, name) or 0
    return told


if __name__ == "__main__":
    main()
