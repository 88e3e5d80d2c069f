"""A dialect tried on sample files: the rows it would give, judged by the contract, without a shop or a lake.

The readers, the SQL and the acceptance are those of ingestion; only landing and committing are left out. What
the result must look like is said in ``conformance``.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from data_quality.acceptance import Acceptance, accept
from data_quality.acceptance_rules import quoted
from data_quality.contract import load_contract
from feeds.batch import Batch, read_batch
from feeds.dialect import load_dialect
from feeds.ledger_rows import LandedFile
from feeds.report import FeedError
from feeds.shop import Shop, Source

ENDINGS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_KEY = b"a key for trials only"


@dataclass(frozen=True)
class Place:
    """What a shop would tell the dialect: its currency, time zone and default location."""

    currency: str = "EUR"
    time_zone: str = "Europe/Berlin"
    location: str = "main"


@dataclass(frozen=True)
class Trial:
    """One feed made from a sample: the account, the accepted rows (contract columns), and where rows stand.

    ``lines`` are the (file, line) of every row made, filtered or not; ``source_lines`` those of the records
    of the feed's shapes; ``items`` how many rows the nested records hold, ``None`` where none is said.
    """

    feed: str
    batch: Batch
    judged: Acceptance
    made_columns: tuple[str, ...]
    rows: pa.Table
    lines: tuple[tuple[int, int], ...]
    source_lines: tuple[tuple[int, int], ...]
    items: int | None


def sample_files(dialect: str, folder: Path) -> dict[str, list[Path]]:
    """Files of a sample folder by shape: ``<shape>.<ending>`` or everything in ``<shape>/``.

    Raises ``FeedError`` when the folder holds no file of any shape.
    """
    found = {}
    for shape in load_dialect(dialect).shapes:
        inside = sorted((folder / shape).glob("*")) if (folder / shape).is_dir() else []
        files = [*sorted(folder.glob(f"{shape}.*")), *inside]
        if files := [path for path in files if path.suffix.lower() in ENDINGS]:
            found[shape] = files
    if not found:
        shapes = ", ".join(load_dialect(dialect).shapes)
        raise FeedError(
            f"{folder} holds no sample of dialect {dialect}. Put <shape>.jsonl, .csv or .parquet "
            f"there; the shapes are {shapes}."
        )
    return found


def try_feed(
    dialect: str,
    feed: str,
    files: dict[str, list[Path]],
    place: Place | None = None,
    *,
    now: datetime | None = None,
    threads: int | None = None,
) -> Trial:
    """The rows that a dialect makes of a feed from sample files by shape, as acceptance leaves them."""
    shapes = load_dialect(dialect).feeds[feed].shapes
    landed = [_landed(shape, path) for shape in shapes for path in files.get(shape, ())]
    if not landed:
        raise FeedError(f"{feed}: the sample holds no file of {' or '.join(shapes)}.")
    con = duckdb.connect(config={"threads": threads} if threads else {})
    try:
        with tempfile.TemporaryDirectory(prefix="trial-") as scratch:
            con.execute("set TimeZone = 'UTC'")
            shop = _shop(dialect, feed, shapes, place or Place())
            batch = read_batch(con, shop, feed, landed, Path("/"), Path(scratch))
            made = tuple(row[0] for row in con.execute("describe candidates").fetchall())
            con.execute("create temp table tried as select * from candidates")
            judged = accept(con, load_contract(feed), "tried", key=_KEY, now=now or datetime.now(UTC))
            return _trial(con, feed, batch, judged, made, shapes, load_dialect(dialect).feeds[feed].items)
    finally:
        con.close()


def _trial(
    con: duckdb.DuckDBPyConnection,
    feed: str,
    batch: Batch,
    judged: Acceptance,
    made: tuple[str, ...],
    shapes: Sequence[str],
    items: str | None,
) -> Trial:
    contract = load_contract(feed)
    columns = ", ".join(map(quoted, contract.column_names))
    order = ", ".join(map(quoted, contract.key))
    rows = con.execute(f"select {columns} from accepted order by {order}, _file_id, _line").to_arrow_table()
    told = " union all ".join(f"select _file_id, _line from {quoted(shape)}" for shape in shapes)
    counted = (
        f"select {items}" if len(shapes) > 1 else f"select coalesce(sum({items}), 0)::bigint from source"
    )
    expected = con.execute(counted).fetchone() if items else None
    return Trial(
        feed=feed,
        batch=batch,
        judged=judged,
        made_columns=made,
        rows=rows.cast(contract.arrow_schema()),
        lines=tuple(con.execute("select _file_id, _line from tried order by all").fetchall()),
        source_lines=tuple(con.execute(f"select * from ({told}) order by all").fetchall()),
        items=int(expected[0]) if expected else None,
    )


def _landed(shape: str, path: Path) -> LandedFile:
    form = ENDINGS[path.suffix.lower()]
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return LandedFile(shape, sha256, path.name, len(content), None, str(path.absolute()), form)


def _shop(dialect: str, feed: str, shapes: Sequence[str], place: Place) -> Shop:
    sources = tuple(Source(name=s, provides=(feed,), paths=(), dialect=dialect, shape=s) for s in shapes)
    return Shop(
        name="trial",
        title="trial",
        time_zone=place.time_zone,
        currency=place.currency,
        countries=(),
        default_location=place.location,
        demand_period="day",
        sources=sources,
        file=Path("trial.yaml"),
    )
