"""How long the code location takes to load, as ``dagster dev`` does: a fresh interpreter, median of five."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import describe_machine

RESULTS = Path(__file__).resolve().parent / "results"
LIMIT_SECONDS = 10
RUNS = 5
LOAD = "from orchestration.definitions import build_defs; build_defs().resolve_job_def('main')"


def main() -> None:
    """Measure, print and write."""
    machine, seconds = describe_machine(), []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-W", "ignore", "-c", LOAD], check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    counted = seconds[1:]  # the first one warms the file cache
    result = {
        "machine": machine,
        "median_seconds": round(statistics.median(counted), 2),
        "runs": [round(s, 2) for s in counted],
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "start_up.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"code location: {result['median_seconds']} s (limit {LIMIT_SECONDS})")


if __name__ == "__main__":
    main()
