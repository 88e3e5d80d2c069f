"""Clean CSV files at the speed of DuckDB's own reader, with the numbers of the lines proved rather than
carried.

A record spans at least one line. So when records and rejected lines together are as many as the lines of the
file, each is exactly one line, and the number of a record is its place. Files that do not add up are left to
``reading_csv``, which looks at each line.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from data_quality.acceptance_rules import literal, quoted
from feeds.dialect import Shape
from feeds.text_profile import TextProfile, profile

MIN_BYTES = 128 << 10
"""Below it many files at once are cheaper than one statement each."""
_MAX_LINE_BYTES = 1 << 20
_MAX_REJECTED = 5000


def read_clean(
    con: duckdb.DuckDBPyConnection,
    shape: Shape,
    number: int,
    path: Path,
    header: Sequence[str],
    delimiter: str,
    scratch: Path,
) -> bool:
    """Add the rows of a file to the shape's table and its bad lines to ``rejects``; ``False`` when it is not
    clean enough, and then nothing was added.
    """
    if shape.wide or len(header) < 2:
        return False
    told = profile(path, delimiter)
    unified = scratch / f"unified-{number}.csv"
    try:
        if told.has_carriage_returns:
            _unify(path, unified)
            path, told = unified, profile(unified, delimiter)
        if not is_clean(told):
            return False
        return _read(con, shape, number, path, header, delimiter, told)
    finally:
        unified.unlink(missing_ok=True)


def is_clean(told: TextProfile) -> bool:
    """Whether a file may be read by ``csv_scan``: each line one record, as far as its bytes tell."""
    return told.is_plain and told.longest_run <= _MAX_LINE_BYTES and not told.first_line.count(b'"') & 1


def csv_scan(path: str, delimiter: str, n_columns: int) -> str:
    """The scan of a clean file as SQL (``path`` and ``delimiter`` too): columns c0, c1 and so on, all text;
    what does not fit is kept in ``reject_errors``.
    """
    types = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(n_columns))
    return f"""read_csv(
        {path}, auto_detect = false, header = false, skip = 1, columns = {{{types}}}, delim = {delimiter},
        quote = '"', escape = '"', new_line = '\\n', store_rejects = true, rejects_limit = 0,
        strict_mode = true, null_padding = false, max_line_size = {2 * _MAX_LINE_BYTES}
    )"""


def _unify(path: Path, unified: Path) -> None:
    """A copy whose lines end with line feeds only."""
    carry = b""
    with path.open("rb") as source, unified.open("wb") as out:
        while chunk := source.read(4 << 20):
            chunk = carry + chunk
            carry = b"\r" if chunk.endswith(b"\r") else b""
            chunk = chunk.removesuffix(b"\r")
            out.write(chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        if carry:
            out.write(b"\n")


def _read(
    con: duckdb.DuckDBPyConnection,
    shape: Shape,
    number: int,
    path: Path,
    header: Sequence[str],
    delimiter: str,
    told: TextProfile,
) -> bool:
    table = quoted(shape.name)
    at = {name: f"c{i}" for i, name in enumerate(header)}
    named = ", ".join(at.get(c, "null") for c in shape.columns)
    con.execute("begin")
    try:
        row = con.execute(
            f"""
            insert into {table}
            select {number}, row_number() over () + 1, {named}
            from {csv_scan("?", "?", len(header))}
            """,
            [str(path), delimiter],
        ).fetchone()
        n_rows = int(row[0]) if row else 0
        n_rejected = len(rejected_lines(con))
        clean = n_rows + n_rejected == told.n_lines - 1 and n_rejected <= _MAX_REJECTED
        if clean and n_rejected:
            _number_around_rejects(con, table, number)
            keep_rejects(con, number)
        con.execute("commit" if clean else "rollback")
    except duckdb.Error:
        con.execute("rollback")
        clean = False
    con.execute("drop table if exists reject_errors; drop table if exists reject_scans")
    return clean


def rejected_lines(con: duckdb.DuckDBPyConnection) -> list[int]:
    """Lines that the last scan could not read, in order."""
    lines = con.execute("select distinct line from reject_errors order by line").fetchall()
    return [int(line) for (line,) in lines]


def _number_around_rejects(con: duckdb.DuckDBPyConnection, table: str, number: int) -> None:
    lines = line_around(rejected_lines(con), "_line")
    con.execute(f"update {table} set _line = {lines} where _file_id = {number}")


def line_around(rejected: Sequence[int], place: str) -> str:
    """The line of a row as SQL, where ``place`` counts the rejected lines out: after *k* of them it stands
    *k* lines later than its place says.
    """
    # The place (rejected lines left out) from which on a row lies behind the k-th rejected line.
    return f"{place} + {_shift([line - k for k, line in enumerate(rejected)], 0, place)}"


def _shift(first: Sequence[int], n_before: int, place: str) -> str:
    """How many of the rejected lines lie before a row, as a search tree in SQL: neighbours share a branch."""
    if not first:
        return str(n_before)
    middle = len(first) // 2
    below = _shift(first[:middle], n_before, place)
    above = _shift(first[middle + 1 :], n_before + middle + 1, place)
    return f"case when {place} < {first[middle]} then {below} else {above} end"


def keep_rejects(con: duckdb.DuckDBPyConnection, number: int) -> None:
    """Move what the scan of a file could not read to ``rejects``, one row a line."""
    con.execute(
        f"""
        insert into rejects
        select
            {number}, line, {reject_rule("error_type", "column_idx")},
            arg_min(error_message, coalesce(column_idx, 0)), any_value(csv_line)
        from reject_errors group by line
        """
    )


def reject_rule(error_type: str, column: str) -> str:
    """The rule's name for the first error of a line that DuckDB could not read, as SQL over its errors."""
    first = f"arg_min({error_type}::varchar, coalesce({column}, 0))"
    return f"'csv_' || lower(replace({first}, {literal(' ')}, '_'))"
