"""CSV files of one shape: explicit columns, no guessing, and a line that does not fit goes to ``rejects``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from data_quality.acceptance_rules import quoted
from feeds.dialect import Shape
from feeds.records import BadLine, read_header
from feeds.report import FeedError
from feeds.shape_tables import BatchFile, ShapeRead, check_columns, count, reject
from feeds.staging import FILE_AND_LINE, scan_staged, stage


def read_csv(
    con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile], scratch: Path, told: ShapeRead
) -> None:
    """Add the rows of the files to the shape's table; files of equal header are read at once."""
    groups: dict[tuple[str, tuple[str, ...]], list[BatchFile]] = {}
    for file in files:
        header = read_header(file.path, file.delimiter)
        if header is None:
            told.differs(f"{file.name}: the file is empty")
            continue
        check_columns(shape, header, file.name, told)
        groups.setdefault((file.delimiter, tuple(header)), []).append(file)
    for (delimiter, columns), members in sorted(groups.items()):
        staged = scratch / f"{shape.name}.csv"
        bad: list[tuple[int, BadLine]] = []
        n_records = stage(members, staged, delimiter, bad, csv_delimiter=delimiter)
        _read_staged(con, shape, staged, columns, delimiter, n_records)
        reject(con, bad)
        staged.unlink()


def _read_staged(
    con: duckdb.DuckDBPyConnection,
    shape: Shape,
    staged: Path,
    header: Sequence[str],
    delimiter: str,
    n_records: int,
) -> None:
    raw = f"{shape.name}_raw"
    columns = {**FILE_AND_LINE, **{f"c{i}": "VARCHAR" for i in range(len(header))}}
    scan_staged(con, raw, staged, columns, delimiter, '"')
    n_rejected, n_rows = _take_rejects(con, delimiter), count(con, quoted(raw))
    if n_rows + n_rejected != n_records:
        raise FeedError(
            f"{shape.name}: {n_records} records were written, but {n_rows} were read and {n_rejected} "
            "rejected; a quote inside a value probably swallowed lines. Quote such values and double the "
            "quotes in them."
        )
    at = {name: f"c{i}" for i, name in enumerate(header)}
    named = ", ".join(f"{at[c]} as {quoted(c)}" if c in at else f"null as {quoted(c)}" for c in shape.columns)
    rows = f"select _file_id, _line, {named} from {quoted(raw)}"
    if shape.wide:
        periods = [c for c in header if re.fullmatch(shape.wide, c)]
        cells = ", ".join(f"{at[c]} as {quoted(c)}" for c in periods)
        rows = (
            f"select * from (select _file_id, _line, {named}, {cells} from {quoted(raw)}) "
            f"unpivot include nulls (value for period in ({', '.join(map(quoted, periods))}))"
        )
    con.execute(f"insert into {quoted(shape.name)} {rows}")
    con.execute(f"drop table {quoted(raw)}")


def _take_rejects(con: duckdb.DuckDBPyConnection, delimiter: str) -> int:
    """Move what DuckDB could not read to ``rejects``, one row a line, under the first error of the line."""
    inserted = con.execute(
        """
        insert into rejects
        select
            split_part(any_value(csv_line), ?, 1)::bigint,
            split_part(any_value(csv_line), ?, 2)::bigint,
            'csv_' || lower(replace(arg_min(error_type::varchar, coalesce(column_idx, 0)), ' ', '_')),
            arg_min(error_message, coalesce(column_idx, 0)),
            regexp_replace(any_value(csv_line), '^[0-9]+[^0-9][0-9]+[^0-9]', '')
        from reject_errors group by line
        """,
        [delimiter, delimiter],
    ).fetchone()
    con.execute("drop table reject_errors; drop table reject_scans")
    return int(inserted[0]) if inserted else 0
