"""Accepted rows as Parquet files beside their Delta table, and the one commit that makes them part of it.

DuckDB writes the files (a quarter of the processor time that a writer of Arrow batches takes), Delta's log
alone decides what is read: a file that no commit names does not exist for any reader. Judging rows is
acceptance's work, the log itself the lake's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from data_quality.acceptance import months_of
from data_quality.acceptance_rules import literal, quoted
from data_quality.contract import Contract
from feeds.failpoints import reach
from feeds.lake import Lake, StoredFile

_MONTH = "_month"
# The second version of the format packs numbers, times and texts by their differences: with the lightest zstd
# a file is a third smaller than by the first version with zstd's usual level, and takes a fifth less time to
# write. A dictionary of more values than its limit costs more time than it saves space: zstd finds repeats.
_FORMAT = (
    "format parquet, parquet_version v2, compression zstd, compression_level 1, dictionary_size_limit 4000"
)

# One file is brought to the disk, or finished by the last thread that has work, while the other is written.
_AT_A_TIME = 2


def commit_accepted(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    contract: Contract,
    *,
    number: int,
    file_ids: Sequence[str],
    metadata: Mapping[str, str],
    variants: Sequence[str] = (),
) -> int:
    """Commit relation ``accepted`` as load ``number`` and give the Delta version.

    ``file_ids`` are the content addresses by ``_file_id``; ``variants`` are text columns of ``accepted``
    beyond the contract's, which the table gains where it lacks them.
    """
    reach("before_files_written")
    folder = lake.path("raw", contract.name)
    folder.mkdir(parents=True, exist_ok=True)
    months = _months(con, contract)
    file_id = "getvariable('file_ids')[_file_id + 1]"
    if len(file_ids) == 1:  # as of most loads; no dictionary of its values has to be made then
        file_id = f"{literal(file_ids[0])}::enum({literal(file_ids[0])})"

    def written(month: date | None) -> StoredFile:
        with con.cursor() as beside:
            beside.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
            beside.execute("set variable file_ids = ?", [list(file_ids)])
            return _write(beside, contract, folder, number, month, file_id, variants)

    with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="storing") as pool:
        files = list(pool.map(written, months))
    reach("before_delta_commit")
    return lake.append_files(
        "raw",
        contract.name,
        files,
        schema=raw_schema(contract, variants),
        partition_by=(_MONTH,) if contract.partition_by_month_of else (),
        load_number=number,
        metadata=metadata,
    )


def raw_schema(contract: Contract, variants: Sequence[str] = ()) -> pa.Schema:
    """Columns of a raw table: the contract's, where each row came from, its month, and kept variants."""
    schema = contract.arrow_schema()
    for name, kind in (("_load_number", pa.int64()), ("_file_id", pa.string()), ("_line", pa.int64())):
        schema = schema.append(pa.field(name, kind))
    if contract.partition_by_month_of:
        schema = schema.append(pa.field(_MONTH, pa.string()))
    for name in variants:
        schema = schema.append(pa.field(name, pa.string()))
    return schema


def _months(con: duckdb.DuckDBPyConnection, contract: Contract) -> list[date | None]:
    """First days of the months of the accepted rows; one ``None`` where the table is not split by month."""
    if contract.partition_by_month_of is None:
        row = con.execute("select count(*) from accepted").fetchone()
        return [None] if row and row[0] else []
    return list(months_of(con, contract.column(contract.partition_by_month_of), "accepted"))


def _write(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    folder: Path,
    number: int,
    month: date | None,
    file_id: str,
    variants: Sequence[str],
) -> StoredFile:
    """One file of one month, durable when this returns; ``file_id`` is SQL for the address of a row's file.

    Its name says the load, so that a load that is done again writes over what a killed one left.
    """
    partition = {_MONTH: f"{month:%Y-%m}"} if month else {}
    target = folder.joinpath(*(f"{k}={v}" for k, v in partition.items()), f"load-{number:08d}.parquet")
    target.parent.mkdir(exist_ok=True)
    columns = ", ".join(map(quoted, contract.column_names))
    more = "".join(f", {quoted(name)}" for name in variants)
    written = con.execute(
        f"copy (select {columns}, {int(number)}::bigint as _load_number, "
        f"{file_id} as _file_id, _line{more} "
        f"from accepted{_within(contract, month)}) "
        f"to {literal(str(target))} ({_FORMAT})"
    ).fetchone()
    _sync(target)
    return StoredFile(
        path=target.relative_to(folder).as_posix(),
        size=target.stat().st_size,
        n_rows=int(written[0]) if written else 0,
        partition=partition,
    )


def _within(contract: Contract, month: date | None) -> str:
    if month is None:
        return ""
    column = contract.column(contract.partition_by_month_of or "")
    following = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    return (
        f" where {quoted(column.name)} >= {literal(str(month))}::{column.type} "
        f"and {quoted(column.name)} < {literal(str(following))}::{column.type}"
    )


def _sync(file: Path) -> None:
    """Make a file and its name durable."""
    for path in (file, file.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
