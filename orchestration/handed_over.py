"""Tables that models read as files, so that they compute while the warehouse is being written.

The feature tables are copied out of the warehouse right after each build that makes some of them; the tables
of the lake are files already. What models compute is not decided here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import duckdb

from data_quality.contract import load_contract
from data_quality.warehouse_sources import CONTRACT_OF_LAYER
from feeds.lake import Lake
from orchestration.sources import scan_sql

FEATURES = "features"


def hand_over(connection: duckdb.DuckDBPyConnection, tables: Iterable[str], folder: Path) -> None:
    """Write each of these feature tables as ``<folder>/<table>.parquet``, replaced as a whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        aside = folder / f".{table}.parquet"
        connection.execute(f"copy {FEATURES}.{table} to '{_quoted(aside)}' (format parquet)")
        os.replace(aside, folder / f"{table}.parquet")


def file_scan(connection: duckdb.DuckDBPyConnection, name: str, lake: Lake, folder: Path) -> str | None:
    """A query of the files of ``schema.table``; ``None`` where only the warehouse has the table."""
    schema, _, table = name.partition(".")
    if schema == FEATURES:
        file = folder / f"{table}.parquet"
        return f"select * from read_parquet('{_quoted(file)}')" if file.exists() else None
    if schema in CONTRACT_OF_LAYER:
        files = lake.files(schema, table) if lake.exists(schema, table) else []
        return scan_sql(connection, schema, load_contract(table, CONTRACT_OF_LAYER[schema]), files)
    return None


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
