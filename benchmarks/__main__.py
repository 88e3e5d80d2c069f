"""``make bench``: every measurement, one after the other, then the results page. Takes well over an hour."""

from __future__ import annotations

import subprocess
import sys

MODULES = (
    "benchmarks.pipeline",
    "benchmarks.start_up",
    "benchmarks.forecast_accuracy",
    "benchmarks.vn2_replay",
    "benchmarks.session_recommendations",
    "benchmarks.order_priority",
    "benchmarks.ingestion",
    "benchmarks.webhook_receiver",
    "benchmarks.publishing",
    "benchmarks.large_warehouse",
    "benchmarks.spark_ladder",
    "benchmarks.report",
)


def main() -> None:
    """Run each module in a process of its own; those that need public data say where they looked."""
    for module in MODULES:
        print(f"== {module}", flush=True)
        subprocess.run([sys.executable, "-m", module], check=True)


if __name__ == "__main__":
    main()
