"""Reading the lake: Delta tables under one folder, addressed by layer and name. Writing is ``lake``'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

LAYERS = ("raw", "core", "ml")


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


class LakeTables:
    """Delta tables of one shop as their readers see them: names, versions, files and rows."""

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

    def partition_values(self, layer: str, name: str, column: str, *, at_least_files: int = 1) -> list[str]:
        """Values of a partition column that have at least so many files in the latest version, sorted."""
        counts: dict[str, int] = {}
        for uri in self._table(layer, name).file_uris():
            value = uri.rsplit(f"/{column}=", 1)[-1].split("/", 1)[0]
            counts[value] = counts.get(value, 0) + 1
        return sorted(value for value, files in counts.items() if files >= at_least_files)

    def _table(self, layer: str, name: str, version: int | None = None) -> DeltaTable:
        try:
            return DeltaTable(str(self.path(layer, name)), version=version)
        except TableNotFoundError as missing:
            raise LakeError(
                f"There is no table {layer}/{name} under {self.root}; ingest or build it first."
            ) from missing
