"""Bind the lake to the warehouse: each lake table becomes a typed view that dbt reads as a source.

The views name an explicit list of Parquet files, so one run sees one state of the lake however many loads
follow. Reading the lake's commit log is not done here (see ``feeds.lake``); neither is any transformation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import duckdb

from data_quality.contract import Contract
from data_quality.warehouse_sources import CONTRACT_OF_LAYER, SHOP_SETTINGS, lake_contracts

_DAY_MODELS: Final = (
    "create table if not exists control.day_models (model varchar, code varchar, settings varchar, "
    "as_of date, load_number bigint, n_days bigint, n_days_rebuilt bigint)"
)
"""What the models were built from of which only dirty days are rebuilt (dbt's ``dirty_days`` keeps it)."""

_LOAD_COLUMNS: Final[Mapping[str, str]] = {"_load_number": "bigint", "_file_id": "varchar", "_line": "bigint"}


class SourceBindingError(ValueError):
    """A lake table or a shop setting cannot be bound as it was given."""


def bind_sources(
    warehouse: Path, lake_files: Mapping[str, Sequence[str]], settings: Mapping[str, object]
) -> None:
    """Make the warehouse's source views point at these files of the lake, and store the shop's settings.

    Args:
        warehouse: the DuckDB file; created with its folder where it is missing. No one else may have it open.
        lake_files: Parquet files by table, e.g. ``{"raw/orders": [...], "core/sessions": [...]}``. A table
            without an entry, or with an empty list, becomes a view with the contract's columns and no rows.
        settings: the columns of ``SHOP_SETTINGS``, all of them.

    Raises:
        SourceBindingError: names the unknown tables, or the missing and unknown settings.
    """
    contracts = lake_contracts()
    _check_names("lake tables", set(lake_files), known=set(contracts))
    _check_names("shop settings", set(settings), known=set(SHOP_SETTINGS), required=set(SHOP_SETTINGS))
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    # A new file takes today's format, not that of the oldest version that might read it: its packing of texts
    # costs a third less. Nobody but the pipeline reads it.
    with duckdb.connect(str(warehouse), config={"storage_compatibility_version": "latest"}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for schema in ("control", *CONTRACT_OF_LAYER):
            connection.execute(f"create schema if not exists {schema}")
        connection.execute("begin")
        connection.execute(_DAY_MODELS)
        _store_settings(connection, settings)
        _bind_changed(connection, contracts, lake_files)
        connection.execute("commit")


def _bind_changed(
    connection: duckdb.DuckDBPyConnection,
    contracts: Mapping[str, Contract],
    lake_files: Mapping[str, Sequence[str]],
) -> None:
    """Make the views whose files or columns differ from those they were made of: a look into every file."""
    connection.execute("create table if not exists control.bound_sources (source varchar, made_of varchar)")
    bound = dict(connection.execute("select source, made_of from control.bound_sources").fetchall())
    for table, contract in contracts.items():
        layer, name = table.split("/")
        files = sorted(lake_files.get(table, ()))
        made_of = sha256(repr((files, contract.columns)).encode()).hexdigest()
        if bound.get(table) == made_of:
            continue
        scan = scan_sql(connection, layer, contract, files)
        connection.execute(f"create or replace view {layer}.{_name(name)} as {scan}")
        connection.execute("delete from control.bound_sources where source = ?", [table])
        connection.execute("insert into control.bound_sources values (?, ?)", [table, made_of])


def _check_names(what: str, given: set[str], known: set[str], required: set[str] | None = None) -> None:
    unknown, missing = sorted(given - known), sorted((required or set()) - given)
    if unknown or missing:
        raise SourceBindingError(
            f"Cannot bind {what}: unknown {unknown}, missing {missing}; known are {sorted(known)}."
        )


def _store_settings(connection: duckdb.DuckDBPyConnection, settings: Mapping[str, object]) -> None:
    """Replace the one row of ``control.shop_settings``."""
    columns = ", ".join(f"{name} {type_}" for name, type_ in SHOP_SETTINGS.items())
    marks = ", ".join("?" for _ in SHOP_SETTINGS)
    connection.execute(f"create or replace table control.shop_settings ({columns})")
    connection.execute(
        f"insert into control.shop_settings values ({marks})", [settings[name] for name in SHOP_SETTINGS]
    )


def scan_sql(
    connection: duckdb.DuckDBPyConnection, layer: str, contract: Contract, files: Sequence[str]
) -> str:
    """A query of a lake table's files with the contract's columns and types; no rows without files."""
    columns = {column.name: column.type for column in contract.columns}
    if layer == "raw":
        columns |= _LOAD_COLUMNS
    if not files:
        nothing = ", ".join(f"cast(null as {type_}) as {_name(column)}" for column, type_ in columns.items())
        return f"select {nothing} where false"
    listed = ", ".join(_text(file) for file in files)
    scan = f"read_parquet([{listed}], hive_partitioning = true, union_by_name = true)"
    present = {row[0] for row in connection.execute(f"describe select * from {scan}").fetchall()}
    # a column that a later contract version added is absent from every file written before: it reads as null
    selected = ", ".join(
        f"cast({_name(column) if column in present else 'null'} as {type_}) as {_name(column)}"
        for column, type_ in columns.items()
    )
    return f"select {selected} from {scan}"


def _name(identifier: str) -> str:
    escaped = identifier.replace('"', '""')
    return f'"{escaped}"'


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"
