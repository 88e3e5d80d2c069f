"""A batch: the landed files of one load, read and turned into candidate rows of the feed by their dialects.

Judging the candidates is acceptance's work, storing them the lake's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from data_quality.acceptance_drift import DriftModes
from data_quality.acceptance_rules import quoted
from data_quality.acceptance_scan import Scan
from data_quality.contract import Contract, load_contract
from feeds.dialect import Dialect, FeedMapping, load_dialect
from feeds.landing_check import check_plain
from feeds.ledger_rows import LandedFile
from feeds.reading import read_shape
from feeds.refusals import RefusedFile
from feeds.report import ConservationError, FeedError
from feeds.shape_drift import settle_columns
from feeds.shape_tables import BatchFile, ShapeRead, count, create_rejects
from feeds.shop import Shop, Source
from feeds.straight import Straight, open_straight
from feeds.vault import Vault

_QUARTER_HOUR = 900_000_000


@dataclass
class Batch:
    """What the files held: names by number, data rows, duplicate lines dropped, rejected lines, differences
    in shape.
    """

    feed: str
    names: list[str]
    source_rows: int = 0
    duplicate_rows: int = 0
    rejected_lines: int = 0
    counted_by_lines: bool = True
    drift: list[str] = field(default_factory=list)
    variants: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    modes: DriftModes = field(default_factory=DriftModes)
    nested: bool = False
    refused: list[RefusedFile] = field(default_factory=list)
    straight: Straight | None = None

    @property
    def scan(self) -> Scan | None:
        """What acceptance is told, where the rows are read while they are judged."""
        return self.straight.scan if self.straight else None

    def count_straight(self, con: duckdb.DuckDBPyConnection) -> None:
        """Take over what a scan has told, once its rows are judged."""
        if self.straight:
            _add(self, self.straight.told)
            self.rejected_lines = count(con, "rejects")
            self.source_rows += self.rejected_lines

    def check_conservation(self, candidates: int) -> None:
        """Raise ``ConservationError`` when a dialect that maps line by line lost or multiplied lines."""
        told = candidates + self.duplicate_rows
        if self.counted_by_lines and told != self.source_rows:
            raise ConservationError(
                f"{self.feed}: the files hold {self.source_rows} rows, but the dialect made {told} of them. "
                "Nothing was committed; its SQL must give one row a line and mark left-out ones (_filtered)."
            )


def read_batch(
    con: duckdb.DuckDBPyConnection,
    shop: Shop,
    feed: str,
    files: Sequence[LandedFile],
    folder: Path,
    scratch: Path,
    vault: Vault | None = None,
    *,
    may_scan: bool = False,
) -> Batch:
    """Create relations ``candidates``, ``files`` and ``rejects`` from landed files; raises ``FeedError`` if
    they do not fit.

    With ``may_scan`` a file may stand behind ``candidates`` itself, which are then read once, by acceptance.
    """
    _register_files(con, files)
    create_rejects(con)
    sources = {source.name: source for source in shop.sources}
    dialects = {sources[f.source].dialect for f in files}
    if len(dialects) > 1:
        raise FeedError(
            f"{feed}: its sources speak {sorted(dialects)}; let one source or dialect provide a feed."
        )
    dialect = load_dialect(dialects.pop())
    mapping = dialect.feeds[feed]
    batch = Batch(feed, [f.name for f in files], counted_by_lines=mapping.counted_by == "lines")
    batch.modes = DriftModes.of(next((m for f in files if (m := sources[f.source].on_drift)), None))
    for shape in mapping.shapes:
        members = [
            _member(number, f, sources[f.source], folder, vault)
            for number, f in enumerate(files)
            if (sources[f.source].shape or mapping.shapes[0]) == shape
        ]
        known = dialect.shapes[shape]
        widened, members, refused, events = settle_columns(known, members, batch.modes, scratch)
        batch.unknown += tuple(c for c in widened.columns if c not in known.columns)
        batch.refused += refused
        batch.drift += events
        batch.nested |= any(member.format in ("json", "jsonl", "parquet") for member in members)
        if may_scan and dialect.name == "canonical" and len(members) == 1 and not batch.unknown:
            batch.straight = open_straight(con, widened, members[0], scratch)
        if not batch.straight:
            _add(batch, read_shape(con, widened, members, scratch))
    batch.rejected_lines = count(con, "rejects")
    batch.source_rows += batch.rejected_lines
    if not batch.counted_by_lines:
        # Groups are counted as they are made; a repeated line is part of no row.
        batch.duplicate_rows = 0
    made = _create_candidates(con, shop, dialect, mapping, batch.unknown)
    batch.unknown = tuple(c for c in batch.unknown if c in made)
    return batch


def _member(number: int, file: LandedFile, source: Source, folder: Path, vault: Vault | None) -> BatchFile:
    check_plain(folder, file, vault)
    return BatchFile(
        number,
        folder / file.path,
        file.name,
        file.format,
        source.delimiter,
        vault,
        file.size,
        source.sheet,
        source.records,
        file.sha256,
        source.file_named(file.name),
    )


def by_day(con: duckdb.DuckDBPyConnection, contract: Contract, time_zone: str) -> dict[date, int]:
    """Accepted rows by the day in the file's name, or else by the business day of the event."""
    event = contract.column(contract.event_time) if contract.event_time else None
    day, step = "null::date", "null::bigint"
    if event is not None and event.type == "date":
        step, day = quoted(event.name), "step"
    elif event is not None:
        # A zone's rules are asked once for each quarter of an hour, not for each row; offsets are multiples.
        step = f"epoch_us({quoted(event.name)}) // {_QUARTER_HOUR}"
        day = f"timezone($zone, make_timestamptz(step * {_QUARTER_HOUR}))::date"
    rows = con.execute(
        f"""
        select day, sum(n) from (
            select coalesce(f.feed_date, {day}) as day, n
            from (select _file_id, {step} as step, count(*) as n from accepted group by all)
            join files f using (_file_id)
        ) where day is not null group by day order by day
        """,
        {"zone": time_zone} if "$zone" in day else {},
    )
    return {moment: int(n) for moment, n in rows.fetchall()}


