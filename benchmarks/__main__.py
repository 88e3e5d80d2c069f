"""``make bench``: every measurement, one after the other, then the results page. Takes about half an hour."""

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
    "benchmarks.report",
)


def main() -> None:
    """Run each module in a process of its own; those that need public data say where they looked."""
    for module in MODULES:
        print(f"== {module}", flush=True)
        subprocess.run([sys.executable, "-m", module], check=True)


if __name__ == "__main__":
    main()
