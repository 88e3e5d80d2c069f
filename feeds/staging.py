"""Text files of a batch as one file in which each record stands after its file's number and its line.

So thousands of small files are one read, and every row and every rejected line knows where it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb

from data_quality.acceptance_rules import literal, quoted
from feeds.records import MAX_RECORD_BYTES, BadLine, Numbered
from feeds.report import FeedError
from feeds.shape_tables import BatchFile, ShapeRead

FILE_AND_LINE = {"_file_id": "BIGINT", "_line": "BIGINT"}


RecordsOf = Callable[[BatchFile, list[BadLine]], Iterator[list[Numbered]]]
"""Chunks of numbered records of a file; what is no record goes to the list."""


def stage(
    files: Sequence[BatchFile],
    staged: Path,
    separator: str,
    bad: list[tuple[int, BadLine]],
    records_of: RecordsOf,
    *,
    has_header: bool = False,
    told: ShapeRead | None = None,
) -> int:
    """Write the records of all files (without headers) into one file; gives how many there are.

    With ``told``, a file whose records cannot be read is noted there as refused, and nothing of it is kept.
    """
    n_records = 0
    mark = separator.encode().replace(b"%", b"%%")
    form = b"%d" + mark + b"%d" + mark + b"%s"
    with staged.open("wb") as out:
        for file in files:
            found: list[BadLine] = []
            begin, n_before, header_pending = out.tell(), n_records, has_header
            try:
                for records in records_of(file, found):
                    rows = records[1:] if header_pending else records
                    header_pending = header_pending and not records
                    if rows:
                        lines = [form % (file.number, line, record) for line, record in rows]
                        out.write(b"\n".join(lines) + b"\n")
                        n_records += len(rows)
            except FeedError as refused:
                if told is None:
                    raise
                out.seek(begin)
                out.truncate()
                n_records = n_before
                told.refuse(file, str(refused))
                continue
            bad.extend((file.number, line) for line in found)
    return n_records


def scan_staged(
    con: duckdb.DuckDBPyConnection,
    table: str,
    staged: Path,
    columns: dict[str, str],
    separator: str,
    quote: str,
) -> None:
    """Create a table from a staged file; lines that do not fit stand in ``reject_errors`` afterwards."""
    types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns.items())
    con.execute(
        f"""
        create temp table {quoted(table)} as
        select * from read_csv(
            ?, auto_detect = false, header = false, columns = {{{types}}}, delim = ?, quote = '{quote}',
            escape = '{quote}', new_line = '\\n', store_rejects = true, rejects_limit = 0, strict_mode = true,
            null_padding = false, max_line_size = {MAX_RECORD_BYTES + 1024}
        )
        """,
        [str(staged), separator],
    )
