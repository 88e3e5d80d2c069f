"""Next-item accuracy and speed on the RetailRocket sessions: ours beside popularity, Markov and item-kNN.

    python -m benchmarks.session_recommendations --data DIR [--out FILE]

DIR holds ``train_sessions.csv`` (session_id, pos, item_id; sessions in date order). The last 15 % of the
sessions are the test; settings are chosen on the tail of the others. Items are revealed one at a time and the
next one is predicted, ranked over all items of the training part; test steps on items unknown there are
dropped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.machine import data_folder, describe_machine
from ml.recommendations.encoding import SessionLog
from ml.recommendations.session_evaluation import OURS, SessionEvaluation, evaluate_log

K = 20
FIRST_INSTANT = pd.Timestamp("2000-01-01")  # the data has an order but no clock


def read_log(folder: Path) -> SessionLog:
    """The sessions as published; the artificial time only carries their order."""
    clicks = pd.read_csv(folder / "train_sessions.csv")
    last_at = FIRST_INSTANT + pd.to_timedelta(clicks["session_id"], unit="s")
    ids = clicks["session_id"].map("{:09d}".format)
    steps = pd.DataFrame(
        {"session_id": ids, "sku": clicks["item_id"].astype(str), "last_at": last_at, "pos": clicks["pos"]}
    )
    return SessionLog.from_steps(steps.sort_values(["session_id", "pos"], ignore_index=True))


def markdown(result: SessionEvaluation) -> str:
    """The figures as a table, best first."""
    lines = [
        f"| model | P@{K} (hit rate) | MRR@{K} | coverage | fit, s | ms a prediction (batch) |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in sorted(result.figures.items(), key=lambda item: -item[1][f"hit_rate_at_{K}"]):
        cells = [row[f"hit_rate_at_{K}"], row[f"mrr_at_{K}"], row[f"coverage_ratio_at_{K}"]]
        times = f"{row['fit_seconds']:.2f} | {1000 * row['batch_seconds_per_prediction']:.3f}"
        lines.append(f"| {name} | " + " | ".join(f"{c:.4f}" for c in cells) + f" | {times} |")
    ours = result.figures[OURS]
    lead = [ours[f"hit_rate_at_{K}_lead{end}"] for end in ("", "_lower", "_upper")]
    lines += [
        "",
        f"{result.n_predictions} predictions of {result.n_test_sessions} test sessions, "
        f"{result.n_train_sessions} train sessions; "
        f"{result.n_unknown_steps} test steps on unknown items dropped. "
        f"Settings: {result.settings}.",
        f"One query: p50 {1000 * ours['query_seconds_p50']:.2f} ms, "
        f"p90 {1000 * ours['query_seconds_p90']:.2f} ms. "
        f"Lead over the best peer in P@{K}: {lead[0]:.4f} (95 % {lead[1]:.4f} to {lead[2]:.4f}).",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "session_recommendations.json"
    )
    arguments = parser.parse_args()
    result = evaluate_log(read_log(arguments.data), k=K, time_queries=2_000)
    document: dict[str, Any] = {"machine": describe_machine()} | vars(result)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(document, indent=2, default=str) + "\n", encoding="utf-8")
    print(markdown(result))


if __name__ == "__main__":
    main()
