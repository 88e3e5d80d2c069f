"""Files of one shape into one DuckDB table of text columns, each row with its file and its line.

CSV is read with explicit columns and a rejects table, JSON Lines by line, Parquet by name; many files with one header are one
read. What a line cannot be read as goes to ``rejects``. What the values mean is the dialect's and the contract's concern.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from feeds.dialect import Shape
from feeds.records import MAX_RECORD_BYTES, BadLine, read_header, read_records
from feeds.report import FeedError

_UNIT = "\x1f"


@dataclass(frozen=True)
class BatchFile:
    """A landed file of a batch under its number in it, with what its source says of it."""

    number: int
    path: Path
    name: str
    format: str
    delimiter: str = ","


@dataclass
class ShapeRead:
    """What reading one shape told: data lines (cells of wide files), and where the files differ from the shape."""

    rows: int = 0
    duplicate_lines: int = 0
    drift: list[str] = field(default_factory=list)


def create_rejects(con: duckdb.DuckDBPyConnection) -> None:
    """The table that lines go to which cannot be read."""
    con.execute("create temp table rejects (_file_id bigint, _line bigint, rule varchar, message varchar, raw varchar)")


def read_shape(con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile], scratch: Path) -> ShapeRead:
    """Create table ``<shape>`` from the files; raises ``FeedError`` for a file that lacks a required column."""
    wide = ("period", "value") if shape.wide else ()
    columns = ", ".join(f"{_quoted(c)} varchar" for c in (*shape.columns, *wide))
    con.execute(f"create temp table {_quoted(shape.name)} (_file_id bigint, _line bigint, {columns})")
    told = ShapeRead()
    by_format: dict[str, list[BatchFile]] = {}
    for file in files:
        by_format.setdefault(file.format, []).append(file)
    if "csv" in by_format:
        _read_csv(con, shape, by_format["csv"], scratch, told)
    if "jsonl" in by_format:
        _read_jsonl(con, shape, by_format["jsonl"], scratch, told)
    if "parquet" in by_format:
        _read_parquet(con, shape, by_format["parquet"], told)
    told.rows = _count(con, _quoted(shape.name))
    if shape.deduplicate_lines:
        told.duplicate_lines = _drop_duplicate_lines(con, shape)
    return told


def _read_csv(
    con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile], scratch: Path, told: ShapeRead
) -> None:
    groups: dict[tuple[str, tuple[str, ...]], list[BatchFile]] = {}
    for file in files:
        header = read_header(file.path, file.delimiter)
        if header is None:
            told.drift.append(f"{file.name}: the file is empty")
            continue
        _check_columns(shape, header, file.name, told)
        groups.setdefault((file.delimiter, tuple(header)), []).append(file)
    for number, ((delimiter, header), members) in enumerate(sorted(groups.items(), key=lambda g: g[1][0].number)):
        staged = scratch / f"{shape.name}_{number}.csv"
        bad: list[tuple[int, BadLine]] = []
        n_records = _stage(members, staged, delimiter.encode(), delimiter.encode(), bad)
        _read_staged(con, shape, staged, header, delimiter, n_records)
        _reject(con, bad)
        staged.unlink()


def _check_columns(shape: Shape, header: list[str], name: str, told: ShapeRead) -> None:
    missing = [c for c in shape.required if c not in header]
    if missing:
        raise FeedError(
            f"{name}: line 1 lacks the column {', '.join(missing)} (it has {', '.join(header)}). Send the column, or correct "
            "the source's dialect or delimiter in the shop file."
        )
    repeated = sorted({c for c in header if header.count(c) > 1})
    if repeated:
        raise FeedError(f"{name}: line 1 names the column {', '.join(repeated)} twice. Rename one of them.")
    wide = re.compile(shape.wide) if shape.wide else None
    for column in header:
        if column not in shape.columns and not (wide and wide.fullmatch(column)):
            told.drift.append(f"{shape.name}: unknown column {column!r} is ignored")
    told.drift.extend(f"{shape.name}: optional column {c!r} is absent" for c in shape.optional if c not in header)
    told.drift[:] = list(dict.fromkeys(told.drift))


def _stage(
    files: Sequence[BatchFile], staged: Path, delimiter: bytes | None, separator: bytes, bad: list[tuple[int, BadLine]]
) -> int:
    """Write the records of all files into one, each after its file's number and its line; gives how many there are."""
    n_records = 0
    form = b"%d" + separator.replace(b"%", b"%%") + b"%d" + separator.replace(b"%", b"%%") + b"%s"
    with staged.open("wb") as out:
        for file in files:
            found: list[BadLine] = []
            header_pending = delimiter is not None
            for records in read_records(file.path, delimiter, found):
                if header_pending and records:
                    records, header_pending = records[1:], False
                if records:
                    out.write(b"\n".join([form % (file.number, line, record) for line, record in records]) + b"\n")
                    n_records += len(records)
            bad.extend((file.number, line) for line in found)
    return n_records


