"""A customer's lines cut out of landed originals; the other lines keep their numbers.

A line is the customer's when the dialect reads it as a row of theirs. Text and Parquet are written again
without the lines; an original of another form that has any, or one that its dialect cannot read, is deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from data_quality.contract import load_contract
from data_quality.forgotten import links_of, owned
from feeds.batch import read_batch
from feeds.landing import open_landed, read_manifest
from feeds.ledger_rows import LandedFile
from feeds.originals import mark_cut
from feeds.people import Person
from feeds.records import BadLine, read_records
from feeds.report import FeedError
from feeds.scratch import private_scratch
from feeds.shop import Shop, Source
from feeds.vault import Vault

_LINE_FORMATS = ("csv", "tsv", "jsonl")


@dataclass
class Cut:
    """What was cut: lines by file (content address), files written again, files deleted."""

    lines: dict[str, set[int]] = field(default_factory=dict)
    rewritten: int = 0
    deleted: int = 0

    @property
    def n_lines(self) -> int:
        """Lines over all files."""
        return sum(map(len, self.lines.values()))


def cut_originals(shop: Shop, folder: Path, vault: Vault, person: Person) -> Cut:
    """Remove every line of the customer from the shop's originals; ``folder`` is the shop's."""
    cut = Cut()
    for source in shop.sources:
        feeds = [feed for feed in source.provides if may_tell(source, feed)]
        if not feeds:
            continue
        landing = folder / "landing" / source.name
        for file in read_manifest(landing):
            if (folder / file.path).exists():
                _cut_file(shop, source, feeds, folder, file, vault, person, cut)
    return cut


def may_tell(source: Source, feed: str) -> bool:
    """Whether a feed's lines can be a customer's: they name one, or stand in one file with orders that do."""
    contract = load_contract(feed)
    shared = any(links_of(load_contract(other)) for other in source.provides)
    return bool(links_of(contract)) or (shared and "order_id" in contract.column_names)


def _cut_file(
    shop: Shop, source: Source, feeds: Iterable[str], folder: Path, file: LandedFile, vault: Vault,
    person: Person, cut: Cut,
) -> None:  # fmt: skip
    landed = folder / file.path
    try:
        lines = {line for feed in feeds for line in _lines(shop, feed, folder, file, vault, person)}
    except FeedError:
        lines = None
    if lines == set():
        return
    mark_cut(landed)
    if lines is None or not _rewrite(source, folder, file, vault, lines):
        landed.unlink()
        cut.deleted += 1
    else:
        cut.rewritten += 1
    cut.lines[file.sha256] = lines or set()


def _lines(shop: Shop, feed: str, folder: Path, file: LandedFile, vault: Vault, person: Person) -> set[int]:
    """Lines that the dialect reads as the customer's, and unreadable ones that name them."""
    with private_scratch(folder) as scratch, duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        batch = read_batch(con, shop, feed, [file], folder, scratch, vault)
        if getattr(batch, "refused", None):
            raise FeedError(f"{file.name} cannot be read as {feed}.")
        columns = {row[0] for row in con.execute("describe candidates").fetchall()}
        links = tuple(name for name in ("customer_id", "visitor_id") if name in columns)
        ids = {"customers": list(person.customers), "visitors": list(person.visitors)}
        if links:
            mine = owned(links, "select unnest($customers)", "select unnest($visitors)")
        else:
            mine, ids = "order_id in (select unnest($orders))", {"orders": list(person.orders)}
        used = {name: values for name, values in ids.items() if f"${name}" in mine}
        trimmed = ", ".join(
            f"nullif(trim({c}::varchar), '') as {c}" if c in (*links, "order_id") else c
            for c in sorted(columns & {*links, "order_id", "_line"})
        )
        found = con.execute(f"select _line from (select {trimmed} from candidates) where {mine}", used)
        lines = {int(line) for (line,) in found.fetchall()}
        raws = con.execute("select _line, raw from rejects where raw is not null").fetchall()
        return lines | {int(line) for line, raw in raws if any(one in raw for one in person.customers)}


def _rewrite(source: Source, folder: Path, file: LandedFile, vault: Vault, lines: set[int]) -> bool:
    """Write the original again without the lines; says whether its form allows that."""
    if file.format not in (*_LINE_FORMATS, "parquet"):
        return False
    content, path = open_landed(folder, file, vault), folder / file.path
    aside = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        with aside.open("wb", buffering=0) as out, vault.writer(out) as sink:
            if file.format == "parquet":
                with content.open() as stream:
                    table = pq.read_table(stream)
                kept = [number not in lines for number in range(1, table.num_rows + 1)]
                buffer = pa.BufferOutputStream()
                pq.write_table(table.filter(pa.array(kept)), buffer, compression="zstd")
                sink.write(buffer.getvalue().to_pybytes())
            else:
                tabs = file.format == "tsv" and source.delimiter == ","
                delimiter = None if file.format == "jsonl" else b"\t" if tabs else source.delimiter.encode()
                at, bad = 1, list[BadLine]()
                for records in read_records(content, delimiter, bad):
                    for number, record in records:
                        if number in lines:
                            continue
                        # Empty lines stand for what was cut, so that the others keep their numbers.
                        sink.write(b"\n" * (number - at) + record + b"\n")
                        at = number + record.count(b"\n") + 1
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return True
