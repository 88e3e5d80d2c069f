"""Parquet files of one shape: columns by name, as text, so that one set of rules judges every format."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from data_quality.acceptance_rules import quoted
from feeds.dialect import Shape
from feeds.report import FeedError
from feeds.shape_tables import BatchFile, ShapeRead, check_columns


def read_parquet(
    con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile], told: ShapeRead
) -> None:
    """Add the rows of the files to the shape's table; the line of a row is its number in the file, from 1."""
    groups: dict[tuple[str, ...], list[BatchFile]] = {}
    for file in files:
        try:
            schema = pq.read_schema(file.path)
        except (pa.ArrowInvalid, OSError) as broken:
            raise FeedError(
                f"{file.name}: not a readable Parquet file ({broken}). Send the file again."
            ) from broken
        check_columns(shape, schema.names, file.name, told)
        # Files that differ in a type are read apart, else one of them would be cast to the other's type.
        groups.setdefault(tuple(map(str, schema)), []).append(file)
    for members in groups.values():
        _read_group(con, shape, members)


def _read_group(con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile]) -> None:
    paths = [str(file.path) for file in files]
    header = set(pq.read_schema(files[0].path).names)
    known = pa.table({"filename": paths, "_file_id": pa.array([file.number for file in files], pa.int64())})
    named = ", ".join(f"p.{quoted(c)}::varchar" if c in header else "null" for c in shape.columns)
    con.register("parquet_files", known)
    try:
        con.execute(
            f"insert into {quoted(shape.name)} select f._file_id, p.file_row_number + 1, {named} "
            "from read_parquet(?, file_row_number = true, filename = true) p "
            "join parquet_files f using (filename)",
            [paths],
        )
    except duckdb.Error as broken:
        names = ", ".join(file.name for file in files[:5])
        raise FeedError(f"{names}: not readable as Parquet ({broken}). Send the files again.") from broken
    finally:
        con.unregister("parquet_files")
