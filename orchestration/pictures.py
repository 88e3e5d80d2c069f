"""Pictures for the Dagster UI that no model owns: the funnel of visits, and rows a day with their limits."""

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


def readings_png(volumes: pd.DataFrame) -> bytes:
    """Rows a day of each table within the limits of what is usual, unusual days marked; one panel a table."""
    base = alt.Chart(volumes).encode(x=alt.X("reading_date:T", title=""))
    limits = base.mark_area(opacity=0.25).encode(y=alt.Y("lower_value:Q", title="rows"), y2="upper_value:Q")
    rows = base.mark_line(strokeWidth=1).encode(y="observed_value:Q")
    unusual = (
        base.mark_point(color="red", filled=True)
        .encode(y="observed_value:Q")
        .transform_filter(alt.datum.state == "unusual")
    )
    panels = (limits + rows + unusual).properties(width=250, height=90)
    facets = panels.facet(facet=alt.Facet("table_name:N", title=""), columns=3)
    return _png(facets.resolve_scale(y="independent"))


def _png(chart: alt.Chart | alt.LayerChart | alt.FacetChart) -> bytes:
    return bytes(vl_convert.vegalite_to_png(chart.to_json(), scale=1.5))
