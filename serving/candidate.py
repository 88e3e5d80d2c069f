"""Building a generation aside: copies of the private warehouse's tables, where no reader looks.

Whether the copy may go live is ``audit``'s question; making it live is ``publish``'s.
"""

from __future__ import annotations

import fcntl
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import duckdb

from data_quality.contract import all_contracts
from serving.duck import SERVE_STORAGE_VERSION, identifier, literal
from serving.durable import failpoint, sha256_of
from serving.generations import SERVE_FILE, Manifest, RunInfo, TableEntry
from serving.lock import PublishRefused, publisher_lock

OWNER_FILE = ".owner"
PUBLISHED_SCHEMAS = ("marts", "serving")
WORKERS = 2
"""Tables that are copied at the same time."""


@dataclass
class Candidate:
    """A complete generation that is not live yet; its folder stays locked until then."""

    folder: Path
    manifest: Manifest
    owner: IO[str] = field(repr=False)

    @property
    def serve_file(self) -> Path:
        """The candidate's DuckDB file."""
        return self.folder / SERVE_FILE

    def disown(self) -> None:
        """Give up the lock on the folder; from here on the folder is somebody else's care."""
        (self.folder / OWNER_FILE).unlink(missing_ok=True)
        self.owner.close()

    def discard(self) -> None:
        """Delete the candidate."""
        self.disown()
        shutil.rmtree(self.folder, ignore_errors=True)


def build_generation(
    warehouse: Path,
    published: Path,
    *,
    run: RunInfo,
    schemas: tuple[str, ...] = PUBLISHED_SCHEMAS,
    versions: Mapping[str, str] | None = None,
    skipped: Mapping[str, str] | None = None,
    keys: Mapping[str, Sequence[str]] | None = None,
) -> Candidate:
    """A candidate with every table and view of ``schemas``: one DuckDB file, and one Parquet file a table.

    The warehouse is opened read-only, so the pipeline must have closed it. ``skipped`` maps ``schema.table``
    to the reason why the run could not fill it (a shop that lacks the feed), ``keys`` to the columns of its
    key (those of served tables are in their contracts). Raises ``PublishRefused`` when the warehouse cannot
    be read. Build and publish in the same process: the candidate is deleted as a
    left-over once its process is gone.
    """
    folder, owner = _claim_folder(published, run)
    try:
        with _copying(warehouse, folder / SERVE_FILE) as connection:
            _describe_run(connection, run)
            entries = _copy_tables(connection, warehouse.stem, folder, schemas)
        keys = {**_contract_keys(), **(keys or {})}
        failpoint("built")
        manifest = Manifest(
            run=run,
            created_at=datetime.now(UTC),
            tables=tuple(replace(entry, key=tuple(keys.get(entry.name, ()))) for entry in entries),
            skipped=dict(skipped or {}),
            versions={"duckdb": duckdb.__version__, **(versions or {})},
            serve_bytes=(folder / SERVE_FILE).stat().st_size,
            serve_sha256=sha256_of(folder / SERVE_FILE),
        )
    except BaseException:
        owner.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Candidate(folder, manifest, owner)


def is_abandoned(folder: Path) -> bool:
    """Whether the process that was building in this folder is gone."""
    try:
        with (folder / OWNER_FILE).open("r") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def _claim_folder(published: Path, run: RunInfo) -> tuple[Path, IO[str]]:
    """A new folder whose owner file stays locked for as long as this process lives."""
    folder = published / "generations" / f".tmp-{run.run_number}-{uuid.uuid4().hex[:8]}"
    with publisher_lock(published, run.run_id):
        folder.mkdir(parents=True)
        owner = (folder / OWNER_FILE).open("w")
        fcntl.flock(owner, fcntl.LOCK_EX)
    return folder, owner


