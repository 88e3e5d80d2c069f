"""A large shop, written straight into the lake: three years of feeds as the contracts want them.

The SQL files beside this say what the rows are, one file a feed (``world``, ``month`` and ``visits`` what
several feeds share). Here they are cast to their contracts, given the columns of a load and committed. How
the warehouse copes is ``benchmarks.large_warehouse``'s to measure.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from data_quality.contract import Contract, load_contract
from feeds.lake import Lake, StoredFile
from feeds.storing import raw_schema

SQL = Path(__file__).parent
NAME, ZONE = "large", "Europe/Berlin"
LAST_DAY = date(2026, 3, 31)
LINES_OF_AN_ORDER = 31 / 12  # the mean of the list in month.sql
ONCE = ("products", "prices", "promotions", "suppliers", "supply_terms", "purchase_orders", "fx_rates",
        "calendar_events", "customers")  # fmt: skip
MONTHLY = ("order_lines", "orders", "payments", "order_status_events", "shipments", "refunds", "stock_levels")
TRACKED = ("events",)
OF_SPARK = ("session_events", "sessions")
"""What the Spark jobs leave of the tracked events, written directly: they are measured by themselves."""

SHOP_FILE = f"""name: {NAME}
title: A large shop, for measuring
time_zone: {ZONE}
currency: EUR
countries: [DE, FR, GB, US]
default_location: WH-EU
demand_period: day
sources:
  - name: "{{feed}}"
    connector: files
    path: "{{data}}/{{feed}}"
    dialect: canonical
"""


@dataclass(frozen=True)
class ShopSize:
    """How large the shop is; the rest follows from its order lines, and every draw from the seed."""

    lines: int
    days: int = 1096
    seed: int = 7
    connected_days: int = 400
    tracked_days: int = 60

    @property
    def values(self) -> dict[str, object]:
        """What the SQL files ask for in braces."""
        first = LAST_DAY - timedelta(days=self.days - 1)
        end = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, tzinfo=ZoneInfo(ZONE)) + timedelta(days=1)
        return asdict(self) | {
            "orders": int(self.lines * 1.002 / LINES_OF_AN_ORDER),
            "customers": max(100, self.lines // 12),
            "skus": max(100, self.lines // 2_000),
            "first_day": first,
            "last_day": LAST_DAY,
            "connected_day": LAST_DAY - timedelta(days=self.connected_days),
            "known_until": end.isoformat(),
        }


def make_shop(home: Path, size: ShopSize, threads: int = 2, memory: str = "4GB") -> dict[str, int]:
    """Write the shop's file and its lake under a data home; gives the rows by table."""
    (home / "shops").mkdir(parents=True, exist_ok=True)
    (home / "shops" / f"{NAME}.yaml").write_text(SHOP_FILE, encoding="utf-8")
    lake = Lake(home / NAME / "lake")
    with (
        tempfile.TemporaryDirectory(dir=home) as scratch,
        duckdb.connect(f"{scratch}/world.duckdb") as connection,
    ):
        for setting in (f"threads = {threads}", f"memory_limit = '{memory}'", "TimeZone = 'UTC'"):
            connection.execute(f"set {setting}")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(_sql("world", size))
        for feed in ONCE:
            _write(connection, lake, load_contract(feed), size)
        for month in _months(size):
            connection.execute(_sql("month", size, month))
            for feed in MONTHLY:
                _write(connection, lake, load_contract(feed), size, month)
            if month >= f"{LAST_DAY - timedelta(days=size.tracked_days - 1):%Y-%m}":
                connection.execute(_sql("visits", size, month))
                for name, kind in [(feed, "feeds") for feed in TRACKED] + [
                    (name, "core") for name in OF_SPARK
                ]:
                    _write(connection, lake, load_contract(name, kind), size, month)
    return {
        f"{layer}/{name}": _commit(lake, layer, load_contract(name, kind), size)
        for layer, kind, names in (("raw", "feeds", ONCE + MONTHLY + TRACKED), ("core", "core", OF_SPARK))
        for name in names
    }


def _months(size: ShopSize) -> Iterator[str]:
    days = (LAST_DAY - timedelta(days=d) for d in range(size.days - 1, -1, -1))
    return iter(sorted({f"{day:%Y-%m}" for day in days}))


def _sql(name: str, size: ShopSize, month: str = "") -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8").format(**size.values, month=month)


def _write(
    connection: duckdb.DuckDBPyConnection, lake: Lake, contract: Contract, size: ShopSize, month: str = ""
) -> None:
    """Rows of a feed (of the orders of one month) as files under its table's folder, not yet committed."""
    layer = "raw" if contract.kind == "feeds" else "core"
    folder = lake.path(layer, contract.name)
    folder.mkdir(parents=True, exist_ok=True)
    sql = _sql(contract.name, size, month)
    made = {row[0] for row in connection.execute(f"describe {sql}").fetchall()}
    columns = [
        f"cast({column.name if column.name in made else 'null'} as {column.type}) as {column.name}"
        for column in contract.columns
    ]
    if layer == "raw":
        columns += _of_the_load(connection, contract, size)
    by = (
        contract.partition_by_month_of
        if layer == "raw"
        else "occurred_at"
        if "occurred_at" in made
        else "started_at"
    )
    options = "format parquet, compression zstd"
    if by:
        columns.append(f"strftime({by}, '%Y-%m') as _month")
        options += f", partition_by (_month), overwrite_or_ignore, filename_pattern 'of-{month}-{{i}}'"
        target = folder
    else:
        target = folder / f"of-{month or 'all'}.parquet"
    connection.execute(f"copy (select {', '.join(columns)} from ({sql})) to '{target}' ({options})")


def _of_the_load(connection: duckdb.DuckDBPyConnection, contract: Contract, size: ShopSize) -> list[str]:
    """Load number, file and line: one load of all history, then one a day since the shop was connected."""
    loads = range(size.connected_days + 2)
    ids = [hashlib.sha256(f"{contract.name} {load}".encode()).hexdigest() for load in loads]
    connection.execute("set variable file_ids = ?", [ids])
    known = contract.version_column or contract.event_time
    connected = size.values["connected_day"]
    number = f"1 + greatest(0, coalesce(cast({known} as date), date '{connected}') - date '{connected}')"
    return [
        f"cast({number} as bigint) as _load_number",
        f"getvariable('file_ids')[{number}] as _file_id",
        "cast(row_number() over () as bigint) as _line",
    ]


def _commit(lake: Lake, layer: str, contract: Contract, size: ShopSize) -> int:
    """Make the files under a table's folder the table, in one commit; gives its rows."""
    folder = lake.path(layer, contract.name)
    found = []
    for path in sorted(folder.rglob("*.parquet")):
        partition = {"_month": path.parent.name.removeprefix("_month=")} if path.parent != folder else {}
        n_rows = pq.read_metadata(path).num_rows
        found.append(StoredFile(path.relative_to(folder).as_posix(), path.stat().st_size, n_rows, partition))
    schema = raw_schema(contract) if layer == "raw" else contract.arrow_schema()
    if found and found[0].partition and "_month" not in schema.names:
        schema = schema.append(pa.field("_month", pa.string()))
    lake.append_files(
        layer,
        contract.name,
        found,
        schema=schema,
        partition_by=("_month",) if found and found[0].partition else (),
        load_number=size.connected_days + 1,
    )
    return lake.n_rows(layer, contract.name)
