"""The page ``docs/results.md``, written from the files in ``benchmarks/results`` and nothing else."""

# ruff: noqa: E501  (sentences of the page it writes are kept whole)
from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.pipeline import LIMITS
from benchmarks.report_large import large_warehouse, spark_ladder
from benchmarks.report_services import ingestion, publishing, webhook
from benchmarks.report_tables import read_results, table_of, where_measured

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results.md"


def main() -> None:
    """Write the page."""
    parts = [_head(), _pipeline(), _forecasts(), _replay(), _sessions(), _priorities()]
    parts += [large_warehouse(), ingestion(), webhook(), publishing(), spark_ladder()]
    PAGE.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")


def _head() -> str:
    return (
        "# Results\n\nEvery number on this page was measured by a module that `make bench` runs; they write `benchmarks/results` and this page. "
        "Times on shared machines are noisy: read them as sizes, not as digits."
    )


def _pipeline() -> str:
    measured = read_results("pipeline")
    if not measured:
        return ""
    rows = []
    for name, limit in LIMITS.items():
        if told := measured.get(name):
            held = "held" if told["seconds"] <= limit else "missed"
            rows.append(
                (
                    name,
                    told["seconds"],
                    limit,
                    held,
                    told["peak_memory_mb"],
                    told["machine"]["load_average"][0],
                )
            )
    text = ["## The main job on four shops", where_measured(measured[rows[0][0]]["machine"])]
    text.append(table_of(["shop", "seconds", "limit", "", "peak memory, MB", "load before"], rows))
    start_up = read_results("start_up")
    if start_up:
        text.append(
            f"Loading the code location takes {start_up['median_seconds']} s (median of {len(start_up['runs'])}; limit 10 s)."
        )
    for name, told in measured.items():
        text += _shop(name, told)
    return "\n\n".join(text)


def _shop(name: str, told: dict[str, Any]) -> list[str]:
    counts = ("rows_read", "accepted", "deduplicated", "quarantined", "filtered")
    rows_in = [(feed, *(of[c] for c in counts)) for feed, of in sorted(told["ingested"].items())]
    rows_out = [(table, rows) for table, rows in sorted(told["published"].items())]
    slowest = sorted(told["steps"].items(), key=lambda item: -item[1])[:8]
    text = [
        f"### {name}",
        "Rows in, all loads so far:",
        table_of(["feed", "read", "accepted", "deduplicated", "quarantined", "filtered"], rows_in),
    ]
    text += ["Rows out:", table_of(["published table", "rows"], rows_out)]
    text += ["Slowest steps: " + ", ".join(f"{step} {seconds:.0f} s" for step, seconds in slowest) + "."]
    if told["forecasts"]:
        rows = [
            (m, float(w), float(t), float(b), "served" if c else "floor" if f else "")
            for m, c, f, w, t, b in told["forecasts"]
        ]
        text += [
            "Backtest of the forecasts, mean of the origins:",
            table_of(["model", "WAPE a period", "WAPE of the window's sum", "bias", ""], rows),
        ]
    if told["recommendations"]:
        kept = [
            r
            for r in told["recommendations"]
            if r[1] in ("hit_rate_at_20", "mrr_at_20", "map_at_12", "hit_rate_at_10")
        ]
        rows = [(s, metric, m, float(v), "served" if served else "") for s, metric, m, v, served in kept]
        if rows:
            text += [
                "Backtest of the recommendations:",
                table_of(["surface", "metric", "model", "value", ""], rows),
            ]
    return text


def _forecasts() -> str:
    measured = read_results("forecast_accuracy")
    if not measured:
        return ""
    text = ["## Forecasts beside their peers", where_measured(measured["machine"])]
    for name, table in pd.DataFrame(measured["rows"]).groupby("data", sort=False):
        means = (
            table.drop(columns=["data", "origin"])
            .groupby("model", sort=False)
            .mean()
            .dropna(axis=1, how="all")
        )
        origins = ", ".join(table["origin"].unique())
        text.append(f"### {name}: mean of the origins {origins}")
        rows = [(model, *map(float, row)) for model, row in means.iterrows()]
        text.append(table_of(["model", *means.columns], rows))
    text.append(
        "`wape_28` (or `_3`, `_8`) is the error of the sum over that many periods, which is what ordering uses. "
        "How settings were chosen, and what was seen before, is told in [forecasting](forecasting.md)."
    )
    return "\n\n".join(text)


def _replay() -> str:
    measured = read_results("vn2_replay")
    if not measured:
        return ""
    table = pd.DataFrame(measured["rows"])
    wide = table.pivot(index="policy", columns="window", values="cost").reindex(table["policy"].unique())
    wide["mean"] = wide.mean(axis=1)
    rows = [(policy, *(round(float(x), 1) for x in row)) for policy, row in wide.iterrows()]
    return "\n\n".join(
        [
            "## Replenishment on VN2: cost of replayed windows",
            where_measured(measured["machine"]),
            table_of(["policy", *wide.columns], rows),
            "Weeks 3 to 8 of each window, 0.2 a unit left and 1.0 a unit lost; see [replenishment](replenishment.md).",
        ]
    )


def _sessions() -> str:
    measured = read_results("session_recommendations")
    if not measured:
        return ""
    figures = measured["figures"]
    metrics = ("hit_rate_at_20", "mrr_at_20", "ndcg_at_20", "coverage_ratio_at_20", "fit_seconds")
    rows = [(model, *(of.get(metric) for metric in metrics)) for model, of in figures.items()]
    note = (
        f"{measured['n_predictions']:,} predictions on the last {measured['n_test_sessions']:,} sessions, items revealed one at a "
        f"time, ranked over all items known before; {measured['n_unknown_steps']:,} clicks on unknown items left out. "
        "With one next item, the hit rate at 20 is the P@20 of the session literature."
    )
    text = ["## Session recommendations on RetailRocket", where_measured(measured["machine"])]
    text += [table_of(["model", "P@20", "MRR@20", "NDCG@20", "coverage@20", "fit, s"], rows), note]
    return "\n\n".join(text)


def _priorities() -> str:
    measured = read_results("order_priority")
    if not measured:
        return ""
    runs = pd.DataFrame(measured["runs"])
    wide = runs.pivot_table(index="policy", columns="capacity", values="on_time_ratio", sort=False)
    waits = (
        runs[runs["capacity"] == sorted(runs["capacity"].unique())[1]]
        .groupby("policy")["wait_days_p99"]
        .mean()
    )
    rows = [(policy, *map(float, row), float(waits[policy])) for policy, row in wide.iterrows()]
    header = ["policy", *(f"on time, {c} orders a day" for c in wide.columns), "p99 wait in days, tight"]
    n_seeds = runs["seed"].nunique()
    return "\n\n".join(
        [
            "## Order priorities on the simulated floor",
            where_measured(measured["machine"]),
            table_of(header, rows),
            f"Mean of {n_seeds} seeds; capacities are overloaded, tight and roomy. The world and which policy is served are told in "
            "[priority](priority.md).",
        ]
    )


if __name__ == "__main__":
    main()
