"""Text files of a batch as one file in which each record stands after its file's number and its line.

So thousands of small files are one read, and every row and every rejected line knows where it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from data_quality.acceptance_rules import literal, quoted
from feeds.records import MAX_RECORD_BYTES, BadLine, read_records
from feeds.shape_tables import BatchFile

FILE_AND_LINE = {"_file_id": "BIGINT", "_line": "BIGINT"}


def stage(
    files: Sequence[BatchFile],
    staged: Path,
    separator: str,
    bad: list[tuple[int, BadLine]],
    *,
    csv_delimiter: str | None = None,
) -> int:
    """Write the records of all files (without headers, for CSV) into one file; gives how many there are."""
    n_records = 0
    mark = separator.encode().replace(b"%", b"%%")
    form = b"%d" + mark + b"%d" + mark + b"%s"
    with staged.open("wb") as out:
        for file in files:
            found: list[BadLine] = []
            header_pending = csv_delimiter is not None
            for records in read_records(file.path, csv_delimiter.encode() if csv_delimiter else None, found):
                rows = records[1:] if header_pending else records
                header_pending = header_pending and not records
                if rows:
                    out.write(
                        b"\n".join([form % (file.number, line, record) for line, record in rows]) + b"\n"
                    )
                    n_records += len(rows)
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
