"""The ledger: which files arrived, which load took which file for which feed, and the counts of each load.

SQLite in WAL mode beside the lake. It never holds more than the lake and the landing folder can tell again: a
load counts when its Delta commit exists, and ``catch_up`` brings the ledger to that state.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from feeds.lake import Lake
from feeds.ledger_rows import COMMIT_KEY, COUNTS, LandedFile, Load, Sighting
from feeds.locks import exclusive

_SCHEMA = """
create table if not exists landed (
    source text not null, sha256 text not null, name text not null, size integer not null, feed_date text,
    path text not null, format text not null, primary key (source, sha256)
) without rowid;
create table if not exists sightings (
    source text not null, name text not null, size integer not null, mtime_ns integer not null,
    sha256 text not null, primary key (source, name)
) without rowid;
create table if not exists loads (
    feed text not null, number integer not null,
    state text not null check (state in ('running', 'done', 'rejected')),
    files integer not null, source_rows integer, rows_read integer, accepted integer, deduplicated integer,
    quarantined integer, filtered integer, seconds real, delta_version integer, by_rule text,
    started_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), finished_at text,
    primary key (feed, number)
) without rowid;
create table if not exists consumed (
    feed text not null, source text not null, sha256 text not null, load_number integer not null,
    primary key (feed, source, sha256)
) without rowid;
create index if not exists consumed_by_load on consumed (feed, load_number);
"""


class Ledger:
    """The ledger of one shop; safe to share between threads and processes (each call is one transaction)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # Turning WAL on does not wait for another process that does the same: one at a time opens it.
        with exclusive(path.parent / "locks" / "ledger.lock"):
            db = sqlite3.connect(path, timeout=60)
            db.execute("pragma journal_mode = wal")
            db.close()
            self._create_tables()

    def _create_tables(self) -> None:
        with self._transaction() as db:
            if db.execute("pragma user_version").fetchone()[0] == 0:
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute("pragma user_version = 1")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=60, isolation_level=None)
        try:
            db.execute("pragma synchronous = full")
            # Taken at once: a reader that later turns writer could fail or overwrite what it had not seen.
            db.execute("begin immediate")
            yield db
            db.execute("commit")
        finally:
            db.close()

    def sightings(self, source: str) -> dict[str, tuple[int, int, str]]:
        """Size, time of change and hash of each file of a source as last seen."""
        with self._transaction() as db:
            rows = db.execute("select name, size, mtime_ns, sha256 from sightings where source = ?", [source])
            return {name: (size, mtime_ns, sha256) for name, size, mtime_ns, sha256 in rows}

    def record_landed(self, landed: Sequence[LandedFile], sightings: Sequence[Sighting]) -> list[LandedFile]:
        """Write files and sightings in one transaction; gives the files of new content."""
        with self._transaction() as db:
            new = [file for file in landed if _insert_landed(db, file)]
            db.executemany(
                "insert or replace into sightings values (?, ?, ?, ?, ?)",
                [(s.source, s.name, s.size, s.mtime_ns, s.sha256) for s in sightings],
            )
        return new

    def pending(
        self, feed: str, sources: Sequence[str], first_day: date | None = None, last_day: date | None = None
    ) -> list[LandedFile]:
        """Landed files not yet consumed for a feed, oldest day first, then by name.

        Files whose name says no day always count; a file that was replaced before it was consumed does not.
        """
        with self._transaction() as db:
            rows = db.execute(
                f"""
                select source, sha256, name, size, feed_date, path, format from landed
                where source in ({", ".join("?" * len(sources))})
                    and exists (
                        select 1 from sightings s where s.source = landed.source and s.sha256 = landed.sha256
                    )
                    and not exists (
                        select 1 from consumed c
                        where c.feed = ? and c.source = landed.source and c.sha256 = landed.sha256
                    )
                    and (feed_date is null or feed_date between ? and ?)
                order by feed_date, name, source, sha256
                """,
                [*sources, feed, str(first_day or date.min), str(last_day or date.max)],
            ).fetchall()
        return [
            LandedFile(source, sha256, name, size, date.fromisoformat(day) if day else None, path, form)
            for source, sha256, name, size, day, path, form in rows
        ]

    def begin(self, feed: str, files: Sequence[LandedFile], at_least: int) -> int:
        """Number of a new load that takes these files; above every earlier one and not below ``at_least``."""
        with self._transaction() as db:
            highest = db.execute(
                "select coalesce(max(number), 0) from loads where feed = ?", [feed]
            ).fetchone()[0]
            number = max(highest + 1, at_least)
            db.execute(
                "insert into loads (feed, number, state, files) values (?, ?, 'running', ?)",
                [feed, number, len(files)],
            )
            db.executemany(
                "insert into consumed values (?, ?, ?, ?)",
                [(feed, f.source, f.sha256, number) for f in files],
            )
        return number

    def finish(self, feed: str, number: int, state: str, told: Mapping[str, object]) -> None:
        """Close a load as ``done`` or ``rejected``; the files of a rejected one are free again."""
        with self._transaction() as db:
            _finish(db, feed, number, state, told)
            if state == "rejected":
                db.execute("delete from consumed where feed = ? and load_number = ?", [feed, number])

    def forget(self, feed: str, number: int) -> None:
        """Drop a load that committed nothing; its files are free again."""
        with self._transaction() as db:
            db.execute("delete from consumed where feed = ? and load_number = ?", [feed, number])
            db.execute("delete from loads where feed = ? and number = ?", [feed, number])

    def loads(self, feed: str | None = None) -> list[Load]:
        """All loads (of a feed), by feed and number."""
        with self._transaction() as db:
            db.row_factory = sqlite3.Row
            rows = db.execute(
                "select * from loads where ? is null or feed = ? order by feed, number", [feed, feed]
            ).fetchall()
        return [Load(**{**dict(row), "by_rule": json.loads(row["by_rule"] or "{}")}) for row in rows]

    def catch_up(self, lake: Lake, feed: str) -> list[int]:
        """Bring the loads of a feed to what its Delta table says; gives the numbers that were forgotten.

        Call it only while no load of the feed runs. A load that committed is completed from its commit
        metadata, one that did not is forgotten, one the ledger never knew (it was lost) is written again.
        """
        known = {load.number: load.state for load in self.loads(feed)}
        committed = lake.last_load_number("raw", feed)
        forgotten = [number for number, state in known.items() if state == "running" and number > committed]
        for number in forgotten:
            self.forget(feed, number)
        behind = any(state == "running" and number <= committed for number, state in known.items())
        if behind or committed > max((n for n, state in known.items() if state == "done"), default=0):
            for commit in lake.history("raw", feed):
                if COMMIT_KEY in commit.metadata:
                    told = json.loads(commit.metadata[COMMIT_KEY])
                    if known.get(told["number"]) != "done":
                        self._restore(feed, {**told, "delta_version": commit.version})
        return forgotten

    def _restore(self, feed: str, told: Mapping[str, object]) -> None:
        files: list[dict[str, object]] = told["files"]  # type: ignore[assignment]
        with self._transaction() as db:
            db.execute(
                "insert or ignore into loads (feed, number, state, files) values (?, ?, 'running', ?)",
                [feed, told["number"], len(files)],
            )
            for file in files:
                db.execute(
                    "insert or ignore into landed "
                    "values (:source, :sha256, :name, :size, :feed_date, :path, :format)",
                    file,
                )
                db.execute(
                    "insert or replace into consumed values (?, ?, ?, ?)",
                    [feed, file["source"], file["sha256"], told["number"]],
                )
            _finish(db, feed, int(told["number"]), "done", told)  # type: ignore[call-overload]


def _insert_landed(db: sqlite3.Connection, file: LandedFile) -> bool:
    day = str(file.feed_date) if file.feed_date else None
    row = (file.source, file.sha256, file.name, file.size, day, file.path, file.format)
    return db.execute("insert or ignore into landed values (?, ?, ?, ?, ?, ?, ?)", row).rowcount == 1


def _finish(db: sqlite3.Connection, feed: str, number: int, state: str, told: Mapping[str, object]) -> None:
    db.execute(
        f"""
        update loads set
            state = ?, {", ".join(f"{count} = ?" for count in COUNTS)},
            seconds = ?, delta_version = ?, by_rule = ?, finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        where feed = ? and number = ?
        """,
        [
            state,
            *(told.get(count) for count in COUNTS),
            told.get("seconds"),
            told.get("delta_version"),
            json.dumps(told.get("by_rule", {}), sort_keys=True),
            feed,
            number,
        ],
    )
