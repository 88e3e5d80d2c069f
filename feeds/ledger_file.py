"""The ledger's file: its tables, and one transaction on it. What is kept in them is ``ledger``'s concern."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
create table if not exists cursors (
    source text not null, resource text not null, cursor text, pulls integer not null,
    pulled_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), primary key (source, resource)
) without rowid;
create table if not exists details (
    feed text not null, number integer not null, contract text, drift text not null, volume text not null,
    primary key (feed, number)
) without rowid;
create table if not exists days (
    feed text not null, number integer not null, day text not null, accepted integer not null,
    primary key (feed, number, day)
) without rowid;
create table if not exists refusals (
    feed text not null, reason text not null,
    refused_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), primary key (feed, reason)
) without rowid;
create table if not exists unreadable (
    source text not null, sha256 text not null, primary key (source, sha256)
) without rowid;
create table if not exists pull_feeds (
    source text not null, resource text not null, feed text not null, primary key (source, resource, feed)
) without rowid;
create index if not exists consumed_by_load on consumed (feed, load_number);
create index if not exists sightings_by_content on sightings (source, sha256);
"""

_VERSION = 7


class LedgerFile:
    """A SQLite file with the ledger's tables; an older one gets what it lacks."""

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
            if db.execute("pragma user_version").fetchone()[0] < _VERSION:
                # Every statement creates only what an older ledger lacks.
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"pragma user_version = {_VERSION}")

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
