"""On-time shares of ways to order a dispatch queue, in the declared world of ``ml.priority.simulation``.

    python -m benchmarks.order_priority [--seeds 5] [--out FILE]

Three capacities (235 overloaded, 250 tight, 275 roomy; a seventh weekday at a third), the same orders for
every policy.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from benchmarks.machine import describe_machine
from ml.priority.scoring import DEFAULTS
from ml.priority.simulation import World, simulate_policies

CAPACITIES = {235: "overloaded", 250: "tight", 275: "roomy"}
SHOWN = {
    "on_time_ratio": "on time",
    "value_on_time_ratio": "value on time",
    "express_on_time_ratio": "express on time",
    "wait_days_p99": "p99 wait, days",
    "wait_days_max": "longest wait, days",
    "overdue_at_dispatch_days_max": "most overdue at dispatch, days",
}


def markdown(runs: pd.DataFrame) -> str:
    """Means over the seeds, a table for each capacity."""
    blocks = []
    for capacity, label in CAPACITIES.items():
        part = runs[runs["capacity"] == capacity]
        means = part.groupby("policy", sort=False)[list(SHOWN)].mean().sort_values("on_time_ratio")
        lines = [
            f"**{label}: {capacity} orders a day**",
            "",
            f"| policy | {' | '.join(SHOWN.values())} |",
            "|---" * (len(SHOWN) + 1) + "|",
        ]
        for policy, row in means.iterrows():
            lines.append(
                f"| {policy} | " + " | ".join(f"{v:.3f}" if v <= 1 else f"{v:.1f}" for v in row) + " |"
            )
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "order_priority.json")
    arguments = parser.parse_args()
    started = time.perf_counter()
    runs = simulate_policies(tuple(CAPACITIES), tuple(range(1, arguments.seeds + 1)))
    document = {
        "machine": describe_machine(),
        "seconds": time.perf_counter() - started,
        "world": asdict(World()),
        "params": asdict(DEFAULTS),
        "runs": runs.to_dict("records"),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(document, indent=2, default=str) + "\n", encoding="utf-8")
    print(markdown(runs))


if __name__ == "__main__":
    main()
