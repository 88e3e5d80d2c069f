"""The lake: Delta tables under one folder, addressed by layer and name.

Says how tables are read, appended to, replaced and adopted; every write is one atomic Delta commit. What the
rows mean is not known here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, Transaction, write_deltalake
from deltalake.schema import Schema
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from feeds.lake_tables import LAYERS, Commit, LakeError, LakeTables

__all__ = ["LAYERS", "Commit", "Lake", "LakeError", "Rows", "StoredFile"]

# Commit metadata is what the ledger is rebuilt from, so the log is kept for ten years, not Delta's thirty
# days.
_CONFIGURATION = {"delta.logRetentionDuration": "interval 3650 days"}

_COMPACTED_BYTES = 128 << 20

Rows: TypeAlias = pa.Table | pa.RecordBatchReader


@dataclass(frozen=True)
class StoredFile:
    """A Parquet file written under a table's folder (``path`` is relative to it), not yet committed."""

    path: str
    size: int
    n_rows: int
    partition: Mapping[str, str]


class Lake(LakeTables):
    """Delta tables of one shop, ``<root>/<layer>/<name>``; layers are raw, core and ml."""

    def append(
        self,
        layer: str,
        name: str,
        data: Rows,
        *,
        partition_by: Sequence[str] = (),
        load_number: int | None = None,
        app_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> int:
        """Add rows in one commit and give its version; a load number the table already has is not written
        again.
        """
        transactions = None
        if load_number is not None:
            if self.last_load_number(layer, name, app_id) >= load_number:
                return self.version(layer, name)
            transactions = [Transaction(app_id or name, load_number)]
        write_deltalake(
            str(self.path(layer, name)),
            data,
            mode="append",
            partition_by=list(partition_by) or None,
            schema_mode="merge",
            configuration=None if self.exists(layer, name) else _CONFIGURATION,
            commit_properties=_properties(metadata, transactions),
        )
        return self.version(layer, name)

    def append_files(
        self,
        layer: str,
        name: str,
        files: Sequence[StoredFile],
        *,
        schema: pa.Schema,
        partition_by: Sequence[str] = (),
        load_number: int,
        metadata: Mapping[str, str] | None = None,
    ) -> int:
        """Make written files part of the table in one commit that carries the load number; gives its version.

        A number that the table already has is not committed again. Columns that the table lacks are added to
        it; one that it has under another type raises ``LakeError``.
        """
        path, properties = (
            str(self.path(layer, name)),
            _properties(metadata, [Transaction(name, load_number)]),
        )
        added = [_add_action(file) for file in files]
        if not self.exists(layer, name):
            create_table_with_add_actions(
                path,
                Schema.from_arrow(schema),
                added,
                mode="error",
                partition_by=list(partition_by) or None,
                configuration=_CONFIGURATION,
                commit_properties=properties,
            )
            return 0
        table = self._table(layer, name)
        if int(table.transaction_version(name) or 0) >= load_number:
            return int(table.version())
        target = _widened(pa.schema(table.schema().to_arrow()), schema, f"{layer}/{name}")
        table.create_write_transaction(
            list[AddAction | RemoveAction](added),
            "append",
            Schema.from_arrow(target),
            partition_by=list(partition_by) or None,
            commit_properties=properties,
        )
        return int(table.version())

    def compact(self, layer: str, name: str, partitions: Mapping[str, str], *, when_files: int) -> bool:
        """Write the small files of one partition as few larger ones, once it has ``when_files`` of them.

        Rows and their order within a file's place stay; says whether anything was done. So the cost of
        looking into a partition does not grow with the number of loads that wrote it.
        """
        filters = [(column, "=", value) for column, value in partitions.items()] or None
        table = self._table(layer, name)
        if len(table.file_uris(partition_filters=filters)) < when_files:
            return False
        table.optimize.compact(partition_filters=filters, target_size=_COMPACTED_BYTES)
        return True

    def replace(
        self,
        layer: str,
        name: str,
        data: Rows,
        *,
        partition_by: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> int:
        """Make ``data`` the whole table in one commit and give its version; readers see the old rows or the
        new.
        """
        write_deltalake(
            str(self.path(layer, name)),
            data,
            mode="overwrite",
            partition_by=list(partition_by) or None,
            schema_mode="overwrite",
            configuration=None if self.exists(layer, name) else _CONFIGURATION,
            commit_properties=_properties(metadata, None),
        )
        return self.version(layer, name)

    def replace_where(
        self, layer: str, name: str, data: Rows, predicate: str, *, metadata: Mapping[str, str] | None = None
    ) -> int:
        """Swap the rows that match an SQL predicate for ``data`` in one commit; rows outside it must not be
        given.
        """
        if not self.exists(layer, name):
            raise LakeError(
                f"There is no table {layer}/{name} to replace rows of; write it once with replace."
            )
        write_deltalake(
            str(self.path(layer, name)),
            data,
            mode="overwrite",
            predicate=predicate,
            commit_properties=_properties(metadata, None),
        )
        return self.version(layer, name)

    def adopt_parquet(
        self,
        layer: str,
        name: str,
        directory: Path | str,
        *,
        partition_by: Sequence[str] = (),
        schema: pa.Schema | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> int:
        """Make Parquet files written aside (by Spark) the whole table, streamed in one commit; gives the
        version.

        ``schema`` fixes names, order and types; without it the files' own are taken, timestamps as
        microseconds.
        """
        files = sorted(str(p) for p in Path(directory).rglob("*.parquet"))
        if not files and schema is None:
            raise LakeError(
                f"There is no Parquet file under {directory}; the job that writes {layer}/{name} made none."
            )
        written = (
            ds.dataset(files, format="parquet", partitioning="hive", partition_base_dir=str(directory))
            if files
            else None
        )
        target = schema or _microseconds(written.schema)  # type: ignore[union-attr]
        batches = written.to_batches(columns=target.names) if written else iter(())
        reader = pa.RecordBatchReader.from_batches(target, (batch.cast(target) for batch in batches))
        return self.replace(layer, name, reader, partition_by=partition_by, metadata=metadata)


def _properties(
    metadata: Mapping[str, str] | None, transactions: list[Transaction] | None
) -> CommitProperties:
    custom: dict[str, Any] | None = dict(metadata) if metadata else None
    return CommitProperties(custom_metadata=custom, app_transactions=transactions)


def _add_action(file: StoredFile) -> AddAction:
    stats = json.dumps({"numRecords": file.n_rows})
    return AddAction(file.path, file.size, dict(file.partition), time.time_ns() // 1_000_000, True, stats)


def _widened(have: pa.Schema, wanted: pa.Schema, table: str) -> pa.Schema:
    """The table's schema with the columns it lacks at its end; a column of another type is refused."""
    for field in wanted:
        if field.name not in have.names:
            have = have.append(field)
        elif not _same_type(have.field(field.name).type, field.type):
            raise LakeError(
                f"Column {field.name} of {table} is {have.field(field.name).type} in the lake, but "
                f"{field.type} is to be written. Give the column a new name, or rebuild the table."
            )
    return have


def _same_type(one: pa.DataType, other: pa.DataType) -> bool:
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return one == other or all(any(is_text(kind) for is_text in text) for kind in (one, other))


def _microseconds(schema: pa.Schema) -> pa.Schema:
    def stored(kind: pa.DataType) -> pa.DataType:
        return pa.timestamp("us", tz=kind.tz) if pa.types.is_timestamp(kind) else kind

    return pa.schema([pa.field(f.name, stored(f.type)) for f in schema])
