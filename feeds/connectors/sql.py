"""SQL sources on dlt's table loader: rows changed since a watermark, and rows that are gone.

One pull reads one table in one read-only transaction, so that what it saw is of one moment. The connection
string stands in the environment only. What the rows mean is the dialect's concern.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from feeds.connectors.dlt_quiet import dlt_module
from feeds.connectors.pull import Page
from feeds.connectors.sql_options import SqlOptions
from feeds.connectors.sql_snapshot import Snapshots
from feeds.report import FeedError
from feeds.shop import Source

_FOR = "A SQL source"


def connect(source: Source, feed: str, folder: Path) -> SqlPull:
    """The pull that the source's options declare; raises ``FeedError`` for an unusable option."""
    options = SqlOptions.of(source, feed)
    snapshots = Snapshots(folder / "pulls" / source.name, options) if options.is_snapshot else None
    return SqlPull(options, snapshots)


class SqlPull:
    """Reads a table. The cursor is the watermark, and after ``|`` the snapshot that deletions are told by.

    The watermark never passes the start of the oldest transaction that may still commit, as far as the
    database lets us see it, nor the start of this pull; the overlap covers clocks and what we may not see.
    """

    def __init__(self, options: SqlOptions, snapshots: Snapshots | None) -> None:
        self._options, self._snapshots = options, snapshots
        self._sa = dlt_module("sqlalchemy", _FOR)
        self._loader = dlt_module("dlt.sources.sql_database.helpers", _FOR).TableLoader

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Rows changed since the watermark (and those without one), then tombstones of rows that are gone."""
        watermark, _, known = (cursor or "").partition("|")
        since = datetime.fromisoformat(watermark) if watermark else None
        with self._transaction() as connection:
            safe = self._safe_watermark(connection)
            table = self._table(connection)
            latest = since
            for rows in self._rows(connection, table, since):
                latest = max(filter(None, [latest, *map(self._moment, rows)]), default=None)
                yield Page([self._record(row) for row in rows], None)
            after = min(latest, max(safe, since or safe)) if latest else None
            if self._snapshots is None:
                yield Page([], after.isoformat(timespec="microseconds") if after else cursor)
                return
            changes, taken = self._snapshots.compare(self._keys(connection, table), known, safe)
        yield Page(changes, f"{after.isoformat(timespec='microseconds') if after else ''}|{taken}")

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        """A connection in one read-only transaction that sees one moment; errors name no credential."""
        options, errors = self._options, self._sa.exc.SQLAlchemyError
        engine = self._engine()
        try:
            with engine.connect() as connection:
                yield connection
        except errors as failed:
            reason = str(getattr(failed, "orig", "") or type(failed).__name__).strip().splitlines()
            told = (reason or ["no reason was given"])[0].replace(options.dsn(), "…")
            raise FeedError(
                f"Source {options.source!r}: table {options.table} could not be read: {told}. Check "
                f"{options.dsn_env}, the rights of its user and the options; nothing was taken."
            ) from None
        finally:
            engine.dispose()

    def _engine(self) -> Any:
        url, arguments = self._options.dsn(), {}
        if url.startswith(("postgres://", "postgresql://")):
            url = "postgresql+psycopg://" + url.split("://", 1)[1]
        if url.startswith("postgresql+psycopg"):
            dlt_module("psycopg", "A Postgres source")
            settings = {
                "default_transaction_read_only": "on",
                "statement_timeout": str(int(self._options.statement_seconds * 1000)),
                "lock_timeout": "10000",
                "timezone": "UTC",
                "application_name": "shopwright",
            }
            told = " ".join(f"-c {name}={value}" for name, value in settings.items())
            arguments = {"options": told, "connect_timeout": 10}
        try:
            return self._sa.create_engine(url, connect_args=arguments, pool_pre_ping=False)
        except (self._sa.exc.ArgumentError, ImportError) as unusable:
            raise FeedError(
                f"{self._options.dsn_env} holds no usable connection string. "
                "It looks like postgresql://user:password@host:5432/database."
            ) from unusable

    def _table(self, connection: Any) -> Any:
        """The table with the columns it has; ``FeedError`` names those that it lacks."""
        options = self._options
        table = self._sa.Table(
            options.table, self._sa.MetaData(), schema=options.schema, autoload_with=connection
        )
        lacking = [name for name in options.columns_used if name not in table.c]
        if lacking:
            raise FeedError(
                f"Source {options.source!r}: table {options.table} has no column {', '.join(lacking)}. "
                f"It has {', '.join(c.name for c in table.c)}."
            )
        return table

    def _safe_watermark(self, connection: Any) -> datetime:
        """Now, or when the oldest transaction began that may still write (Postgres, as far as visible).

        Asked before the rows are read, in a transaction of its own: whatever the later snapshot does not see
        began after this moment.
        """
        if connection.dialect.name != "postgresql":
            return datetime.now(UTC)
        oldest = connection.execute(
            self._sa.text(
                "select least(now(), min(xact_start)) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        ).scalar()
        connection.rollback()
        connection.execution_options(isolation_level="REPEATABLE READ")
        return oldest.astimezone(UTC)

    def _rows(self, connection: Any, table: Any, since: datetime | None) -> Iterator[list[dict[str, Any]]]:
        options, sa = self._options, self._sa

        def adapt(query: Any, table: Any) -> Any:
            if options.columns:
                query = query.with_only_columns(*(table.c[name] for name in options.columns_read))
            if not options.modified:
                return query.order_by(*(table.c[name] for name in options.key))
            moment = sa.func.coalesce(*(table.c[name] for name in options.modified))
            if since is not None:
                bound = self._bound(table, since - timedelta(seconds=options.overlap_seconds))
                query = query.where(sa.or_(moment >= bound, moment.is_(None)))
            return query.order_by(moment, *(table.c[name] for name in options.key))

        loader = self._loader(
            connection.engine, "sqlalchemy", table, {}, options.chunk_rows, query_adapter_callback=adapt
        )
        result = connection.execution_options(yield_per=options.chunk_rows).execute(loader.make_query())
        yield from loader._convert_result(result, {})

    def _bound(self, table: Any, moment: datetime) -> datetime:
        """The watermark as the column tells time: naive columns are in the declared zone."""
        if getattr(table.c[self._options.modified[0]].type, "timezone", False):
            return moment
        return moment.astimezone(self._options.zone).replace(tzinfo=None)

    def _keys(self, connection: Any, table: Any) -> Iterator[dict[str, Any]]:
        """What a snapshot keeps of every row that is there now."""
        kept = [table.c[name] for name in self._options.kept]
        result = connection.execution_options(yield_per=self._options.chunk_rows).execute(
            self._sa.select(*kept)
        )
        for row in result:
            yield self._record(dict(row._mapping))

    def _moment(self, row: Mapping[str, Any]) -> datetime | None:
        for name in self._options.modified:
            value = row[name]
            if isinstance(value, datetime):
                return (value if value.tzinfo else value.replace(tzinfo=self._options.zone)).astimezone(UTC)
            if value is not None:
                raise FeedError(
                    f"Source {self._options.source!r}: the modified column {name} holds "
                    f"{type(value).__name__}, but must be a timestamp."
                )
        return None

    def _record(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row with times in UTC; a column that stands for the version is filled from its fallbacks."""
        record = {name: self._in_utc(value) for name, value in row.items()}
        first, *others = self._options.modified or ("",)
        if first in record and record[first] is None:
            record[first] = next((record[name] for name in others if record.get(name) is not None), None)
        return record

    def _in_utc(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=self._options.zone)).astimezone(UTC)
        return value
