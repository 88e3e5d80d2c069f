"""The ledger: which files arrived, which load took which file for which feed, and the counts of each load.

SQLite in WAL mode beside the lake. It never holds more than the lake and the landing folder can tell again: a
load counts when its Delta commit exists, and ``catch_up`` brings the ledger to that state.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date

from feeds.lake import Lake
from feeds.ledger_landings import LandingLedger
from feeds.ledger_rows import COMMIT_KEY, COUNTS, LandedFile, Load


class Ledger(LandingLedger):
    """The ledger of one shop; safe to share between threads and processes (each call is one transaction)."""

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
        return [_landed_file(row) for row in rows]

    def taken(self, source: str) -> dict[str, set[str]]:
        """Feeds whose finished loads took each landed file of a source, by the file's content address."""
        with self._transaction() as db:
            rows = db.execute(
                "select sha256, feed from consumed c where source = ? and exists (select 1 from loads l "
                "where l.feed = c.feed and l.number = c.load_number and l.state = 'done')",
                [source],
            ).fetchall()
        feeds: dict[str, set[str]] = {}
        for address, feed in rows:
            feeds.setdefault(address, set()).add(feed)
        return feeds

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

    def note_refused(self, feed: str, reasons: Sequence[str]) -> None:
        """Keep why files of a feed are refused as of now; what is no longer refused is dropped."""
        with self._transaction() as db:
            known = {reason for (reason,) in db.execute("select reason from refusals where feed = ?", [feed])}
            gone = [(feed, reason) for reason in known - set(reasons)]
            db.executemany("delete from refusals where feed = ? and reason = ?", gone)
            new = [(feed, reason) for reason in dict.fromkeys(reasons) if reason not in known]
            db.executemany("insert into refusals (feed, reason) values (?, ?)", new)

    def refusals(self, feed: str) -> list[str]:
        """Why files of a feed are refused, as of the last ingestion."""
        with self._transaction() as db:
            rows = db.execute(
                "select reason from refusals where feed = ? order by refused_at, reason", [feed]
            )
            return [reason for (reason,) in rows.fetchall()]

    def release(self, feed: str, number: int, files: Sequence[LandedFile]) -> None:
        """Take files out of a load that could not read them; they are due again."""
        with self._transaction() as db:
            db.executemany(
                "delete from consumed where feed = ? and load_number = ? and source = ? and sha256 = ?",
                [(feed, number, f.source, f.sha256) for f in files],
            )
            db.execute(
                "update loads set files = files - ? where feed = ? and number = ?", [len(files), feed, number]
            )

    def forget(self, feed: str, number: int) -> None:
        """Drop a load that committed nothing; its files are free again."""
        with self._transaction() as db:
            db.execute("delete from consumed where feed = ? and load_number = ?", [feed, number])
            for table in ("loads", "details", "days"):
                db.execute(f"delete from {table} where feed = ? and number = ?", [feed, number])

    def loads(self, feed: str | None = None) -> list[Load]:
        """All loads (of a feed), by feed and number."""
        with self._transaction() as db:
            db.row_factory = sqlite3.Row
            rows = db.execute(
                "select l.*, contract, drift, volume from loads l left join details d using (feed, number) "
                "where ? is null or feed = ? order by feed, number",
                [feed, feed],
            ).fetchall()
        return [_load(row) for row in rows]

    def done_loads(self, feed: str) -> set[int]:
        """Numbers of the finished loads of a feed."""
        with self._transaction() as db:
            rows = db.execute("select number from loads where feed = ? and state = 'done'", [feed])
            return {number for (number,) in rows}

    def landed(self) -> list[LandedFile]:
        """Every landed file, by source and name."""
        with self._transaction() as db:
            rows = db.execute(
                "select source, sha256, name, size, feed_date, path, format from landed order by source, name"
            ).fetchall()
        return [_landed_file(row) for row in rows]

    def rows_by_day(self, feed: str) -> dict[date, int]:
        """Accepted rows of each day over all finished loads."""
        with self._transaction() as db:
            rows = db.execute(
                "select day, sum(d.accepted) from days d join loads l using (feed, number) "
                "where feed = ? and state = 'done' group by day order by day",
                [feed],
            ).fetchall()
        return {date.fromisoformat(day): accepted for day, accepted in rows}

    def drift_events(self, feed: str | None = None) -> list[tuple[str, int, str, str]]:
        """Feed, load number, time and text of each difference in shape that a load met, oldest first."""
        return [
            (load.feed, load.number, load.finished_at or load.started_at, event)
            for load in self.loads(feed)
            for event in load.drift
        ]

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


def _landed_file(row: tuple[str, str, str, int, str | None, str, str]) -> LandedFile:
    source, sha256, name, size, day, path, form = row
    return LandedFile(source, sha256, name, size, date.fromisoformat(day) if day else None, path, form)


def _load(row: sqlite3.Row) -> Load:
    told = dict(row)
    told["by_rule"] = json.loads(told["by_rule"] or "{}")
    for name in ("drift", "volume"):
        told[name] = tuple(json.loads(told[name] or "[]"))
    return Load(**told)


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
    drift, volume = (json.dumps(list(told.get(name) or ())) for name in ("drift", "volume"))  # type: ignore[call-overload]
    db.execute(
        "insert or replace into details values (?, ?, ?, ?, ?)",
        [feed, number, told.get("contract"), drift, volume],
    )
    days: Mapping[object, int] = told.get("by_day") or {}  # type: ignore[assignment]
    db.executemany(
        "insert or replace into days values (?, ?, ?, ?)",
        [(feed, number, str(day), accepted) for day, accepted in days.items()],
    )
