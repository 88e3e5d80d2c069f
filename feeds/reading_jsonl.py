"""JSON Lines of one shape: a line that is no JSON object goes to ``rejects`` with its number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb

from data_quality.acceptance_rules import quoted
from feeds.dialect import Shape
from feeds.reading_json import line_records
from feeds.records import BadLine
from feeds.report import FeedError
from feeds.shape_tables import BatchFile, ShapeRead, count, reject
from feeds.staging import FILE_AND_LINE, RecordsOf, scan_staged, stage

# JSON text cannot hold it unescaped, so it can stand between the line's number and the line.
_UNIT = "\x1f"
# Enough lines to notice a key that the shape does not know.
_KEYS_FROM_LINES = 5000


def read_jsonl(
    con: duckdb.DuckDBPyConnection,
    shape: Shape,
    files: Sequence[BatchFile],
    scratch: Path,
    told: ShapeRead,
    records_of: RecordsOf = line_records,
) -> None:
    """Add the objects of the files to the shape's table, each value as its JSON text.

    ``records_of`` turns files of other kinds into lines of JSON; one that it cannot read is noted as refused.
    """
    staged = scratch / f"{shape.name}.jsonl"
    bad: list[tuple[int, BadLine]] = []
    n_records = stage(files, staged, _UNIT, bad, records_of, told=told)
    scan_staged(con, "json_raw", staged, {**FILE_AND_LINE, "j": "VARCHAR"}, _UNIT, "")
    n_rows, n_rejected = count(con, "json_raw"), count(con, "(select distinct line from reject_errors)")
    if n_rows + n_rejected != n_records:
        raise FeedError(
            f"{shape.name}: {n_records} lines were written, but {n_rows} read and {n_rejected} rejected. "
            "Please report this with the feed's files."
        )
    _take_rejects(con)
    structure = json.dumps(dict.fromkeys(shape.columns, "VARCHAR"))
    con.execute(
        f"insert into {quoted(shape.name)} "
        "select _file_id, _line, unnest(json_transform(j, ?)) from json_raw",
        [structure],
    )
    seen = con.execute(
        "select distinct unnest(json_keys(j)) as k "
        f"from (select j from json_raw limit {_KEYS_FROM_LINES}) order by k"
    ).fetchall()
    for (key,) in seen:
        if key not in shape.columns and key not in shape.ignored:
            told.differs(f"{shape.name}: unknown column {key!r} is ignored")
    con.execute("drop table json_raw")
    reject(con, bad)
    staged.unlink()


def _take_rejects(con: duckdb.DuckDBPyConnection) -> None:
    # The only line the scan itself refuses has a raw control character in it.
    con.execute(
        f"""
        insert into rejects
        select distinct
            split_part(csv_line, '{_UNIT}', 1)::bigint, split_part(csv_line, '{_UNIT}', 2)::bigint,
            'json_invalid', 'the line is not valid JSON', split_part(csv_line, '{_UNIT}', 3)
        from reject_errors;
        drop table reject_errors;
        drop table reject_scans;
        create temp table json_bad as
        select
            rowid as row_id, _file_id, _line,
            case
                when not json_valid(j) then 'json_invalid'
                when json_type(j) <> 'OBJECT' then 'json_not_an_object'
                else 'json_key_twice'
            end as rule,
            case
                when not json_valid(j) then 'the line is not valid JSON'
                when json_type(j) <> 'OBJECT' then 'the line is JSON, but no object'
                else 'a key stands in the object twice'
            end as message,
            j
        from json_raw
        where case
            when not json_valid(j) then true
            when json_type(j) <> 'OBJECT' then true
            else list_unique(json_keys(j)) <> len(json_keys(j))
        end;
        insert into rejects select * exclude (row_id) from json_bad;
        delete from json_raw where rowid in (select row_id from json_bad);
        drop table json_bad;
        """
    )
