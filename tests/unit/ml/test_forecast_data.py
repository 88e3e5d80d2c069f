"""The benchmarks read public files as they say: cancellations known at the origin, no censored weeks."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from benchmarks import forecast_data
from benchmarks.forecast_accuracy import vn2_cases
from benchmarks.vn2_replay import run_window
from ml.forecasting import ForecastParams
from ml.forecasting.panel import build_panel


def lines_of(*rows: tuple[str, int, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["InvoiceNo", "Quantity", "day"])
    return frame.assign(
        sku="84879", CustomerID="17850", UnitPrice=1.0, sold_at=pd.to_datetime(frame["day"]),
        is_cancellation=frame["InvoiceNo"].str.startswith("C"),
    )  # fmt: skip


def test_a_cancellation_is_taken_from_the_latest_earlier_line_and_only_once_it_is_known():
    lines = lines_of(("1", 10, "2011-01-03"), ("2", 6, "2011-01-05"), ("C3", -8, "2011-01-10"))
    assert forecast_data.net_of_cancellations(lines, date(2011, 1, 9))["net_units"].tolist() == [10, 6]
    assert forecast_data.net_of_cancellations(lines, date(2011, 1, 10))["net_units"].tolist() == [8, 0]


def test_a_cancellation_without_an_earlier_line_removes_nothing():
    lines = lines_of(("C1", -8, "2011-01-01"), ("2", 6, "2011-01-05"))
    assert forecast_data.net_of_cancellations(lines, date(2011, 2, 1))["net_units"].tolist() == [6]


def test_the_bulk_order_that_was_cancelled_at_once_leaves_no_trace(real_data):
    lines = forecast_data.online_retail_lines(real_data, date(2011, 1, 20))
    net = forecast_data.net_of_cancellations(lines, date(2011, 1, 20))
    assert lines["Quantity"].max() == 74215
    assert net["net_units"].max() < 10_000


def test_vn2_windows_do_not_score_weeks_without_stock(real_data):
    (case,) = vn2_cases(real_data, [8])
    assert case.actual.shape == (599, 8)
    assert case.origin == date(2024, 2, 12)
    flags = pd.read_csv(real_data / "vn2" / "Week 0 - In Stock.csv").iloc[:, -8:].astype(bool)
    assert case.actual.isna().sum().sum() == (~flags).sum().sum() > 0
    assert case.history["demand_date"].max() == pd.Timestamp("2024-02-12")


def test_every_policy_pays_the_same_for_the_weeks_that_the_pipeline_decides(real_data):
    history, items = forecast_data.vn2_history(real_data)
    panel = build_panel(
        history, as_of=date(2024, 4, 8), period_days=7, horizon=8, max_history_days=1100, items=items
    ).select(np.arange(120))
    quick = ForecastParams(
        num_threads=1, boosted_trees=5, boosted_rows=10_000, ets_series=0, backtest_origins=1
    )
    rows = pd.DataFrame(run_window(panel, 8, quick)).set_index("policy")
    assert rows["cost_weeks_1_2"].nunique() == 1
    assert rows["cost"].idxmin() == "clairvoyant"
    assert rows.loc["order nothing", "fill_rate"] < rows.loc["own", "fill_rate"] < 1
