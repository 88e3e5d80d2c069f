"""The quarantine folder: one Parquet file a load with the rows refused and why, values masked, and releases.

``<feed>/<load>.parquet`` is never changed. ``<feed>/released/<load>.parquet`` says which of those rows a
replay took out, to what end, when and for whom. A row is open until a finished replay released it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

_OPEN_SCHEMA = pa.schema(
    [
        ("load_number", pa.int64()),
        ("file_id", pa.string()),
        ("file_name", pa.string()),
        ("line", pa.int64()),
        ("rule", pa.string()),
    ]
)


def quarantine_path(folder: Path, feed: str, number: int) -> Path:
    """Where the rejected rows of a load stand; ``folder`` is the shop's."""
    return folder / "quarantine" / feed / f"{number}.parquet"


def release_path(folder: Path, feed: str, number: int) -> Path:
    """Where a replay says which rows it released."""
    return folder / "quarantine" / feed / "released" / f"{number}.parquet"


def write_quarantine(
    con: duckdb.DuckDBPyConnection, folder: Path, feed: str, number: int, n_rows: int
) -> None:
    """Write table ``quarantined`` with file names; nothing is written for a load without bad rows."""
    if not n_rows:
        return
    rows = con.sql(
        f"select '{feed}' as feed, {number}::bigint as load_number, f.sha256 as file_id, f.file_name, "
        "q._line as line, q.field, q.rule, q.message, q.value, q.masked_row "
        "from quarantined q left join files f using (_file_id) order by q._file_id, q._line, q.rule"
    )
    _write_durably(rows, quarantine_path(folder, feed, number))


def write_releases(
    con: duckdb.DuckDBPyConnection, folder: Path, feed: str, number: int, *, by: str, at: datetime
) -> None:
    """Write table ``outcomes`` (_file_id, _line, outcome) with the rows of ``open_rows`` that it closes."""
    con.execute("set variable released_by = ?", [by])
    con.execute("set variable released_at = ?::timestamptz", [at])
    rows = con.sql(
        f"select '{feed}' as feed, {number}::bigint as load_number, r.load_number as from_load, r.file_id, "
        "r.file_name, r.line, r.rule, o.outcome, getvariable('released_by') as released_by, "
        "getvariable('released_at') as released_at "
        "from outcomes o join files f using (_file_id) "
        "join open_rows r on r.file_id = f.sha256 and r.line = o._line order by all"
    )
    _write_durably(rows, release_path(folder, feed, number))


def open_rows(folder: Path, feed: str, done: Collection[int]) -> pa.Table:
    """Quarantined rows of the finished loads ``done`` that no finished replay released."""
    kept = _existing(quarantine_path(folder, feed, number) for number in sorted(done))
    if not kept:
        return _OPEN_SCHEMA.empty_table()
    gone = _existing(release_path(folder, feed, number) for number in sorted(done))
    released = " anti join read_parquet($gone) g on g.file_id = q.file_id and g.line = q.line" if gone else ""
    with duckdb.connect() as con:
        return con.execute(
            "select load_number, file_id, file_name, line, rule from read_parquet($kept) q"
            f"{released} where line is not null order by all",
            {"kept": kept, **({"gone": gone} if gone else {})},
        ).to_arrow_table()


def discard_quarantine(folder: Path, feed: str, number: int) -> None:
    """Remove what a load that never committed had set aside or released; its rows are judged again."""
    for path in (quarantine_path(folder, feed, number), release_path(folder, feed, number)):
        path.unlink(missing_ok=True)
        # The caller holds the feed's lock, so whoever was writing these is dead.
        for half_written in path.parent.glob(".tmp-*"):
            half_written.unlink(missing_ok=True)


def _existing(paths: Iterable[Path]) -> list[str]:
    return [str(path) for path in paths if path.exists()]


def _write_durably(rows: duckdb.DuckDBPyRelation, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Without the ending by which readers find what is finished.
    temporary = target.with_name(f".tmp-{os.getpid()}-{target.stem}")
    rows.write_parquet(str(temporary), compression="zstd")
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(temporary, target)
