"""Loading a generation into Postgres, aside: one transaction that leaves all of it there or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO

import duckdb

from data_quality.contract import all_contracts
from serving.duck import literal
from serving.durable import failpoint
from serving.generations import TableEntry, damage
from serving.postgres_types import csv_expression, postgres_type
from serving.targets import Live, TargetRefused

if TYPE_CHECKING:
    import psycopg

CONTROL = "shopwright"
"""Schema of the table that says which generations are loaded."""

_CHUNK = 1 << 20


def data_schema(entry: TableEntry, generation: int) -> str:
    """Where a generation's table lies in Postgres."""
    return f"{entry.schema}_g{generation}"


def load(connection: psycopg.Connection[Any], live: Live) -> None:
    """Load the tables and their keys in one transaction; nothing to do when they are there already."""
    manifest = live.manifest
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext('shopwright.load'))")
        known = connection.execute(
            f"select sha256 from {CONTROL}.generations where generation = %s", [manifest.generation]
        ).fetchone()
        if known and known[0] == manifest.serve_sha256:
            return
        schemas = sorted({data_schema(entry, manifest.generation) for entry in manifest.tables})
        if known and _is_live(connection, manifest.generation):
            raise TargetRefused(
                f"Postgres shows another generation {manifest.generation} than the one published here; "
                "give this data home a database of its own."
            )
        if problems := damage(live.folder, parquet=True):
            raise TargetRefused(f"Nothing was loaded. {' '.join(problems)}")
        drop_schemas(connection, schemas)
        for schema in schemas:
            connection.execute(f'create schema "{schema}"')
        with closing(duckdb.connect()) as source:
            source.execute("set threads = 2; set TimeZone = 'UTC'")
            for entry in manifest.tables:
                _load_table(connection, source, live, entry)
                failpoint("table_loaded")
        _remember(connection, live, schemas)
        failpoint("loaded")
    failpoint("load_committed")


def _load_table(
    connection: psycopg.Connection[Any],
    source: duckdb.DuckDBPyConnection,
    live: Live,
    entry: TableEntry,
) -> None:
    """Create the table, copy its rows from Parquet, then add its key, which is faster than before."""
    file = literal(live.folder / entry.file)
    columns = [(name, kind) for name, kind, *_ in source.execute(f"describe from {file}").fetchall()]
    table = f'"{data_schema(entry, live.manifest.generation)}"."{entry.table}"'
    required = _required(entry)
    typed = ", ".join(
        f'"{name}" {postgres_type(kind)}{" not null" if name in required else ""}' for name, kind in columns
    )
    connection.execute(f"create table {table} ({typed})")
    if entry.rows:
        values = ", ".join(csv_expression(name, kind) for name, kind in columns)
        options = "(format csv, header false, nullstr '\\N', use_tmp_file false)"
        # A file without a name: a load that is killed leaves no rows behind.
        with TemporaryFile() as rows:
            aside = literal(Path("/dev/fd") / str(rows.fileno()))
            source.execute(f"copy (select {values} from {file}) to {aside} {options}")
            rows.seek(0)
            _stream(connection, table, rows)
    if entry.key:
        _add_key(connection, source, table, entry, file)
    connection.execute(f"analyze {table}")


def _stream(connection: psycopg.Connection[Any], table: str, rows: BinaryIO) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy {table} from stdin (format csv, null '\\N')") as copy,
    ):
        while chunk := rows.read(_CHUNK):
            copy.write(chunk)


def _add_key(
    connection: psycopg.Connection[Any],
    source: duckdb.DuckDBPyConnection,
    table: str,
    entry: TableEntry,
    file: str,
) -> None:
    """A primary key, or a unique index where a column of the key may be null."""
    empty = " or ".join(f'"{name}" is null' for name in entry.key)
    row = source.execute(f"select count(*) from {file} where {empty}").fetchone()
    key = ", ".join(f'"{name}"' for name in entry.key)
    if row and row[0]:
        connection.execute(f"create unique index on {table} ({key}) nulls not distinct")
    else:
        connection.execute(f"alter table {table} add primary key ({key})")


def _required(entry: TableEntry) -> set[str]:
    for contract in all_contracts("served"):
        if f"serving.{contract.name}" == entry.name:
            return {column.name for column in contract.columns if column.required}
    return set()


def _remember(connection: psycopg.Connection[Any], live: Live, schemas: Sequence[str]) -> None:
    run, manifest = live.manifest.run, live.manifest
    generation = manifest.generation
    connection.execute(f"delete from {CONTROL}.generations where generation = %s", [generation])
    connection.execute(
        f"insert into {CONTROL}.generations (generation, sequence, shop, run_id, as_of, sha256, schemas) "
        "values (%s, %s, %s, %s, %s, %s, %s)",
        [
            generation, live.sequence, run.shop, run.run_id, run.as_of, manifest.serve_sha256, list(schemas)
        ],
    )  # fmt: skip


def _is_live(connection: psycopg.Connection[Any], generation: int) -> bool:
    row = connection.execute(
        f"select is_live from {CONTROL}.generations where generation = %s", [generation]
    ).fetchone()
    return bool(row and row[0])


def drop_schemas(connection: psycopg.Connection[Any], schemas: Sequence[str]) -> None:
    """Drop what a generation has in the database."""
    for schema in schemas:
        connection.execute(f'drop schema if exists "{schema}" cascade')