def _read_staged(
    con: duckdb.DuckDBPyConnection, shape: Shape, staged: Path, header: Sequence[str], delimiter: str, n_records: int
) -> None:
    columns = {"_file_id": "BIGINT", "_line": "BIGINT", **{f"c{i}": "VARCHAR" for i in range(len(header))}}
    raw = f"{shape.name}_raw"
    _scan_csv(con, raw, staged, columns, delimiter, '"')
    rejected = con.execute(
        """
        insert into rejects
        select
            try_cast(split_part(any_value(csv_line), ?, 1) as bigint),
            try_cast(split_part(any_value(csv_line), ?, 2) as bigint),
            'csv_' || lower(replace(arg_min(error_type::varchar, coalesce(column_idx, 0)), ' ', '_')),
            arg_min(error_message, coalesce(column_idx, 0)),
            regexp_replace(any_value(csv_line), '^[0-9]+[^0-9][0-9]+[^0-9]', '')
        from reject_errors group by line
        """,
        [delimiter, delimiter],
    ).fetchone()
    n_rejected = rejected[0] if rejected else 0
    con.execute("drop table reject_errors; drop table reject_scans")
    n_rows = _count(con, _quoted(raw))
    if n_rows + n_rejected != n_records:
        raise FeedError(
            f"{shape.name}: {n_records} records were written, but {n_rows} were read and {n_rejected} rejected; a quote inside "
            "a value probably swallowed lines. Quote such values and double the quotes in them."
        )
    at = {name: f"c{i}" for i, name in enumerate(header)}
    named = ", ".join(f"{at[c]} as {_quoted(c)}" if c in at else f"null as {_quoted(c)}" for c in shape.columns)
    if shape.wide:
        periods = [c for c in header if re.fullmatch(shape.wide, c)]
        cells = ", ".join(f"{at[c]} as {_quoted(c)}" for c in periods)
        con.execute(
            f"insert into {_quoted(shape.name)} "
            f"select * from (select _file_id, _line, {named}, {cells} from {_quoted(raw)}) "
            f"unpivot include nulls (value for period in ({', '.join(map(_quoted, periods))}))"
        )
    else:
        con.execute(f"insert into {_quoted(shape.name)} select _file_id, _line, {named} from {_quoted(raw)}")
    con.execute(f"drop table {_quoted(raw)}")


def _scan_csv(
    con: duckdb.DuckDBPyConnection, table: str, staged: Path, columns: dict[str, str], delimiter: str, quote: str
) -> None:
    con.execute(
        f"""
        create temp table {_quoted(table)} as
        select * from read_csv(
            ?, auto_detect = false, header = false, columns = {json.dumps(columns).replace('"', "'")}, delim = ?,
            quote = '{quote}', escape = '{quote}', new_line = '\\n', store_rejects = true, rejects_limit = 0,
            max_line_size = {MAX_RECORD_BYTES + 1024}, strict_mode = true, null_padding = false
        )
        """,
        [str(staged), delimiter],
    )


