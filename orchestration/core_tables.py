"""The core tables as a launch of Spark leaves them: which files it wrote go where, in one commit a table.

What they hold is decided in ``core_state``; how rows are made, in ``transforms``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from data_quality.contract import all_contracts, load_contract
from feeds.lake import Lake
from orchestration.core_state import Mark, mark_of

PAIR_DAYS = "pair_days"
"""What each day adds to the item pairs: kept beside the lake, because only the next launch reads it."""
WHOLE = ("item_pairs",)
READ_BY_THE_NEXT_LAUNCH = ("sessions", "bot_sessions", PAIR_DAYS)
DAY, MONTH = "_day", "_month"
FILES_OF_A_MONTH = 24
"""So many small files a month make it worth writing them as one."""


@dataclass(frozen=True)
class CoreTables:
    """The tables that one launch writes, and the two places they lie in."""

    lake: Lake
    kept: Lake

    def places(self) -> list[tuple[Lake, str]]:
        """Every table in the order of commits; the one that readers of the lake do not see comes first."""
        return [(self.kept, PAIR_DAYS), *((self.lake, contract.name) for contract in all_contracts("core"))]

    @classmethod
    def under(cls, folder: Path) -> CoreTables:
        """The core tables of the shop whose folder this is."""
        return cls(Lake(folder / "lake"), Lake(folder / "spark" / "kept"))

    def before(self, mark: Mark) -> tuple[Mark | None, str]:
        """The mark that all tables have, if rows may be added to them; else why they are rebuilt whole."""
        marks = [mark_of(lake, name) for lake, name in self.places()]
        before = marks[0]
        if before is None or None in marks:
            return None, "first build"
        if any(other != before for other in marks):
            return None, "a run was stopped between two tables"
        refused = mark.may_follow(before, self.lake)
        return (None, refused) if refused else (before, "new rows")

    def n_rows(self) -> dict[str, int]:
        """Rows by table of the lake."""
        return {c.name: self.lake.n_rows("core", c.name) for c in all_contracts("core")}

    def since(self, before: Mark) -> dict[str, Any]:
        """What a plan says of the tables that it may add to."""
        files = {name: lake.files("core", name) for lake, name in self.places()}
        tables = {name: {"files": files[name]} for name in READ_BY_THE_NEXT_LAUNCH}
        return {"loads": dict(before.loads), "as_of": before.as_of, "tables": tables}

    def replace_by_nothing(self, mark: Mark) -> None:
        """Make every table of the lake empty, and forget what was kept."""
        for contract in all_contracts("core"):
            empty = contract.arrow_schema().empty_table()
            self.lake.replace("core", contract.name, empty, metadata=mark.as_metadata(None))

    def commit(self, folder: Path, days: Sequence[str] | None, mark: Mark) -> None:
        """Take over what was written aside: whole tables, or in their place the rows of some days."""
        metadata = mark.as_metadata(None if days is None else len(days))
        for lake, name in self.places():
            if name in WHOLE:
                lake.replace("core", name, _rows(folder / name, name), metadata=metadata)
            elif days is None:
                lake.replace(
                    "core", name, _rows(folder / name, name), partition_by=[MONTH], metadata=metadata
                )
            elif days:
                lake.replace_where("core", name, _rows(folder / name, name), _of(days), metadata=metadata)
                for month in sorted({day[:7] for day in days}):
                    lake.compact("core", name, {MONTH: month}, when_files=FILES_OF_A_MONTH)
            else:
                nothing = lake.schema("core", name).empty_table()
                lake.append("core", name, nothing, partition_by=[MONTH], metadata=metadata)


def _of(days: Sequence[str]) -> str:
    months = ", ".join(f"'{month}'" for month in sorted({day[:7] for day in days}))
    listed = ", ".join(f"'{day}'" for day in days)
    return f"{MONTH} in ({months}) and {DAY} in ({listed})"


def _rows(folder: Path, name: str) -> pa.RecordBatchReader:
    """The rows of Parquet files, streamed, with the month of their day where they have one."""
    files = sorted(str(path) for path in folder.rglob("*.parquet"))
    dataset = ds.dataset(files, format="parquet")
    has_contract = name != PAIR_DAYS
    schema = load_contract(name, "core").arrow_schema() if has_contract else dataset.schema
    if DAY in dataset.schema.names:
        own = [pa.field(DAY, pa.date32())] if has_contract else []
        schema = pa.schema([*schema, *own, pa.field(MONTH, pa.string())])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in dataset.to_batches():
            if MONTH in schema.names:
                batch = batch.append_column(MONTH, pc.strftime(batch.column(DAY), "%Y-%m"))
            yield batch.select(schema.names).cast(schema)

    return pa.RecordBatchReader.from_batches(schema, batches())
