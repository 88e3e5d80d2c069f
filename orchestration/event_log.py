"""Dagster's SQLite event log, storing a batch of events in one transaction.

A history run materialises hundreds of day partitions of a feed at once. Dagster's SQLite storage opens
three connections for each of those events (27 ms an event on two busy cores: three minutes for the demo
shop); here a batch shares one connection to each file. Named in ``dagster.yaml`` by ``instance.py``;
nothing else belongs here. Postgres storage replaces it on a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import RLock, local
from typing import Any

from dagster import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage  # the class dagster.yaml names by default
from dagster._serdes import ConfigurableClassData


class BatchingSqliteEventLogStorage(SqliteEventLogStorage):
    """The default event log of Dagster, with ``store_event_batch`` in one transaction a file."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._batch = local()
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
            with super()._connect(shard) as connection:
                yield connection
            return
        if shard not in shared:
            shared[shard] = self._batch.stack.enter_context(super()._connect(shard))
        yield shared[shard]

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the events in order; either all of them are in a file or none."""
        with ExitStack() as stack:
            self._batch.stack, self._batch.connections = stack, {}
            try:
                for event in events:
                    self.store_event(event)
            finally:
                self._batch.connections = None
