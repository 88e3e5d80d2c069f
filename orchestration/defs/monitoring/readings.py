"""Anomaly monitors: how rows, age, gaps and values of feeds and marts compare with the days before."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
import numpy as np
import pandas as pd

from data_quality.contract import all_contracts
from data_quality.monitors import VERSION, MonitorParams, Series, incidents, judge
from data_quality.watched import WATCHED, feed_series, measure_all, tables_read
from feeds.ledger import Ledger
from orchestration.ml_assets import Made, ml_assets
from orchestration.pictures import readings_png
from orchestration.resources import WorkspaceResource
from orchestration.show import picture, table_md
from orchestration.workspace import Workspace

TABLE = "monitor_readings"
CHECK = "looks_as_usual"
CALENDAR = "features.feat_calendar_days"
DAYS = 90
"""Days whose readings are kept."""


def series_of_feeds(shop: Workspace, first: date, last: date, events: frozenset[date]) -> list[Series]:
    """Accepted rows of each feed and day, as the ledger counts them."""
    ledger, series = Ledger(shop.folder / "ledger.sqlite"), list[Series]()
    days = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    for contract in all_contracts("feeds"):
        rows = ledger.rows_by_day(contract.name)
        counts = np.array([rows.get(day, 0) for day in days], dtype=float)
        varies = contract.volume == "varies"
        series += feed_series(f"raw.{contract.name}", counts, first, events, varies=varies)
    return series


@ml_assets(
    TABLE,
    reads=["control.shop_settings", CALENDAR, *tables_read()],
    group="warehouse",
    kinds={"python"},
)
def monitor_readings(shop: Workspace, run_id: str) -> Made:
    """What each monitor saw on each of the last days, and whether that is usual."""
    last = shop.as_of()
    first = last - timedelta(days=DAYS + MonitorParams().history_days)
    window = {"first": first, "last": last}
    calendar = shop.table(CALENDAR)
    known = calendar[calendar.is_public_holiday | calendar.is_shopping_festival | calendar.is_closure]
    events = frozenset(pd.to_datetime(known["calendar_date"]).dt.date)
    series = measure_all(lambda sql: shop.query(sql, window), first, last, events)
    readings = judge([*series, *series_of_feeds(shop, first, last, events)], first, DAYS)
    frame = readings.assign(as_of=last, run_id=run_id, model_version=VERSION)
    return Made({TABLE: frame}, {TABLE: shown(readings, last)})


def shown(readings: pd.DataFrame, last: date) -> dict[str, object]:
    """How many readings of the last day are unusual, the alarms of late, and rows a day as a picture."""
    is_unusual = (readings["state"] == "unusual") & (readings["reading_date"] == last)
    told: dict[str, object] = {"unusual_on_as_of": int(is_unusual.sum())}
    alarms = incidents(readings).sort_values("last_date", ascending=False)
    if len(alarms):
        told["alarms"] = table_md(alarms)
    volumes = readings[(readings["monitor"] == "volume") & readings["table_name"].str.startswith("marts.")]
    if len(volumes):
        plotted = volumes.assign(reading_date=pd.to_datetime(volumes["reading_date"]))
        told["rows_a_day"] = picture(readings_png(plotted))
    return told


# A feed that the shop lacks cannot carry a check: those of all feeds stand on the readings themselves.
CHECKED = (*((watched.table, watched.table) for watched in WATCHED), (f"ml.{TABLE}", "raw."))


@dg.multi_asset_check(
    name="monitors",
    specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset=asset.split("."),
            additional_deps=[] if asset == f"ml.{TABLE}" else [dg.AssetKey(["ml", TABLE])],
            description="The last day looks as the days before lead to expect. A warning, it stops nothing.",
        )
        for asset, _ in CHECKED
    ],
)
def monitors(workspace: WorkspaceResource) -> Iterator[dg.AssetCheckResult]:
    """One verdict a mart, and one for all feeds, on the last day, with what is unusual and was expected."""
    shop = workspace.open()
    readings, last = shop.lake.read("ml", TABLE).to_pandas(), shop.as_of()
    readings = readings[readings["reading_date"] == last]
    for asset, tables in CHECKED:
        mine = readings[readings["table_name"].str.startswith(tables)]
        unusual = mine[mine["state"] == "unusual"]
        yield dg.AssetCheckResult(
            check_name=CHECK,
            asset_key=asset.split("."),
            passed=unusual.empty,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "unusual": len(unusual),
                "readings": table_md(pd.concat([unusual, mine[mine["state"] == "usual"]]), rows=20),
            },
        )
