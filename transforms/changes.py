"""What a launch must rebuild: the days that new rows of the feeds touch, and the rows those days are made of.

Found with DuckDB before Spark is asked, because it is a question of a day's rows. What sessions, pairs and
interactions are is not said here: the jobs compute them from the rows kept below as from a whole history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from data_quality.contract import load_contract
from transforms.tables import Files

FEEDS = ("events", "order_lines")
_CLOCK = {"events": "occurred_at", "order_lines": "ordered_at"}

# A new action joins or bridges old sessions, and each of these is within a pause of it.
_TOUCHED = """
create temp table known as
select session_id, visitor_id, started_at, ended_at, null::varchar as bot_reason from sessions
union all select session_id, visitor_id, started_at, ended_at, bot_reason from bot_sessions;
create temp table touched as
select * from known where exists (
    select 1 from new_events where new_events.visitor_id = known.visitor_id
        and occurred_at >= started_at - $pause * interval 1 minute
        and occurred_at <= ended_at + $pause * interval 1 minute
);
create temp table moments as
select distinct time_bucket(interval 15 minutes, occurred_at) as instant from new_events
union select time_bucket(interval 15 minutes, ordered_at) from order_lines
where line_kind = 'product' and order_id in (select order_id from new_order_lines)
union select started_at from touched
union select unnest(generate_series(started_at, ended_at, interval 1 day)) from touched where {may_turn}
union select ended_at from touched where {may_turn};
create temp table days as select distinct instant::date as day from moments
"""
# A visit set aside as endless or too long stays so: only its own row changes. Any other may gain or lose all
# of its actions, on every day it lasts.
_MAY_TURN = "coalesce(bot_reason, 'too_fast') = 'too_fast'"
_WANTED = """
create temp table wanted as
select session_id, visitor_id, started_at, ended_at from touched
union select session_id, visitor_id, started_at, ended_at from known
where exists (
    select 1 from days where case when bot_reason is null
        then day between started_at::date and ended_at::date else day = started_at::date end
)
"""
# An action belongs to a session if the session's identifier says so: other sessions of the visitor, which the
# source tells apart, may lie in the same minutes.
_EVENTS = """
create temp table kept as
select {columns} from old_events as e
where occurred_at between (select min(started_at) from wanted) and (select max(ended_at) from wanted)
    and exists (
        select 1 from wanted where wanted.visitor_id = e.visitor_id
            and e.occurred_at between wanted.started_at and wanted.ended_at
            and wanted.session_id = sha256(concat_ws(
                '|', e.visitor_id, e.source_session_id, epoch_us(wanted.started_at)::varchar))
    )
union all select {columns} from new_events
"""
_LINES = """
create or replace temp table kept as
with asked as (
    select order_id from order_lines
    where line_kind = 'product' and ordered_at::date in (select day from days)
    union select order_id from new_order_lines
)
select {columns} from order_lines where order_id in (select order_id from asked)
"""


@dataclass(frozen=True)
class Since:
    """What the tables held when last written: loads by feed, the end of their last day, and their files."""

    loads: Mapping[str, int]
    as_of_end: datetime
    tables: Mapping[str, Files]


@dataclass(frozen=True)
class Changes:
    """The UTC days to rebuild, the business days touched, how many days there are, and files of the rows."""

    days: tuple[date, ...]
    business_days: tuple[date, ...]
    n_days: int
    inputs: Mapping[str, Files]


def find_changes(
    inputs: Mapping[str, Files],
    since: Since,
    as_of_end: datetime,
    pause_minutes: float,
    columns: Mapping[str, Sequence[str]],
    folder: Path,
) -> Changes:
    """What is new since the tables were written; the rows its days are made of become files in ``folder``.

    Business days are those of ``as_of_end``'s zone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for feed in FEEDS:
            _feed(connection, feed, inputs.get(feed, Files()), since, as_of_end)
        for name in ("sessions", "bot_sessions"):
            _view(connection, name, since.tables[name].paths, "core")
        _run(connection, _TOUCHED.format(may_turn=_MAY_TURN), {"pause": pause_minutes})
        _run(connection, _WANTED)
        found = {}
        for feed, rows in (("events", _EVENTS), ("order_lines", _LINES)):
            if inputs.get(feed, Files()).paths:
                _run(connection, rows.format(columns=", ".join(columns[feed])))
                found[feed] = Files((str(folder / f"{feed}.parquet"),))
                connection.execute(f"copy kept to {_text(found[feed].paths[0])} (format parquet)")
        days = connection.execute("select day from days order by day").fetchall()
        zone = str(as_of_end.tzinfo or "UTC")
        business = connection.execute(
            "select distinct (instant at time zone $zone)::date from moments order by all", {"zone": zone}
        ).fetchall()
        n_days = connection.execute(
            "select count(*) from (select started_at::date from known union select day from days)"
        ).fetchall()[0][0]
    return Changes(tuple(row[0] for row in days), tuple(row[0] for row in business), n_days, found)


def _feed(
    connection: duckdb.DuckDBPyConnection, feed: str, files: Files, since: Since, as_of_end: datetime
) -> None:
    """Views of a feed up to the day's end, and of what of it is old and what is new."""
    _view(connection, f"all_{feed}", files.paths, "feeds", feed)
    at, load = _CLOCK[feed], since.loads.get(feed, 0)
    is_old = f"(_load_number <= {load} and {at} < {_instant(since.as_of_end)})"
    for name, condition in (("", "true"), ("old_", is_old), ("new_", f"not {is_old}")):
        connection.execute(
            f"create temp view {name}{feed} as from all_{feed} "
            f"where {at} < {_instant(as_of_end)} and {condition}"
        )


def _view(
    connection: duckdb.DuckDBPyConnection, view: str, paths: Sequence[str], kind: str, name: str | None = None
) -> None:
    """A view of Parquet files; without any, a table that has the contract's columns and no rows."""
    if paths:
        listed = ", ".join(_text(path) for path in paths)
        connection.execute(
            f"create temp view {view} as "
            f"from read_parquet([{listed}], hive_partitioning = true, union_by_name = true)"
        )
        return
    contract = load_contract(name or view, kind)
    typed = ", ".join(f"{c.name} {c.type}" for c in contract.columns)
    connection.execute(f"create temp table {view} ({typed}, _load_number bigint)")


def _run(
    connection: duckdb.DuckDBPyConnection, script: str, values: Mapping[str, object] | None = None
) -> None:
    for statement in connection.extract_statements(script):
        given = {k: v for k, v in (values or {}).items() if k in statement.named_parameters}
        connection.execute(statement, given)


def _instant(at: datetime) -> str:
    return f"make_timestamptz({round(at.timestamp() * 1_000_000)})"


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"
