"""Building a generation aside: copies of the private warehouse's tables, where no reader looks.

Whether the copy may go live is ``audit``'s question; making it live is ``publish``'s.
"""

from __future__ import annotations

import fcntl
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import duckdb

from serving.duck import SERVE_STORAGE_VERSION, identifier, literal
from serving.durable import failpoint, sha256_of
from serving.generations import SERVE_FILE, Manifest, RunInfo, TableEntry
from serving.lock import PublishRefused, publisher_lock

OWNER_FILE = ".owner"
PUBLISHED_SCHEMAS = ("marts", "serving")


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
) -> Candidate:
    """A candidate with every table and view of ``schemas``: one DuckDB file, and one Parquet file a table.

    The warehouse is opened read-only, so the pipeline must have closed it. ``skipped`` maps ``schema.table``
    to the reason why the run could not fill it (a shop that lacks the feed). Raises ``PublishRefused`` when
    the warehouse cannot be read. Build and publish in the same process: the candidate is deleted as a
    left-over once its process is gone.
    """
    folder, owner = _claim_folder(published, run)
    try:
        with _copying(warehouse, folder / SERVE_FILE) as connection:
            names = _tables_of(connection, warehouse.stem, schemas)
            connection.execute("begin")  # one transaction: one sync to disk instead of one a table
            for schema, table in names:
                _copy_table(connection, warehouse.stem, schema, table)
                failpoint("table_copied")
            _describe_run(connection, run)
            connection.execute("commit")
            entries = tuple(_export_table(connection, folder, schema, table) for schema, table in names)
        failpoint("built")
        manifest = Manifest(
            run=run,
            created_at=datetime.now(UTC),
            tables=entries,
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
    with closing(duckdb.connect()) as connection:
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


def _tables_of(
    connection: duckdb.DuckDBPyConnection, catalog: str, schemas: tuple[str, ...]
) -> list[tuple[str, str]]:
    rows = connection.execute(
        """
        select table_schema, table_name from information_schema.tables
        where table_catalog = ? and list_contains(?, table_schema)
        order by table_schema, table_name
        """,
        [catalog, list(schemas)],
    ).fetchall()
    if not rows:
        raise PublishRefused(
            f"The warehouse has no table in {', '.join(schemas)}; there is nothing to publish."
        )
    return [(schema, table) for schema, table in rows]


def _copy_table(connection: duckdb.DuckDBPyConnection, catalog: str, schema: str, table: str) -> None:
    target = identifier("serve", schema, table)
    connection.execute(f"create schema if not exists {identifier('serve', schema)}")
    connection.execute(f"create table {target} as select * from {identifier(catalog, schema, table)}")
    comments = connection.execute(
        """
        select column_name, comment from duckdb_columns()
        where database_name = ? and schema_name = ? and table_name = ? and comment is not null
        """,
        [catalog, schema, table],
    ).fetchall()
    for column, comment in comments:
        connection.execute(f"comment on column {target}.{identifier(column)} is {literal(comment)}")


def _describe_run(connection: duckdb.DuckDBPyConnection, run: RunInfo) -> None:
    """One row that tells a BI tool what it is looking at."""
    connection.execute("create schema serve.meta")
    connection.execute(
        "create table serve.meta.publication as "
        "select ?::varchar as shop, ?::date as as_of, ?::varchar as run_id, ?::bigint as run_number",
        [run.shop, run.as_of, run.run_id, run.run_number],
    )


def _export_table(connection: duckdb.DuckDBPyConnection, folder: Path, schema: str, table: str) -> TableEntry:
    """Write the table's Parquet file and describe it; reads the copy, so that a view is computed once."""
    path = folder / "parquet" / schema / f"{table}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    source = identifier("serve", schema, table)
    connection.execute(f"copy {source} to {literal(path)} (format parquet, compression zstd)")
    described = connection.execute(f"describe {source}").fetchall()
    counted = connection.execute(f"select count(*) from {source}").fetchone()
    return TableEntry(
        schema=schema,
        table=table,
        rows=counted[0] if counted else 0,
        columns={name: kind for name, kind, *_ in described},
        file=path.relative_to(folder).as_posix(),
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
    )