def _read_jsonl(
    con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile], scratch: Path, told: ShapeRead
) -> None:
    staged = scratch / f"{shape.name}.jsonl"
    bad: list[tuple[int, BadLine]] = []
    n_records = _stage(files, staged, None, _UNIT.encode(), bad)
    _scan_csv(con, "json_raw", staged, {"_file_id": "BIGINT", "_line": "BIGINT", "j": "VARCHAR"}, _UNIT, "")
    n_rows, n_rejected = _count(con, "json_raw"), _count(con, "(select distinct line from reject_errors)")
    if n_rows + n_rejected != n_records:
        raise FeedError(f"{shape.name}: {n_records} lines were written, but {n_rows} read and {n_rejected} rejected.")
    # A control character in the line is the only way to be rejected here; JSON must escape it.
    con.execute(
        f"""
        insert into rejects
        select distinct
            split_part(csv_line, '{_UNIT}', 1)::bigint, split_part(csv_line, '{_UNIT}', 2)::bigint, 'json_invalid',
            'the line is not valid JSON', split_part(csv_line, '{_UNIT}', 3)
        from reject_errors;
        drop table reject_errors; drop table reject_scans;
        insert into rejects
        select _file_id, _line, if(json_valid(j), 'json_not_an_object', 'json_invalid'),
            if(json_valid(j), 'the line is JSON, but no object', 'the line is not valid JSON'), j
        from json_raw where not json_valid(j) or json_type(case when json_valid(j) then j end) <> 'OBJECT';
        delete from json_raw where not json_valid(j) or json_type(case when json_valid(j) then j end) <> 'OBJECT';
        """
    )
    structure = json.dumps({column: "VARCHAR" for column in shape.columns})
    con.execute(f"insert into {_quoted(shape.name)} select _file_id, _line, unnest(json_transform(j, ?)) from json_raw", [structure])
    seen = con.execute("select distinct unnest(json_keys(j)) from (select j from json_raw limit 5000)").fetchall()
    unknown = sorted({key for (key,) in seen} - set(shape.columns))
    told.drift.extend(f"{shape.name}: unknown column {key!r} is ignored" for key in unknown)
    con.execute("drop table json_raw")
    _reject(con, bad)
    staged.unlink()


def _read_parquet(con: duckdb.DuckDBPyConnection, shape: Shape, files: Sequence[BatchFile], told: ShapeRead) -> None:
    groups: dict[tuple[str, ...], list[BatchFile]] = {}
    for file in files:
        try:
            header = pq.read_schema(file.path).names
        except (pa.ArrowInvalid, OSError) as broken:
            raise FeedError(f"{file.name}: not a readable Parquet file ({broken}). Send the file again.") from broken
        _check_columns(shape, header, file.name, told)
        groups.setdefault(tuple(header), []).append(file)
    for header, members in groups.items():
        known = pa.table({"filename": [str(f.path) for f in members], "_file_id": [f.number for f in members]})
        con.register("parquet_files", known)
        named = ", ".join(f"p.{_quoted(c)}::varchar" if c in header else "null" for c in shape.columns)
        con.execute(
            f"insert into {_quoted(shape.name)} select f._file_id, p.file_row_number + 1, {named} "
            "from read_parquet(?, file_row_number = true, filename = true, union_by_name = true) p "
            "join parquet_files f using (filename)",
            [[str(f.path) for f in members]],
        )
        con.unregister("parquet_files")


def _drop_duplicate_lines(con: duckdb.DuckDBPyConnection, shape: Shape) -> int:
    """Delete exact repeats of a line within its file, keeping the first; the hash finds the few candidates cheaply."""
    table, columns = _quoted(shape.name), ", ".join(map(_quoted, shape.columns))
    deleted = con.execute(
        f"""
        delete from {table} where rowid in (
            select row_id from (
                select t.rowid as row_id, row_number() over (partition by _file_id, {columns} order by _line) as n
                from {table} t
                where hash(_file_id, {columns}) in (
                    select hash(_file_id, {columns}) from {table} group by all having count(*) > 1
                )
            ) where n > 1
        )
        """
    ).fetchone()
    return deleted[0] if deleted else 0


def _reject(con: duckdb.DuckDBPyConnection, bad: Sequence[tuple[int, BadLine]]) -> None:
    if bad:
        rows = [(f, b.line, b.rule, b.message, b.raw.decode("utf-8", "replace")) for f, b in bad]
        con.executemany("insert into rejects values (?, ?, ?, ?, ?)", rows)


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
