"""Pictures for the Dagster UI that no model owns: the funnel of visits."""

from __future__ import annotations

import altair as alt
import pandas as pd
import vl_convert


def funnel_png(funnel: pd.DataFrame) -> bytes:
    """Sessions by stage over the last 28 days with data; ``funnel`` has stage and sessions, in order."""
    bars = (
        alt.Chart(funnel)
        .mark_bar()
        .encode(x=alt.X("sessions:Q"), y=alt.Y("stage:N", sort=None, title=""), tooltip=["sessions"])
    )
    labels = bars.mark_text(align="left", dx=3).encode(text=alt.Text("sessions:Q", format=","))
    return _png((bars + labels).properties(title="Visits by stage, last 28 days", width=520, height=140))


def _png(chart: alt.Chart | alt.LayerChart) -> bytes:
    return bytes(vl_convert.vegalite_to_png(chart.to_json(), scale=1.5))
