"""CSV files of one shape: explicit columns, no guessing, and a line that does not fit goes to ``rejects``."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from data_quality.acceptance_rules import literal, quoted
from feeds.dialect import Shape
from feeds.reading_csv_fast import MIN_BYTES, read_clean, reject_rule
from feeds.records import BadLine, Numbered, read_header, read_records
from feeds.report import FeedError
from feeds.shape_tables import BatchFile, ShapeRead, check_columns, count, in_shapes_case, reject
from feeds.staging import FILE_AND_LINE, scan_staged, stage


def read_csv(
    con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile], scratch: Path, told: ShapeRead
) -> None:
    """Add the rows of the files to the shape's table; small files of equal header are read at once.

    A file that lacks a required column is noted as refused; the others are read.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[BatchFile]] = {}
    for file in files:
        delimiter = file.column_delimiter
        try:
            header = csv_header(file, delimiter)
            if header is None:
                told.differs(f"{file.name}: the file is empty")
                continue
            header = in_shapes_case(shape, header, told)
            check_columns(shape, header, file.name, told)
        except FeedError as refused:
            told.refuse(file, str(refused))
            continue
        if file.size >= MIN_BYTES:
            path = file.content.local_path(scratch)
            clean = read_clean(con, shape, file.number, path, header, delimiter, scratch)
            if path != file.path:
                path.unlink(missing_ok=True)
            if clean:
                continue
        groups.setdefault((delimiter, tuple(header)), []).append(file)
    for (delimiter, columns), members in sorted(groups.items()):
        _read_carefully(con, shape, members, columns, delimiter, scratch, told)
    if files:
        _reject_headers(con, shape, files)
        _reject_damaged_ids(con, shape, files)


def csv_header(file: BatchFile, delimiter: str) -> list[str] | None:
    """The header of a file; ``FeedError`` when it is none, with a hint where another delimiter fits."""
    try:
        header = read_header(file.content, delimiter)
    except FeedError as endless:
        raise FeedError(f"{file.name}: {endless}") from endless
    except csv.Error as broken:
        raise FeedError(f"{file.name}: line 1 is no header ({broken}). Send the file again.") from broken
    if header and len(header) == 1:
        likely = max((";", "\t", "|", ","), key=header[0].count)
        if likely != delimiter and header[0].count(likely):
            name = "tabs" if likely == "\t" else repr(likely)
            raise FeedError(
                f"{file.name}: line 1 is not separated by {delimiter!r}, but it has {name}. Set the source's "
                f"`delimiter` in the shop file to {likely!r}."
            )
    return header


def _read_carefully(
    con: duckdb.DuckDBPyConnection,
    shape: Shape,
    members: Sequence[BatchFile],
    columns: Sequence[str],
    delimiter: str,
    scratch: Path,
    told: ShapeRead,
) -> None:
    """Read files line by line; where lines are swallowed all the same, each file stands alone, and what does
    not add up is refused.
    """
    staged = scratch / f"{shape.name}.csv"
    bad: list[tuple[int, BadLine]] = []

    def records_of(file: BatchFile, bad: list[BadLine]) -> Iterator[list[Numbered]]:
        return read_records(file.content, delimiter.encode(), bad)

    n_records = stage(members, staged, delimiter, bad, records_of, has_header=True)
    con.execute("begin")
    try:
        _read_staged(con, shape, staged, columns, delimiter, n_records)
        reject(con, bad)
        con.execute("commit")
    except (FeedError, duckdb.Error) as refused:
        con.execute("rollback")
        con.execute("drop table if exists reject_errors; drop table if exists reject_scans")
        if len(members) == 1:
            why = str(refused).splitlines()[0]
            if isinstance(refused, duckdb.ConversionException):
                # The place of a rejected line could not be told, because quotes run over its end.
                why = "quotes that are opened and never closed run over many lines. Close or double them"
            told.refuse(members[0], f"{members[0].name}: {why}")
            return
        for member in members:
            _read_carefully(con, shape, [member], columns, delimiter, scratch, told)
    finally:
        staged.unlink(missing_ok=True)


def _reject_headers(con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile]) -> None:
    """Set aside lines that repeat the header, as files put together one after the other have them."""
    if shape.wide:
        return
    same = " and ".join(f"trim({quoted(c)}) = {literal(c)}" for c in shape.required[:8] or shape.columns[:2])
    numbers = ", ".join(str(file.number) for file in files)
    where = f"from {quoted(shape.name)} where _file_id in ({numbers}) and {same}"
    con.execute(
        f"insert into rejects select _file_id, _line, 'csv_header_again', 'the line repeats the header', "
        f"{literal(shape.columns[0])} {where}; delete {where}"
    )


def _reject_damaged_ids(con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile]) -> None:
    """Set aside lines whose identifier a spreadsheet has turned into 1.23457E+12: its digits are lost."""
    ids = [quoted(c) for c in shape.columns if c == "sku" or c.endswith("_id")]
    if shape.wide or not ids:
        return
    # The cheap test first: nearly no value has these two characters.
    damaged = [
        f"(contains({c}, 'E+') and regexp_full_match({c}, '[0-9]([.][0-9]+)?E[+][0-9]+'))" for c in ids
    ]
    numbers = ", ".join(str(file.number) for file in files)
    where = f"from {quoted(shape.name)} where _file_id in ({numbers}) and ({' or '.join(damaged)})"
    why = "an identifier is in scientific notation; format the column as text before saving"
    con.execute(
        f"insert into rejects select _file_id, _line, 'csv_id_in_scientific_notation', {literal(why)}, "
        f"concat_ws({literal(',')}, {', '.join(ids)}) {where}; delete {where}"
    )


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
        f"""
        insert into rejects
        select
            split_part(any_value(csv_line), ?, 1)::bigint,
            split_part(any_value(csv_line), ?, 2)::bigint,
            {reject_rule("error_type", "column_idx")},
            arg_min(error_message, coalesce(column_idx, 0)),
            regexp_replace(any_value(csv_line), '^[0-9]+[^0-9][0-9]+[^0-9]', '')
        from reject_errors group by line
        """,
        [delimiter, delimiter],
    ).fetchone()
    con.execute("drop table reject_errors; drop table reject_scans")
    return int(inserted[0]) if inserted else 0