@contextmanager
def _copying(warehouse: Path, serve_file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse under its own name (its views spell it) and a new file as ``serve``."""
    if not warehouse.is_file():
        raise PublishRefused(f"There is no warehouse at {warehouse}; run the pipeline first.")
    # One thread a query, because the tables are what is done side by side: two threads in one small
    # query cost a third more processor time than two queries (measured on 25 tables of 1 million rows).
    with closing(duckdb.connect(config={"threads": 1, "wal_autocheckpoint": "1TB"})) as connection:
        try:
            connection.execute(f"attach {literal(warehouse)} as {identifier(warehouse.stem)} (read_only)")
        except duckdb.Error as error:
            raise PublishRefused(
                f"The warehouse cannot be read; close its writer first. DuckDB says: {error}"
            ) from error
        connection.execute(
            f"attach {literal(serve_file)} as serve (storage_version '{SERVE_STORAGE_VERSION}')"
        )
        yield connection
        connection.execute("checkpoint serve")
        connection.execute("detach serve")


def _copy_tables(
    connection: duckdb.DuckDBPyConnection, catalog: str, folder: Path, schemas: tuple[str, ...]
) -> tuple[TableEntry, ...]:
    """Every table in both formats, the largest first so that the workers end together; entries by name."""
    names = connection.execute(
        """
        select t.table_schema, t.table_name from information_schema.tables as t
        left join duckdb_tables() as d
            on (d.database_name, d.schema_name, d.table_name)
            = (t.table_catalog, t.table_schema, t.table_name)
        where t.table_catalog = $catalog and list_contains($schemas, t.table_schema)
        order by d.estimated_size * d.column_count desc nulls first, t.table_schema, t.table_name
        """,
        {"catalog": catalog, "schemas": list(schemas)},
    ).fetchall()
    if not names:
        raise PublishRefused(
            f"The warehouse has no table in {', '.join(schemas)}; there is nothing to publish."
        )
    for schema in sorted({schema for schema, _ in names}):
        connection.execute(f"create schema {identifier('serve', schema)}")
        (folder / "parquet" / schema).mkdir(parents=True)

    def copy(name: tuple[str, str]) -> TableEntry:
        with closing(connection.cursor()) as cursor:
            rows = _copy_table(cursor, catalog, *name)
            failpoint("table_copied")
            return _export_table(cursor, folder, *name, rows)

    with ThreadPoolExecutor(WORKERS) as pool:
        entries = list(pool.map(copy, names))
    return tuple(sorted(entries, key=lambda entry: (entry.schema, entry.table)))


def _copy_table(cursor: duckdb.DuckDBPyConnection, catalog: str, schema: str, table: str) -> int:
    """Copy one table or view with its comments into the DuckDB file; gives its rows."""
    target = identifier("serve", schema, table)
    cursor.execute("begin")
    counted = cursor.execute(
        f"create table {target} as select * from {identifier(catalog, schema, table)}"
    ).fetchone()
    comments = cursor.execute(
        """
        select column_name, comment from duckdb_columns()
        where database_name = ? and schema_name = ? and table_name = ? and comment is not null
        """,
        [catalog, schema, table],
    ).fetchall()
    for column, comment in comments:
        cursor.execute(f"comment on column {target}.{identifier(column)} is {literal(comment)}")
    cursor.execute("commit")
    return counted[0] if counted else 0


def _contract_keys() -> dict[str, Sequence[str]]:
    return {f"serving.{contract.name}": contract.key for contract in all_contracts("served")}


def _describe_run(connection: duckdb.DuckDBPyConnection, run: RunInfo) -> None:
    """One row that tells a BI tool what it is looking at."""
    connection.execute("create schema serve.meta")
    connection.execute(
        "create table serve.meta.publication as "
        "select ?::varchar as shop, ?::date as as_of, ?::varchar as run_id, ?::bigint as run_number",
        [run.shop, run.as_of, run.run_id, run.run_number],
    )


def _export_table(
    cursor: duckdb.DuckDBPyConnection, folder: Path, schema: str, table: str, rows: int
) -> TableEntry:
    """Write the table's Parquet file and describe it; reads the copy, so that a view is computed once."""
    path = folder / "parquet" / schema / f"{table}.parquet"
    source = identifier("serve", schema, table)
    cursor.execute(f"copy {source} to {literal(path)} (format parquet, compression zstd)")
    return TableEntry(
        schema=schema,
        table=table,
        rows=rows,
        columns={name: kind for name, kind, *_ in cursor.execute(f"describe {source}").fetchall()},
        file=path.relative_to(folder).as_posix(),
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
    )
