"""Parquet files of one shape: columns by name, as text, so that one set of rules judges every format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from data_quality.acceptance_rules import quoted
from feeds.dialect import Shape
from feeds.report import FeedError
from feeds.shape_tables import BatchFile, ShapeRead, check_columns, in_shapes_case


def read_parquet(
    con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile], scratch: Path, told: ShapeRead
) -> None:
    """Add the rows of the files to the shape's table; the line of a row is its number in the file, from 1."""
    groups: dict[tuple[str, ...], list[tuple[BatchFile, Path]]] = {}
    for file in files:
        try:
            path = file.content.local_path(scratch)
            schema = pq.read_schema(path)
            check_columns(shape, in_shapes_case(shape, schema.names, told), file.name, told)
        except FeedError as refused:
            told.refuse(file, str(refused))
            continue
        except (pa.ArrowException, OSError, MemoryError) as broken:
            why = str(broken).splitlines()[0] if str(broken) else type(broken).__name__
            told.refuse(file, f"{file.name}: not a readable Parquet file ({why}). Send the file again.")
            continue
        # Files that differ in a type are read apart, else one of them would be cast to the other's type.
        groups.setdefault(tuple(map(str, schema)), []).append((file, path))
    for members in groups.values():
        _read_members(con, shape, members, told)


def _read_members(
    con: duckdb.DuckDBPyConnection, shape: Shape, members: Sequence[tuple[BatchFile, Path]], told: ShapeRead
) -> None:
    """Read files at once; where that fails, each by itself, and refuse the one at fault."""
    con.execute("begin")
    try:
        _read_group(con, shape, members)
        con.execute("commit")
    except FeedError as refused:
        con.execute("rollback")
        if len(members) == 1:
            told.refuse(members[0][0], str(refused))
            return
        for member in members:
            _read_members(con, shape, [member], told)


def _read_group(
    con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[tuple[BatchFile, Path]]
) -> None:
    paths = [str(path) for _, path in files]
    header = set(in_shapes_case(shape, pq.read_schema(paths[0]).names, ShapeRead()))
    known = pa.table(
        {"filename": paths, "_file_id": pa.array([file.number for file, _ in files], pa.int64())}
    )
    named = ", ".join(f"p.{quoted(c)}::varchar" if c in header else "null" for c in shape.columns)
    con.register("parquet_files", known)
    try:
        con.execute(
            f"insert into {quoted(shape.name)} select f._file_id, p.file_row_number + 1, {named} "
            "from read_parquet(?, file_row_number = true, filename = true, binary_as_string = true) p "
            "join parquet_files f using (filename)",
            [paths],
        )
    except duckdb.Error as broken:
        names = ", ".join(file.name for file, _ in files[:5])
        why = str(broken).splitlines()[0]
        raise FeedError(f"{names}: not readable as Parquet ({why}). Send the files again.") from broken
    finally:
        con.unregister("parquet_files")
