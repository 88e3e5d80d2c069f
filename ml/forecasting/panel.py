"""The demand panel: every series on one time axis, as dense arrays, with what is known of the future.

Rows are series (SKU and location), columns are demand periods. What belongs here is shape and knowledge:
which cells were really observed, which future facts (promotions, events, closures) are known. No model is
fitted here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

KEYS = ["sku", "location_id"]
REQUIRED = ("sku", "location_id", "demand_date", "units_sold")


@dataclass(frozen=True)
class DemandPanel:
    """Past demand (``n_past`` columns) and known facts of past and future (all columns) of every series.

    ``units`` holds units sold, 0 where nothing is known; ``is_observed`` is false before the first sale, on
    periods without trade, and where a stock-out censored the demand (``is_censored``).
    """

    keys: pd.DataFrame
    dates: np.ndarray
    n_past: int
    period_days: int
    units: np.ndarray
    is_observed: np.ndarray
    is_censored: np.ndarray
    is_trading: np.ndarray
    discount: np.ndarray
    is_promoted: np.ndarray
    price: np.ndarray
    is_closure: np.ndarray
    event: np.ndarray
    event_names: tuple[str, ...]

    @property
    def n_series(self) -> int:
        """How many series there are."""
        return len(self.keys)

    @property
    def horizon(self) -> int:
        """How many future periods the panel describes."""
        return len(self.dates) - self.n_past

    def known_at(self, n_past: int, horizon: int, are_promotions_announced: bool = True) -> DemandPanel:
        """The panel as it was known after ``n_past`` periods; nothing that was measured later is left in
        it."""
        end = min(n_past + horizon, len(self.dates))
        past, all_known = slice(0, n_past), slice(0, end)
        discount, is_promoted = self.discount[:, all_known].copy(), self.is_promoted[:, all_known].copy()
        if not are_promotions_announced:
            discount[:, n_past:], is_promoted[:, n_past:] = 0.0, False
        is_trading = self.is_trading[:, all_known].copy()
        is_trading[:, n_past:] = ~self.is_closure[n_past:end]
        cut = replace(
            self,
            dates=self.dates[all_known],
            n_past=n_past,
            units=self.units[:, past],
            is_observed=self.is_observed[:, past],
            is_censored=self.is_censored[:, past],
            is_trading=is_trading,
            is_closure=self.is_closure[all_known],
            discount=discount,
            is_promoted=is_promoted,
            price=self.price[:, past],
            event=self.event[all_known],
        )
        return with_trading_rule(cut)

    def select(self, rows: np.ndarray) -> DemandPanel:
        """The same panel with some of its series (positions or a mask)."""
        by_row = ("units", "is_observed", "is_censored", "is_trading", "discount", "is_promoted", "price")
        arrays = {name: getattr(self, name)[rows] for name in by_row}
        return replace(self, keys=self.keys.iloc[rows].reset_index(drop=True), **arrays)


def build_panel(
    history: pd.DataFrame,
    *,
    as_of: date,
    period_days: int,
    horizon: int,
    max_history_days: int,
    planned: pd.DataFrame | None = None,
    calendar: pd.DataFrame | None = None,
    items: pd.DataFrame | None = None,
) -> DemandPanel:
    """The panel of a ``feat_skus_daily`` table as known at ``as_of``; rows after it are not looked at.

    Raises ``ValueError`` naming the columns that are missing, or the keys that occur twice.
    """
    history = _checked(history, as_of, max_history_days)
    day = history["demand_date"].to_numpy().astype("datetime64[D]")
    last = np.datetime64(as_of, "D") if period_days == 1 else day.max()
    period = np.timedelta64(period_days, "D")
    n_past = int((last - day.min()) // period) + 1
    dates = day.min() + np.arange(n_past + horizon) * period
    grouped = history.groupby(KEYS, sort=True)
    keys = grouped.size().reset_index()[KEYS]
    row, column = grouped.ngroup().to_numpy(), ((day - day.min()) // period).astype(int)
    shape = (len(keys), n_past)
    units = _filled(shape, row, column, history["units_sold"], 0.0)
    has_row = np.asarray(_filled(shape, row, column, pd.Series(np.ones(len(history))), 0.0) > 0)
    is_censored = _filled(shape, row, column, history.get("is_stocked_out"), 0.0) > 0
    trades = np.asarray(_filled(shape, row, column, history.get("is_trading_day"), 1.0) > 0)
    trades &= np.asarray(has_row.any(axis=0))[None, :]
    is_alive = np.maximum.accumulate(has_row, axis=1)
    is_observed = is_alive & trades & ~is_censored
    blind = ~is_observed.any(axis=1)
    is_observed[blind] = (is_alive & trades)[blind]
    ahead = np.zeros((len(keys), horizon), dtype=np.float32)
    panel = DemandPanel(
        keys=_with_groups(keys, items),
        dates=dates,
        n_past=n_past,
        period_days=period_days,
        units=np.where(is_alive, np.maximum(units, 0), 0).astype(np.float32),
        is_observed=is_observed,
        is_censored=is_censored & is_alive,
        is_trading=np.hstack([trades, ahead == 0]),
        discount=np.hstack([_filled(shape, row, column, history.get("discount_ratio"), 0.0), ahead]),
        is_promoted=np.hstack([_filled(shape, row, column, history.get("is_on_promotion"), 0.0), ahead]) > 0,
        price=_filled(shape, row, column, history.get("price_amount"), np.nan),
        is_closure=np.zeros(len(dates), dtype=bool),
        event=np.zeros(len(dates), dtype=np.int16),
        event_names=(),
    )
    return with_trading_rule(_with_calendar(_with_planned(panel, planned), calendar))


def with_trading_rule(panel: DemandPanel) -> DemandPanel:
    """Close the future weekdays on which the shop has not traded in the last eight weeks; only for daily
    panels.

    A weekday counts as closed when every cell of its last eight dates is closed, or no series sold anything
    on them although the shop sold on other days: a shop that rests on Saturdays says so by its sales.
    """
    if panel.period_days != 1 or panel.horizon == 0:
        return panel
    is_trading = panel.is_trading.copy()
    weekday = (panel.dates.astype("datetime64[D]").astype(int) + 3) % 7
    recent = np.arange(len(panel.dates)) >= panel.n_past - 56
    past = np.arange(len(panel.dates)) < panel.n_past
    sold = np.zeros(len(panel.dates))
    sold[: panel.n_past] = panel.units.sum(axis=0)
    if sold[recent & past].sum() <= 0:
        return panel
    for day in range(7):
        cells = past & recent & (weekday == day)
        if cells.sum() >= 4 and (sold[cells].sum() == 0 or not is_trading[:, cells].any()):
            is_trading[:, weekday == day] &= sold[weekday == day] > 0
    observed = panel.is_observed & is_trading[:, : panel.n_past]
    return replace(panel, is_trading=is_trading, is_observed=observed)


def _checked(history: pd.DataFrame, as_of: date, max_history_days: int) -> pd.DataFrame:
    missing = [name for name in REQUIRED if name not in history.columns]
    if missing:
        raise ValueError(
            f"Got a history without {missing}, but expected at least the columns {list(REQUIRED)}."
        )
    day = pd.to_datetime(history["demand_date"]).to_numpy().astype("datetime64[D]")
    history = history.assign(demand_date=day.astype("datetime64[ns]"))
    last = np.datetime64(as_of, "D")
    history = history.loc[(day <= last) & (day > last - np.timedelta64(max_history_days, "D"))]
    twice = history.loc[history.duplicated([*KEYS, "demand_date"]), KEYS].drop_duplicates()
    if len(twice):
        named = twice.head(5).to_dict("records")
        raise ValueError(
            f"Got several rows for one SKU, location and demand_date, but expected one: {named}."
        )
    return history


def _filled(
    shape: tuple[int, int], row: np.ndarray, column: np.ndarray, values: pd.Series | None, default: float
) -> np.ndarray:
    cells = np.full(shape, default, dtype=np.float32)
    if values is not None:
        cells[row, column] = values.astype("float64").fillna(default).to_numpy(dtype=np.float32)
    return cells


def _with_groups(keys: pd.DataFrame, items: pd.DataFrame | None) -> pd.DataFrame:
    keys = keys.assign(category_id="")
    if items is None or not {"sku", "category_id"} <= set(items.columns):
        return keys
    category = items.drop_duplicates("sku").set_index("sku")["category_id"]  # feat_skus has one row per SKU
    return keys.assign(category_id=keys["sku"].map(category).fillna("").astype(str))


def _with_planned(panel: DemandPanel, planned: pd.DataFrame | None) -> DemandPanel:
    if planned is None or planned.empty:
        return panel
    days = pd.to_datetime(planned["demand_date"]).to_numpy().astype("datetime64[D]")
    column = ((days - panel.dates[0]) // np.timedelta64(panel.period_days, "D")).astype(int)
    inside = (column >= panel.n_past) & (column < len(panel.dates))
    discount, is_promoted = panel.discount.copy(), panel.is_promoted.copy()
    rows_of = panel.keys.groupby("sku").indices
    for sku, col, depth, is_on in zip(
        planned["sku"].to_numpy()[inside],
        column[inside],
        planned["discount_ratio"].astype("float64").fillna(0).to_numpy()[inside],
        planned["is_on_promotion"].astype("boolean").fillna(False).to_numpy()[inside],
        strict=True,
    ):
        rows = rows_of.get(sku)
        if rows is not None:
            discount[rows, col], is_promoted[rows, col] = depth, bool(is_on)
    return replace(panel, discount=discount, is_promoted=is_promoted)


def _with_calendar(panel: DemandPanel, calendar: pd.DataFrame | None) -> DemandPanel:
    if calendar is None or calendar.empty or panel.period_days != 1:
        return panel
    days = pd.to_datetime(calendar["calendar_date"]).to_numpy().astype("datetime64[D]")
    column = (days - panel.dates[0]).astype(int)
    inside = (column >= 0) & (column < len(panel.dates))
    names = sorted(set(calendar["event_names"].fillna("").astype(str)[inside]) - {""})
    event, is_trading = panel.event.copy(), panel.is_trading.copy()
    code = {name: number for number, name in enumerate(names, start=1)}
    event[column[inside]] = (
        calendar["event_names"].fillna("").astype(str)[inside].map(code).fillna(0).astype(int)
    )
    is_closure = panel.is_closure.copy()
    closes = calendar["is_closure"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    is_closure[column[inside & closes]] = True
    is_trading[:, panel.n_past :] &= ~is_closure[panel.n_past :]
    return replace(panel, event=event, event_names=tuple(names), is_trading=is_trading, is_closure=is_closure)
