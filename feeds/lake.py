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
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError
from deltalake.schema import Schema
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

LAYERS = ("raw", "core", "ml")

# Commit metadata is what the ledger is rebuilt from, so the log is kept for ten years, not Delta's thirty
# days.
_CONFIGURATION = {"delta.logRetentionDuration": "interval 3650 days"}

_COMPACTED_BYTES = 128 << 20

Rows: TypeAlias = pa.Table | pa.RecordBatchReader


class LakeError(RuntimeError):
    """A table of the lake is missing, or an address is not one."""


@dataclass(frozen=True)
class Commit:
    """One version of a table: when it was written (epoch milliseconds), how, and what the writer said about
    it.
    """

    version: int
    timestamp_ms: int
    operation: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class StoredFile:
    """A Parquet file written under a table's folder (``path`` is relative to it), not yet committed."""

    path: str
    size: int
    n_rows: int
    partition: Mapping[str, str]


class Lake:
    """Delta tables of one shop, ``<root>/<layer>/<name>``; layers are raw, core and ml."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def path(self, layer: str, name: str) -> Path:
        """Folder of a table; raises ``LakeError`` for an unknown layer or an unusable name."""
        if layer not in LAYERS:
            raise LakeError(f"Got layer {layer!r}, but expected one of {LAYERS}.")
        if not name.isidentifier():
            raise LakeError(f"Got table name {name!r}, but expected letters, digits and underscores.")
        return self.root.absolute() / layer / name

    def exists(self, layer: str, name: str) -> bool:
        """Whether the table has at least one committed version."""
        return DeltaTable.is_deltatable(str(self.path(layer, name)))

    def names(self, layer: str) -> tuple[str, ...]:
        """Tables of a layer, sorted."""
        folder = self.root.absolute() / layer
        return tuple(sorted(p.name for p in folder.glob("*") if self.exists(layer, p.name)))

    def version(self, layer: str, name: str) -> int:
        """Number of the latest version; raises ``LakeError`` when there is no table."""
        return int(self._table(layer, name).version())

    def schema(self, layer: str, name: str) -> pa.Schema:
        """Arrow schema of the latest version, partition columns last."""
        return pa.schema(self._table(layer, name).schema().to_arrow())

    def files(
        self,
        layer: str,
        name: str,
        *,
        version: int | None = None,
        partitions: Mapping[str, Sequence[str]] | None = None,
    ) -> list[str]:
        """Absolute paths of the Parquet files of a version, sorted; ``partitions`` keeps only those."""
        filters = [(column, "in", list(values)) for column, values in (partitions or {}).items()]
        uris = self._table(layer, name, version).file_uris(partition_filters=filters or None)
        return sorted(uri.removeprefix("file://") for uri in uris)

    def read(
        self, layer: str, name: str, *, version: int | None = None, columns: list[str] | None = None
    ) -> pa.Table:
        """All rows of a version (the latest unless told) as an Arrow table."""
        return self._table(layer, name, version).to_pyarrow_table(columns=columns)

    def n_rows(self, layer: str, name: str) -> int:
        """Number of rows of the latest version, from the commit log."""
        return int(self._table(layer, name).count())

    def history(self, layer: str, name: str) -> list[Commit]:
        """All versions, oldest first."""
        known = {"timestamp", "operation", "version", "operationParameters", "operationMetrics"}
        return [
            Commit(
                version=int(entry["version"]),
                timestamp_ms=int(entry["timestamp"]),
                operation=str(entry["operation"]),
                metadata={k: v for k, v in entry.items() if k not in known},
            )
            for entry in reversed(self._table(layer, name).history())
        ]

    def last_load_number(self, layer: str, name: str, app_id: str | None = None) -> int:
        """Highest load number committed under ``app_id`` (the table's name unless told); 0 when there is
        none.
        """
        if not self.exists(layer, name):
            return 0
        return int(self._table(layer, name).transaction_version(app_id or name) or 0)

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

    def partition_values(self, layer: str, name: str, column: str, *, at_least_files: int = 1) -> list[str]:
        """Values of a partition column that have at least so many files in the latest version, sorted."""
        counts: dict[str, int] = {}
        for uri in self._table(layer, name).file_uris():
            value = uri.rsplit(f"/{column}=", 1)[-1].split("/", 1)[0]
            counts[value] = counts.get(value, 0) + 1
        return sorted(value for value, files in counts.items() if files >= at_least_files)

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

    def _table(self, layer: str, name: str, version: int | None = None) -> DeltaTable:
        try:
            return DeltaTable(str(self.path(layer, name)), version=version)
        except TableNotFoundError as missing:
            raise LakeError(
                f"There is no table {layer}/{name} under {self.root}; ingest or build it first."
            ) from missing


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
