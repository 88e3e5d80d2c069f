"""Reading the quarantine folder: what was set aside, grouped so that a person can act on it."""

from __future__ import annotations

import duckdb

from orchestration.workspace import Workspace


def quarantined(workspace: Workspace, feed: str | None = None) -> list[tuple[object, ...]]:
    """Feed, load, rule, field, file, rows, released rows, first line and message of each group."""
    folder = workspace.folder / "quarantine"
    files = sorted(str(p) for p in folder.glob(f"{feed or '*'}/*.parquet"))
    if not files:
        return []
    released = sorted(str(p) for p in folder.glob(f"{feed or '*'}/released/*.parquet"))
    gone = (
        "read_parquet($released)" if released else "(select 0 as feed, 0 as file_id, 0 as line where false)"
    )
    with duckdb.connect() as connection:
        return connection.execute(
            f"""
            select q.feed, q.load_number, q.rule, q.field, q.file_name,
                count(*), count(g.line), min(q.line), any_value(q.message)
            from read_parquet($files) q
            left join (select distinct feed::varchar as feed, file_id::varchar as file_id, line from {gone}) g
                on g.feed = q.feed and g.file_id = q.file_id and g.line = q.line
            group by all
            order by count(*) desc, q.feed, q.load_number, q.rule, q.field, q.file_name
            """,
            {"files": files, **({"released": released} if released else {})},
        ).fetchall()