def _register_files(con: duckdb.DuckDBPyConnection, files: Sequence[LandedFile]) -> None:
    table = pa.table(
        {
            "_file_id": pa.array(range(len(files)), pa.int64()),
            "file_name": [f.name for f in files],
            "feed_date": pa.array([f.feed_date for f in files], pa.date32()),
            "sha256": [f.sha256 for f in files],
        }
    )
    con.register("arrived", table)
    con.execute("create temp table files as select * from arrived")
    con.unregister("arrived")


def _add(batch: Batch, told: ShapeRead) -> None:
    batch.source_rows += told.rows
    batch.duplicate_rows += told.duplicate_lines
    batch.drift.extend(told.drift)
    batch.refused.extend(told.refused)


def _create_candidates(
    con: duckdb.DuckDBPyConnection,
    shop: Shop,
    dialect: Dialect,
    mapping: FeedMapping,
    unknown: Sequence[str],
) -> set[str]:
    """Run the dialect's SQL; it sees the shapes, ``files``, its lookup tables and the variables of shop and
    dialect. Gives the columns that it makes; ``unknown`` ones may be among them.
    """
    settings = {
        "currency": shop.currency,
        "time_zone": shop.time_zone,
        "location": shop.default_location,
        **dialect.settings,
    }
    for name, value in settings.items():
        con.execute(f"set variable {name} = ?", [value])
    for table, path in dialect.lookups.items():
        con.execute(
            f"create temp table {table} as select * from read_csv(?, all_varchar = true, header = true)",
            [str(path)],
        )
    shape = mapping.shapes[0]
    if len(mapping.shapes) == 1 and shape != "source":
        con.execute(f'create temp view source as select * from "{shape}"')
    if dialect.prelude:
        con.execute(dialect.prelude)
    con.execute(f"create temp view candidates as {mapping.sql}")
    known = {*load_contract(mapping.feed).column_names, "_file_id", "_line", "_filtered", *unknown}
    made = {row[0] for row in con.execute("describe candidates").fetchall()}
    if made - known:
        raise FeedError(
            f"dialect {dialect.name}: {mapping.feed}.sql makes columns {sorted(made - known)}, "
            "which the contract lacks."
        )
    return made
