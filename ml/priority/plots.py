"""Pictures of order priority as PNG bytes: the queue by promise and class, and the policies compared."""

from __future__ import annotations

from typing import Any

import pandas as pd

CLASSES = ["high", "normal", "low", "waiting_stock", "blocked"]
COLOURS = ["#c0392b", "#2e86c1", "#aeb6bf", "#f5b041", "#566573"]


def queue_plot(priorities: pd.DataFrame) -> bytes:
    """Open orders by promised day and class, one panel a location (PNG)."""
    import altair as alt  # drawing takes long to import, and few steps draw

    promised = (
        pd.to_datetime(priorities["promised_delivery_date"]).dt.strftime("%Y-%m-%d").fillna("no promise")
    )
    counted = (
        priorities.assign(promised=promised)
        .groupby(["location_id", "promised", "priority_class"], as_index=False)
        .size()
        .rename(columns={"size": "n_orders"})
    )
    chart = (
        alt.Chart(counted)
        .mark_bar()
        .encode(
            x=alt.X("promised:N", title="promised delivery"),
            y=alt.Y("n_orders:Q", title="open orders"),
            color=alt.Color(
                "priority_class:N", title="class", scale=alt.Scale(domain=CLASSES, range=COLOURS)
            ),
            row=alt.Row("location_id:N", title=None),
        )
        .properties(width=560, height=160, title="Open orders by promise and class")
    )
    return _png(chart)


def policies_plot(runs: pd.DataFrame) -> bytes:
    """On-time share of each policy at each capacity, mean of the seeds (PNG); ``runs`` as simulated."""
    import altair as alt

    means = runs.groupby(["capacity", "policy"], as_index=False)["on_time_ratio"].mean()
    chart = (
        alt.Chart(means)
        .mark_bar()
        .encode(
            x=alt.X(
                "on_time_ratio:Q", title="on time", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])
            ),
            y=alt.Y("policy:N", sort="-x", title=None),
            column=alt.Column("capacity:O", title="orders a day that can leave"),
        )
        .properties(width=200, height=220)
    )
    return _png(chart)


def _png(chart: Any) -> bytes:
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(chart.to_json(), scale=1.5))
