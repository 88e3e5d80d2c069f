"""Forecasts of real shops beside their peers: ``python -m benchmarks.forecast_accuracy --data DIR --out
FILE``.

Every model sees the same history, as it was known at the origin; settings were chosen on earlier windows (see
``docs/forecasting.md``). Writes JSON, prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import forecast_data
from benchmarks.machine import data_folder, describe_machine
from ml import evaluation
from ml.forecasting import ForecastParams, forecast_demand
from ml.forecasting.boosted import boosted_forecast
from ml.forecasting.candidates import recent_value
from ml.forecasting.cleaning import unconstrained
from ml.forecasting.floors import floor_forecasts
from ml.forecasting.panel import DemandPanel, build_panel
from ml.forecasting.params import ETS, FLOORS
from ml.forecasting.profiles import day_weights

ONLINE_RETAIL_ORIGINS = (date(2011, 9, 15), date(2011, 10, 13))
EARLIER_ONLINE_RETAIL_ORIGINS = (date(2011, 5, 26), date(2011, 6, 23), date(2011, 7, 21), date(2011, 8, 18))
VN2_WINDOWS_BACK = (24, 16, 8)
EARLIER_VN2_WINDOWS_BACK = (64, 56, 48, 40, 32)


@dataclass(frozen=True)
class Case:
    """One origin of one data set: history as known then, what came after (NaN: censored), and how to score
    it."""

    name: str
    history: pd.DataFrame
    items: pd.DataFrame | None
    origin: date
    period_days: int
    horizon: int
    sums: tuple[int, ...]
    actual: pd.DataFrame


def online_retail_cases(folder: Path, origins: Sequence[date], n_skus: int = 400) -> list[Case]:
    """Cases of Online Retail: the SKUs with the highest revenue before the first origin, 28 days ahead."""
    lines = forecast_data.online_retail_lines(folder)
    last = lines["sold_at"].max().date()
    final = forecast_data.net_of_cancellations(lines, last)
    skus = forecast_data.top_skus(forecast_data.net_of_cancellations(lines, origins[0]), origins[0], n_skus)
    cases = []
    for origin in origins:
        end = origin + timedelta(days=28)
        truth = forecast_data.daily_history(final, skus, end)
        after = truth.loc[truth["demand_date"] > pd.Timestamp(origin)]
        known = forecast_data.daily_history(forecast_data.net_of_cancellations(lines, origin), skus, origin)
        wide = after.pivot(index=["sku", "location_id"], columns="demand_date", values="units_sold")
        cases.append(Case("online_retail", known, None, origin, 1, 28, (28,), wide))
    return cases


def vn2_cases(folder: Path, weeks_back: Sequence[int]) -> list[Case]:
    """Cases of VN2: every store and product, 8 weeks ahead; weeks without stock are not scored."""
    history, items = forecast_data.vn2_history(folder)
    weeks = np.sort(history["demand_date"].unique())
    cases = []
    for back in weeks_back:
        origin = weeks[-back - 1]
        after = history.loc[
            (history["demand_date"] > origin)
            & (history["demand_date"] <= weeks[-back + 7 if back > 8 else -1])
        ]
        after = after.assign(units_sold=after["units_sold"].where(~after["is_stocked_out"]))
        wide = after.pivot(index=["sku", "location_id"], columns="demand_date", values="units_sold")
        day = pd.Timestamp(origin).date()
        cases.append(
            Case("vn2", history.loc[history["demand_date"] <= origin], items, day, 7, 8, (3, 8), wide)
        )
    return cases


def run_case(case: Case, params: ForecastParams) -> list[dict[str, object]]:
    """One row per model: errors, bias, seconds."""
    panel = build_panel(
        case.history, as_of=case.origin, period_days=case.period_days, horizon=case.horizon,
        max_history_days=params.max_history_days, items=case.items,
    )  # fmt: skip
    keys = pd.MultiIndex.from_frame(panel.keys[["sku", "location_id"]])
    actual = case.actual.reindex(keys).to_numpy(dtype=float)
    seen = np.where(panel.is_observed, panel.units, np.nan)
    rows = []
    for name, forecast_with in _models(case, params).items():
        begin = time.perf_counter()
        forecast = forecast_with(panel)
        seconds = time.perf_counter() - begin
        row: dict[str, object] = {"data": case.name, "origin": case.origin.isoformat(), "model": name}
        row["wape"] = evaluation.wape(actual, forecast)
        for length in case.sums:
            row[f"wape_{length}"] = evaluation.wape_total(actual[:, :length], forecast[:, :length])
        row["bias"] = evaluation.bias(actual, forecast)
        row["rmsse"] = evaluation.rmsse(actual, forecast, seen, recent_value(panel))
        rows.append(row | {"seconds": seconds})
    return rows


def _models(case: Case, params: ForecastParams) -> dict[str, Callable[[DemandPanel], np.ndarray]]:
    season = params.season_of(case.period_days)

    def floor(name: str) -> Callable[[DemandPanel], np.ndarray]:
        def forecast(panel: DemandPanel) -> np.ndarray:
            weights = day_weights(panel)
            clean = unconstrained(panel, weights)
            return floor_forecasts(clean, weights, [name], season=season, horizon=case.horizon)[name]

        return forecast

    def boosted(panel: DemandPanel) -> np.ndarray:
        weights = day_weights(panel)
        made = boosted_forecast(unconstrained(panel, weights), weights, params, case.horizon)
        if made is None:
            raise RuntimeError(f"The boosted model found too little history at {case.origin}.")
        return made.units

    def served(panel: DemandPanel) -> np.ndarray:
        made = forecast_demand(
            case.history, as_of=case.origin, period_days=case.period_days, items=case.items, params=params
        )
        wide = made.forecasts.pivot(index=["sku", "location_id"], columns="horizon", values="units_mean")
        keys = pd.MultiIndex.from_frame(panel.keys[["sku", "location_id"]])
        print(f"  {case.name} {case.origin}: {'; '.join(made.notes)}")
        return wide.reindex(keys).to_numpy(dtype=float)[:, : case.horizon]

    def naive(panel: DemandPanel) -> np.ndarray:
        return np.repeat(panel.units[:, -1:], case.horizon, axis=1)

    return {
        "zero": lambda panel: np.zeros((panel.n_series, case.horizon)),
        "naive": naive,
        **{name: floor(name) for name in (*FLOORS, ETS)},
        "own boosted": boosted,
        "own served": served,
    }


def summary(rows: list[dict[str, object]]) -> str:
    """Markdown: one table a data set, means over its origins."""
    texts = []
    for name, table in pd.DataFrame(rows).groupby("data", sort=False):
        means = (
            table.drop(columns=["data", "origin"])
            .groupby("model", sort=False)
            .mean()
            .dropna(axis=1, how="all")
        )
        origins = ", ".join(table["origin"].unique())
        lines = [
            f"### {name}: mean of origins {origins}",
            "",
            "| model | " + " | ".join(means.columns) + " |",
        ]
        lines.append("|---" * (len(means.columns) + 1) + "|")
        for model, row in means.iterrows():
            lines.append(f"| {model} | " + " | ".join(f"{value:.3f}" for value in row) + " |")
        texts.append("\n".join(lines))
    return "\n\n".join(texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=data_folder(), help="folder with online_retail/ and vn2/"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/forecast_accuracy.json"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=["online_retail", "vn2"])
    parser.add_argument(
        "--earlier", action="store_true", help="score the windows on which settings were chosen"
    )
    options = parser.parse_args()
    params = ForecastParams(num_threads=options.threads)
    cases: list[Case] = []
    if options.only != "vn2":
        origins = EARLIER_ONLINE_RETAIL_ORIGINS if options.earlier else ONLINE_RETAIL_ORIGINS
        cases += online_retail_cases(options.data, origins)
    if options.only != "online_retail":
        cases += vn2_cases(options.data, EARLIER_VN2_WINDOWS_BACK if options.earlier else VN2_WINDOWS_BACK)
    before = describe_machine()
    rows = [row for case in cases for row in run_case(case, params)]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "machine": before,
        "threads": options.threads,
        "windows": "earlier" if options.earlier else "reported",
        "rows": rows,
    }
    options.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(json.dumps(before))
    print(summary(rows))


if __name__ == "__main__":
    main()
