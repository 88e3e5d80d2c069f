"""Dagster's SQLite event log, storing a batch in one transaction and an event without opening the files anew.

A history run materialises hundreds of day partitions of a feed at once. Dagster's SQLite storage opens
three connections for each of those events (27 ms an event on two busy cores: three minutes for the demo
shop); here a batch is one transaction and one statement for each file. The processes of a run keep their
connections besides, and do not wait for the disk after each event: what a power cut takes are the last
events of a run that it ended. Named in ``dagster.yaml`` by ``instance.py``; nothing else belongs here.
Postgres storage replaces it on a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import RLock, local
from typing import Any, Final

from dagster import EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.storage.event_log import SqliteEventLogStorage  # the class dagster.yaml names by default
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from orchestration.dagster_storage import is_set_up

BUSY_SECONDS: Final = 30
"""A process waits this long for another one's transaction."""

_MIRRORED = ASSET_EVENTS | ASSET_CHECK_EVENTS | set(EVENT_TYPE_TO_PIPELINE_RUN_STATUS)
"""Kinds of events that stand in the index over all runs as well as in the file of their run."""


_kept_in_this_process = False


def keep_connections() -> None:
    """Let this process, one of a run, keep the files of the log open (a server of many runs must not)."""
    global _kept_in_this_process
    _kept_in_this_process = True


class BatchingSqliteEventLogStorage(SqliteEventLogStorage):
    """The default event log of Dagster, with ``store_event_batch`` in one transaction a file."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._batch = local()
        self._kept = local()
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)
        # A batch holds the connections to two files at once.
        self._db_lock = RLock()  # type: ignore[assignment]  # the base class declares a Lock; used the same way

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> BatchingSqliteEventLogStorage:
        """Built by Dagster from ``dagster.yaml``."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        shared: dict[str, Any] | None = getattr(self._batch, "connections", None)
        if shared is None:
            with self._transaction(shard) as connection:
                yield connection
            return
        if shard not in shared:
            shared[shard] = self._batch.stack.enter_context(self._transaction(shard))
        yield shared[shard]

    @contextmanager
    def _transaction(self, shard: str) -> Iterator[Any]:
        """A transaction on the file, joined where this thread is in one already."""
        if not _kept_in_this_process:
            with super()._connect(shard) as connection:
                yield connection
            return
        with self._db_lock:
            connection = self._opened(shard)
            if connection.in_transaction():
                yield connection
            else:
                with connection.begin():
                    yield connection

    def _opened(self, shard: str) -> Connection:
        """This thread's connection to the file, opened at its first use."""
        opened: dict[str, Connection] = self._kept.__dict__.setdefault("connections", {})
        if shard not in opened:
            if shard not in self._initialized_dbs and is_set_up(Path(self.path_for_shard(shard))):
                self._initialized_dbs.add(shard)  # the base class would read its migrations to find that out
            if shard not in self._initialized_dbs:
                with super()._connect(shard):
                    pass
            engine = create_engine(
                self.conn_string_for_shard(shard), poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS}
            )
            opened[shard] = engine.connect()
            opened[shard].exec_driver_sql("pragma synchronous = normal")
            opened[shard].commit()
        return opened[shard]

    def has_table(self, table_name: str) -> bool:
        """Whether the index has the table; asked for each check, and no table ever goes."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Close what this thread keeps open."""
        for connection in self._kept.__dict__.pop("connections", {}).values():
            connection.close()
        super().dispose()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the events in order; either all of them are in a file or none."""
        with ExitStack() as stack:
            self._batch.stack, self._batch.connections = stack, {}
            try:
                for run_id, of_run in groupby(events, key=lambda event: event.run_id):
                    self._store_batch_of_run(run_id, list(of_run))
            finally:
                self._batch.connections = None

    def _store_batch_of_run(self, run_id: str, events: Sequence[EventLogEntry]) -> None:
        """What ``store_event`` does for each event; one statement for all of them where that is the same."""
        rows = [self._event_to_row(event) for event in events]
        with self.run_connection(run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        numbered = [
            (event, row)
            for event, row in zip(events, rows, strict=True)
            if event.is_dagster_event and event.dagster_event_type in _MIRRORED
        ]
        if not numbered:
            return
        with self.index_transaction() as connection:
            numbers = SqlEventLogStorageTable.insert().returning(
                SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
            )
            ids = list(connection.scalars(numbers, [row for _, row in numbered]))
            of_assets = [
                (event, number)
                for (event, _), number in zip(numbered, ids, strict=True)
                if event.dagster_event_type in ASSET_EVENTS
            ]
            self._store_asset_events(connection, of_assets)
            for (event, _), number in zip(numbered, ids, strict=True):
                if event.dagster_event_type in ASSET_CHECK_EVENTS:
                    self.store_asset_check_event(event, number)

    def _store_asset_events(self, connection: Any, numbered: Sequence[tuple[EventLogEntry, int]]) -> None:
        """Tags of all the events; an asset's row shows the last event of each kind."""
        if not numbered:
            return
        events, ids = zip(*numbered, strict=True)
        self._store_asset_event_tags(connection, events, ids)
        latest = {
            (event.get_dagster_event().asset_key, event.dagster_event_type): (event, i)
            for event, i in numbered
        }
        for event, number in sorted(latest.values(), key=itemgetter(1)):
            self._store_asset_event(connection, event, number)
