"""The quarantine folder: one Parquet file a load with the rows refused and why, values masked."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb


def quarantine_path(folder: Path, feed: str, number: int) -> Path:
    """Where the rejected rows of a load stand; ``folder`` is the shop's."""
    return folder / "quarantine" / feed / f"{number}.parquet"


def write_quarantine(
    con: duckdb.DuckDBPyConnection, folder: Path, feed: str, number: int, n_rows: int
) -> None:
    """Write table ``quarantined`` with file names; nothing is written for a load without bad rows."""
    if not n_rows:
        return
    target = quarantine_path(folder, feed, number)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    rows = con.sql(
        f"select '{feed}' as feed, {number}::bigint as load_number, f.sha256 as file_id, f.file_name, "
        "q._line as line, q.field, q.rule, q.message, q.value, q.masked_row "
        "from quarantined q left join files f using (_file_id) order by q._file_id, q._line, q.rule"
    )
    rows.write_parquet(str(temporary), compression="zstd")
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(temporary, target)


def discard_quarantine(folder: Path, feed: str, number: int) -> None:
    """Remove what a load that never committed had set aside; its files are judged again."""
    quarantine_path(folder, feed, number).unlink(missing_ok=True)
