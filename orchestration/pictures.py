"""Pictures for the Dagster UI that no model owns: the funnel of visits, and rows a day with their limits.

Drawn as SVG and without Vega: starting its engine takes half a second, longer than what they show took.
"""

from __future__ import annotations

from html import escape

import numpy as np
import numpy.typing as npt
import pandas as pd
import vl_convert

_COLUMNS, _PANEL = 3, (310, 135)


def funnel_png(funnel: pd.DataFrame) -> bytes:
    """Sessions by stage over the last 28 days with data; ``funnel`` has stage and sessions, in order."""
    longest = max(float(funnel["sessions"].max()), 1.0)
    bars = [
        f'<text x="70" y="{48 + 30 * n}" text-anchor="end">{escape(str(stage))}</text>'
        f'<rect x="76" y="{34 + 30 * n}" width="{380 * sessions / longest:.1f}" height="20" fill="#4c78a8"/>'
        f'<text x="{80 + 380 * sessions / longest:.1f}" y="{48 + 30 * n}">{sessions:,.0f}</text>'
        for n, (stage, sessions) in enumerate(funnel[["stage", "sessions"]].itertuples(index=False))
    ]
    title = '<text x="76" y="20" font-weight="bold">Visits by stage, last 28 days</text>'
    return _png(title + "".join(bars), width=540, height=40 + 30 * len(funnel))


def readings_png(volumes: pd.DataFrame) -> bytes:
    """Rows a day of each table within the limits of what is usual, unusual days marked; one panel a table."""
    tables = sorted(volumes["table_name"].unique())
    n_rows = -(-len(tables) // _COLUMNS)
    panels = [
        f'<g transform="translate({n % _COLUMNS * _PANEL[0]} {n // _COLUMNS * _PANEL[1]})">'
        f"{_panel(name, volumes[volumes['table_name'] == name].sort_values('reading_date'))}</g>"
        for n, name in enumerate(tables)
    ]
    return _png("".join(panels), width=_COLUMNS * _PANEL[0], height=n_rows * _PANEL[1])


def _panel(name: str, days: pd.DataFrame) -> str:
    """The days of one table as SVG, 250 wide and 90 high inside its margins; the rows' axis begins at 0."""
    dates, rows = pd.to_datetime(days["reading_date"]), days["observed_value"].to_numpy(float)
    lower, upper = (days[f"{side}_value"].to_numpy(float) for side in ("lower", "upper"))
    known = ~np.isnan(upper) & ~np.isnan(lower)
    top = max(1.5 * rows.max(), 1.0)  # limits at festivals are far above, and cut off
    across = 45 + 250 * (dates - dates.min()).dt.days.to_numpy() / max((dates.max() - dates.min()).days, 1)

    def points(values: npt.NDArray[np.float64], at: npt.NDArray[np.float64]) -> list[str]:
        return [f"{x:.1f},{110 - 90 * min(y / top, 1):.1f}" for x, y in zip(at, values, strict=True)]

    band = [*points(upper[known], across[known]), *reversed(points(lower[known], across[known]))]
    is_odd = days["state"].to_numpy() == "unusual"
    dots = [point.split(",") for point in points(rows[is_odd], across[is_odd])]
    return (
        f'<text x="170" y="12" text-anchor="middle">{escape(name)}</text>'
        f'<text x="40" y="26" text-anchor="end">{top:,.0f}</text>'
        '<text x="40" y="113" text-anchor="end">0</text>'
        f'<text x="45" y="124">{dates.min():%d %b %Y}</text>'
        f'<text x="295" y="124" text-anchor="end">{dates.max():%d %b %Y}</text>'
        f'<polygon points="{" ".join(band)}" fill="#4c78a8" fill-opacity="0.25"/>'
        f'<polyline points="{" ".join(points(rows, across))}" fill="none" stroke="#4c78a8"/>'
        + "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="red"/>' for x, y in dots)
    )


def _png(shapes: str, width: int, height: int) -> bytes:
    """The shapes on white."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    style = 'font-family="sans-serif" font-size="10"><rect width="100%" height="100%" fill="white"/>'
    return bytes(vl_convert.svg_to_png(f"{head}{style}{shapes}</svg>", scale=1.5))
