"""Pictures of forecasts as PNG bytes, for asset metadata and reports; drawn without a browser.

Each function takes a frame that another module published and gives an image; nothing is computed that a
table lacks.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

FORECAST_COLOUR, ACTUAL_COLOUR = "#1f6f8b", "#333333"


def forecast_band_png(history: pd.DataFrame, forecasts: pd.DataFrame, *, sku: str, location_id: str) -> bytes:
    """One series: the last 91 units sold, the forecast mean, and the band from the 5 % to the 95 % quantile.

    ``history`` is ``feat_skus_daily``, ``forecasts`` is ``demand_forecasts``; raises ``ValueError`` for a
    series that has no forecast.
    """
    import altair as alt

    ahead = _series(forecasts, sku, location_id)
    if ahead.empty:
        raise ValueError(
            f"Got sku={sku!r}, location_id={location_id!r}, but expected a series with a forecast."
        )
    past = _series(history, sku, location_id).sort_values("demand_date").tail(91)
    shown = alt.Chart(ahead).encode(x=alt.X("demand_date:T", title=None))
    band = shown.mark_area(opacity=0.25, color=FORECAST_COLOUR).encode(
        y=alt.Y("units_p05:Q", title="units"), y2="units_p95:Q"
    )
    mean = shown.mark_line(color=FORECAST_COLOUR).encode(y="units_mean:Q")
    sold = alt.Chart(past).mark_line(color=ACTUAL_COLOUR).encode(x="demand_date:T", y="units_sold:Q")
    return _png(alt.layer(band, sold, mean), f"{sku} at {location_id}: sold, forecast, 5-95 % band")


def total_forecast_png(history: pd.DataFrame, forecasts: pd.DataFrame) -> bytes:
    """The whole shop: units sold and units forecast by period."""
    import altair as alt

    sold = history.groupby("demand_date")["units_sold"].sum().rename("units").reset_index()
    by_day = forecasts.groupby("demand_date")["units_mean"].agg(["sum", "size"])
    # past the common horizon only series with a long protection period have a forecast: not the whole shop
    ahead = by_day.loc[by_day["size"] == by_day["size"].max(), "sum"].rename("units").reset_index()
    frame = pd.concat([sold.tail(182).assign(line="sold"), ahead.assign(line="forecast")], ignore_index=True)
    frame["demand_date"] = pd.to_datetime(frame["demand_date"])
    colours = alt.Scale(domain=["sold", "forecast"], range=[ACTUAL_COLOUR, FORECAST_COLOUR])
    lines = (
        alt.Chart(frame)
        .mark_line()
        .encode(
            x=alt.X("demand_date:T", title=None),
            y=alt.Y("units:Q"),
            color=alt.Color("line:N", scale=colours, title=None),
        )
    )
    return _png(lines, "Units of the whole shop")


def backtest_by_horizon_png(points: pd.DataFrame) -> bytes:
    """WAPE by periods ahead and model over all origins, from the ``backtest`` points of a forecast run."""
    import altair as alt

    sums = points.groupby(["model_name", "horizon"], as_index=False)[
        ["absolute_error_units", "actual_units"]
    ].sum()
    sums = sums.loc[sums["actual_units"] > 0].assign(
        wape=lambda t: t["absolute_error_units"] / t["actual_units"]
    )
    lines = (
        alt.Chart(sums)
        .mark_line(point=True)
        .encode(
            x=alt.X("horizon:Q", title="periods ahead"),
            y=alt.Y("wape:Q", title="WAPE", scale=alt.Scale(zero=False)),
            color=alt.Color("model_name:N", title=None),
        )
    )
    return _png(lines, "Backtest error by horizon")


def _series(frame: pd.DataFrame, sku: str, location_id: str) -> pd.DataFrame:
    mine = frame.loc[(frame["sku"] == sku) & (frame["location_id"] == location_id)]
    shown = [name for name in ("units_sold", "units_mean", "units_p05", "units_p95") if name in mine]
    # dates must be timestamps and nothing else may be a date: the renderer cannot write a plain date
    return mine[shown].assign(demand_date=pd.to_datetime(mine["demand_date"]))


def _png(chart: Any, title: str) -> bytes:
    import vl_convert

    spec: dict[str, Any] = chart.properties(title=title, width=720, height=280).to_dict()
    return bytes(vl_convert.vegalite_to_png(spec, scale=1.5))
