"""Reading the quarantine folder: what was set aside, grouped so that a person can act on it."""

from __future__ import annotations

import duckdb

from orchestration.workspace import Workspace


def quarantined(workspace: Workspace, feed: str | None = None) -> list[tuple[object, ...]]:
    """Feed, load, rule, field, file, rows, first line and message of each group, most rows first."""
    files = sorted(str(p) for p in (workspace.folder / "quarantine").glob(f"{feed or '*'}/*.parquet"))
    if not files:
        return []
    with duckdb.connect() as connection:
        return connection.execute(
            "select feed, load_number, rule, field, file_name, count(*), min(line), any_value(message) "
            "from read_parquet($files) group by all "
            "order by count(*) desc, feed, load_number, rule, field, file_name",
            {"files": files},
        ).fetchall()
