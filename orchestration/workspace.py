"""One shop's place on disk as a plain object: lake, warehouse, published folder, and what day it is there.

Assets get a ``Workspace`` from the resource in ``resources.py``; Dagster is not known here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from data_quality.contract import load_contract
from feeds.checksums import check_lake
from feeds.lake import LAYERS, Lake
from feeds.shop import Shop, load_shop
from orchestration.handed_over import file_scan
from orchestration.settings import Settings
from orchestration.sources import bind_sources
from orchestration.warehouse_damage import or_anew
from orchestration.warehouse_lock import reading

CLOCKS = {"order_lines": "ordered_at", "events": "occurred_at", "stock_levels": "stock_date"}
"""Feeds that say which day it is in the shop, and the column that says it."""


class NothingIngested(RuntimeError):
    """No feed that tells the day has any row yet."""


@dataclass(frozen=True)
class Workspace:
    """Everything of one shop under the data home."""

    shop: Shop
    settings: Settings

    @classmethod
    def of(cls, settings: Settings) -> Workspace:
        """The workspace of the shop that the settings name."""
        return cls(load_shop(settings.shop, settings.data_home, data=settings.feeds_folder), settings)

    @property
    def home(self) -> Path:
        """The data home, which all shops share."""
        return self.settings.data_home

    @property
    def folder(self) -> Path:
        """The shop's folder in the data home."""
        return self.home / self.shop.name

    @cached_property
    def lake(self) -> Lake:
        """The shop's Delta tables."""
        return Lake(self.folder / "lake")

    @property
    def warehouse(self) -> Path:
        """The private DuckDB file; one process at a time writes it."""
        return self.folder / "warehouse" / "warehouse.duckdb"

    @property
    def features(self) -> Path:
        """Folder of the feature tables' files, which models read (see ``handed_over``)."""
        return self.folder / "warehouse" / "features"

    @property
    def published(self) -> Path:
        """Folder of the published generations."""
        return self.folder / "published"

    def missing(self, *feeds: str) -> str | None:
        """Why an output that needs these feeds is skipped; ``None`` when all of them exist."""
        reasons = [reason for feed in feeds if (reason := self.shop.missing_reason(feed))]
        return "; ".join(reasons) or None

    def as_of(self) -> date:
        """The last business day whose data is known: the setting, or the last day with data.

        A weekly shop's day is the last of the week that its latest sales belong to. Raises
        ``NothingIngested`` when there is no row to tell the day.
        """
        if self.settings.as_of:
            return self.settings.as_of
        days = [day for feed, column in CLOCKS.items() if (day := self._last_day(feed, column))]
        if not days:
            raise NothingIngested(
                f"No row of {', '.join(CLOCKS)} has been accepted for shop {self.shop.name!r}, "
                "so the day is unknown. Check that its feeds are where its YAML file says, or set --as-of."
            )
        return max(days) + timedelta(days=self.shop.demand_period_days - 1)

    def _last_day(self, feed: str, column: str) -> date | None:
        if not self.lake.exists("raw", feed):
            return None
        files = self.lake.files("raw", feed)
        if not files:
            return None
        is_day = load_contract(feed).column(column).type == "date"
        day = f"max({column})" if is_day else f"cast(max({column}) at time zone $zone as date)"
        zone = {} if is_day else {"zone": self.shop.time_zone}
        with _connect(self.settings) as connection:
            row = connection.execute(
                f"select {day} from read_parquet($files)", {"files": files, **zone}
            ).fetchone()
        return row[0] if row else None

    def lake_files(self) -> dict[str, list[str]]:
        """Parquet files of every lake table, by ``layer/name``: the state of the lake that a run sees."""
        return {
            f"{layer}/{name}": self.lake.files(layer, name)
            for layer in LAYERS
            for name in self.lake.names(layer)
        }

    def bind(self, run_id: str) -> date:
        """Point the warehouse's sources at the lake as it is now; gives the day that it knows.

        The caller holds the warehouse for writing (see ``warehouse_lock``). Raises ``LakeDamaged`` when a
        file of the lake is not what was written; a damaged warehouse is set aside and begun anew.
        """
        check_lake(
            self.lake,
            [(layer, name) for layer in LAYERS for name in self.lake.names(layer)],
            checked_by=run_id,
        )
        known, files = self.shop_settings(run_id), self.lake_files()
        told = or_anew(self.warehouse, lambda: bind_sources(self.warehouse, files, known))
        if told:
            logging.getLogger(__name__).warning(told)
        return known["as_of"]

    def shop_settings(self, run_id: str) -> dict[str, Any]:
        """The one row of ``control.shop_settings``: what models ask of the shop, and the day it is."""
        shop = self.shop
        return {
            "shop": shop.name,
            "time_zone": shop.time_zone,
            "currency": shop.currency,
            "home_country": shop.countries[0] if shop.countries else None,
            "default_location": shop.default_location,
            "demand_period_days": shop.demand_period_days,
            "as_of": self.as_of(),
            "run_id": run_id,
        }

    def table(self, name: str, columns: Sequence[str] = ("*",)) -> pd.DataFrame:
        """A warehouse table such as ``features.feat_skus`` as a frame; the file is open only while read.

        Features and tables of the lake are read from their own files, beside whoever writes the warehouse.
        """
        wanted = ", ".join(columns)
        with _connect(self.settings) as connection:
            scan = file_scan(connection, name, self.lake, self.features)
            if scan:
                return connection.execute(f"select {wanted} from ({scan})").df()
        with self._reader() as connection:
            return connection.execute(f"select {wanted} from {name}").df()

    def query(self, sql: str, parameters: Mapping[str, object]) -> pd.DataFrame:
        """What a query on the warehouse returns; values are bound as ``$name``."""
        with self._reader() as connection:
            return connection.execute(sql, dict(parameters)).df()

    def arrow(self, name: str) -> pa.Table:
        """A warehouse table as Arrow."""
        return self.arrows([name])[name]

    def arrows(self, names: Sequence[str]) -> dict[str, pa.Table]:
        """Several warehouse tables as Arrow, by name, all of one state of the file."""
        with self._reader() as connection:
            return {name: connection.execute(f"select * from {name}").to_arrow_table() for name in names}

    @contextmanager
    def _reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, read-only; waits while a step of this run writes it."""
        with reading(self.warehouse), _connect(self.settings, self.warehouse) as connection:
            yield connection

    def row_counts(self, schemas: Sequence[str]) -> dict[str, int]:
        """Rows of every table of the schemas, by ``schema.table``; views are not run for it."""
        with self._reader() as connection:
            names = connection.execute(
                "select table_schema, table_name from information_schema.tables "
                "where list_contains($schemas, table_schema) and table_type = 'BASE TABLE'",
                {"schemas": list(schemas)},
            ).fetchall()
            return {
                f"{schema}.{table}": connection.execute(f"select count(*) from {schema}.{table}").fetchall()[
                    0
                ][0]
                for schema, table in names
            }

    def write_ml(self, name: str, frame: pd.DataFrame) -> int:
        """Replace a table of the ml layer by the frame, cast to its contract; gives the rows written."""
        contract = load_contract(name, "served")
        missing = [column for column in contract.column_names if column not in frame.columns]
        if missing:
            raise ValueError(f"ml/{name} lacks the columns {missing} of its contract.")
        schema = contract.arrow_schema()
        table = pa.Table.from_pandas(
            frame[list(contract.column_names)], schema=schema, preserve_index=False, safe=False
        )
        self.lake.replace("ml", name, table)
        return table.num_rows

    def write_empty_ml(self, *names: str) -> None:
        """Tables without rows, for outputs that the shop's feeds do not allow."""
        for name in names:
            self.lake.replace("ml", name, load_contract(name, "served").arrow_schema().empty_table())


def _connect(settings: Settings, file: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A reader in UTC: on the warehouse file, read-only, or in memory."""
    connection = duckdb.connect(str(file), read_only=True) if file else duckdb.connect()
    connection.execute("set memory_limit = $limit", {"limit": settings.memory_limit})
    connection.execute(
        "set TimeZone = 'UTC'"
    )  # not in the configuration: ICU is loaded only after connecting
    return connection
