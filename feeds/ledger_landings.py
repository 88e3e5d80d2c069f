"""What the ledger keeps of landing: files by content, where each was seen, and how far pulls have read."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from feeds.ledger_file import LedgerFile
from feeds.ledger_rows import LandedFile, Sighting


class LandingLedger(LedgerFile):
    """The part of the ledger that landing reads and writes."""

    def sightings(self, source: str) -> dict[str, tuple[int, int, str]]:
        """Size, time of change and hash of each file of a source as last seen."""
        with self._transaction() as db:
            rows = db.execute("select name, size, mtime_ns, sha256 from sightings where source = ?", [source])
            return {name: (size, mtime_ns, sha256) for name, size, mtime_ns, sha256 in rows}

    def cursor(self, source: str, resource: str) -> str | None:
        """Where the last pull of a resource of a source ended; ``None`` before the first."""
        with self._transaction() as db:
            row = db.execute(
                "select cursor from cursors where source = ? and resource = ?", [source, resource]
            ).fetchone()
        return row[0] if row else None

    def count_pulls(self, source: str, resource: str) -> int:
        """How often a resource has been pulled."""
        with self._transaction() as db:
            row = db.execute(
                "select pulls from cursors where source = ? and resource = ?", [source, resource]
            ).fetchone()
        return row[0] if row else 0

    def takes_part(self, source: str, resource: str, feed: str, within_seconds: float) -> bool:
        """Whether a feed has its records by another feed's pull, no older than that, in which it had no part.

        It has its part in that pull from now on, so it is not told so twice.
        """
        with self._transaction() as db:
            recent = db.execute(
                "select 1 from cursors where source = ? and resource = ? "
                "and julianday('now') - julianday(pulled_at) between 0 and ? / 86400.0",
                [source, resource, within_seconds],
            ).fetchone()
            if not recent:
                return False
            row = (source, resource, feed)
            return db.execute("insert or ignore into pull_feeds values (?, ?, ?)", row).rowcount == 1

    def note_puller(self, source: str, resource: str, feed: str) -> None:
        """Keep for which feed a resource was pulled last; no other has a part in that pull yet."""
        with self._transaction() as db:
            db.execute("delete from pull_feeds where source = ? and resource = ?", [source, resource])
            db.execute("insert into pull_feeds values (?, ?, ?)", [source, resource, feed])

    def record_landed(
        self,
        landed: Sequence[LandedFile],
        sightings: Sequence[Sighting],
        *,
        cursor: tuple[str, str, str | None] | None = None,
    ) -> list[LandedFile]:
        """Write files, sightings and the (source, resource, cursor) of a pull in one transaction.

        Gives the files of new content.
        """
        with self._transaction() as db:
            new = [file for file in landed if _insert_landed(db, file)]
            db.executemany(
                "insert or replace into sightings values (?, ?, ?, ?, ?)",
                [(s.source, s.name, s.size, s.mtime_ns, s.sha256) for s in sightings],
            )
            if cursor:
                db.execute(
                    "insert into cursors (source, resource, cursor, pulls) values (?, ?, ?, 1) "
                    "on conflict do update set cursor = excluded.cursor, pulls = pulls + 1, "
                    "pulled_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
                    cursor,
                )
        return new

    def note_unreadable(self, files: Sequence[LandedFile]) -> None:
        """Keep that files could not be read: they are due no longer once their sender removes them."""
        with self._transaction() as db:
            db.executemany(
                "insert or ignore into unreadable values (?, ?)", [(f.source, f.sha256) for f in files]
            )

    def drop_withdrawn(self, source: str, found: Collection[str]) -> int:
        """Forget where unreadable files were seen that the source no longer has; gives how many there were.

        ``found`` are the names that it has; a member of an archive has the archive's name before its own.
        """
        with self._transaction() as db:
            names = db.execute(
                # Crossed in this order: few files are unreadable, and sightings are the whole history's.
                "select s.name from unreadable u cross join sightings s using (source, sha256) "
                "where u.source = ? "
                "and not exists (select 1 from consumed c where c.source = s.source and c.sha256 = s.sha256)",
                [source],
            ).fetchall()
            gone = [(source, name) for (name,) in names if not any(map(name.startswith, found))]
            db.executemany("delete from sightings where source = ? and name = ?", gone)
        return len(gone)


def _insert_landed(db: sqlite3.Connection, file: LandedFile) -> bool:
    day = str(file.feed_date) if file.feed_date else None
    row = (file.source, file.sha256, file.name, file.size, day, file.path, file.format)
    return db.execute("insert or ignore into landed values (?, ?, ?, ?, ?, ?, ?)", row).rowcount == 1
