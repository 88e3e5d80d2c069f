"""Files of one shape into one DuckDB table of text columns, each row with its file and its line.

Which reader takes which file, and what happens to repeated lines. The readers themselves stand beside this
module; what the values mean is the dialect's and the contract's concern.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from data_quality.acceptance_rules import quoted
from feeds.dialect import Shape
from feeds.reading_csv import read_csv
from feeds.reading_excel import excel_records
from feeds.reading_json import json_records
from feeds.reading_jsonl import read_jsonl
from feeds.reading_parquet import read_parquet
from feeds.records import BadLine, Numbered
from feeds.shape_tables import BatchFile, ShapeRead, count


def read_shape(
    con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile], scratch: Path
) -> ShapeRead:
    """Create table ``<shape>`` from the files; those that cannot be read are told as refused."""
    wide = ("period", "value") if shape.wide else ()
    columns = ", ".join(f"{quoted(c)} varchar" for c in (*shape.columns, *wide))
    con.execute(f"create temp table {quoted(shape.name)} (_file_id bigint, _line bigint, {columns})")
    told = ShapeRead()
    by_format: dict[str, list[BatchFile]] = {}
    for file in files:
        if shape.wide and file.format not in ("csv", "tsv"):
            told.refuse(file, f"{file.name}: columns are turned into rows from CSV only. Send CSV.")
            continue
        by_format.setdefault("csv" if file.format == "tsv" else file.format, []).append(file)
    if "csv" in by_format:
        read_csv(con, shape, by_format["csv"], scratch, told)
    if "jsonl" in by_format:
        read_jsonl(con, shape, by_format["jsonl"], scratch, told)
    if "json" in by_format:
        read_jsonl(con, shape, by_format["json"], scratch, told, json_records)
    if "parquet" in by_format:
        read_parquet(con, shape, by_format["parquet"], scratch, told)
    if "excel" in by_format:

        def sheets(file: BatchFile, bad: list[BadLine]) -> Iterator[list[Numbered]]:
            return excel_records(file, file.content.local_path(scratch), shape, told, bad)

        read_jsonl(con, shape, by_format["excel"], scratch, told, sheets)
    told.rows = count(con, quoted(shape.name))
    if shape.deduplicate_lines:
        told.duplicate_lines = _drop_duplicate_lines(con, shape)
    return told


def _drop_duplicate_lines(con: duckdb.DuckDBPyConnection, shape: Shape) -> int:
    """Delete exact repeats of a line within its file, keeping the first, and say how many."""
    table, columns = quoted(shape.name), ", ".join(map(quoted, shape.columns))
    # The hash finds the few candidates cheaply; whole lines decide.
    deleted = con.execute(
        f"""
        delete from {table} where rowid in (
            select row_id from (
                select
                    t.rowid as row_id,
                    row_number() over (partition by _file_id, {columns} order by _line) as n
                from {table} t
                where hash(_file_id, {columns}) in (
                    select hash(_file_id, {columns}) from {table} group by all having count(*) > 1
                )
            ) where n > 1
        )
        """
    ).fetchone()
    return deleted[0] if deleted else 0
