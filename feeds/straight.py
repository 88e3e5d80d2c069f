"""One large clean CSV file in the canonical dialect, judged while it is scanned, with no table of its texts.

What the scan relies on (each record is one line, no header in the middle, no damaged identifier) is proved
when all of it has been judged. Where the proof fails, the load begins again with ``reading``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from data_quality.acceptance_rules import literal, quoted
from data_quality.acceptance_scan import Scan, ScanFailed
from data_quality.contract import Contract, load_contract
from feeds.dialect import Shape
from feeds.reading_csv import csv_header
from feeds.reading_csv_fast import csv_scan, is_clean, keep_rejects, line_around, rejected_lines
from feeds.report import FeedError
from feeds.sent_file import SentFile
from feeds.shape_tables import BatchFile, ShapeRead, check_columns, count, in_shapes_case
from feeds.text_profile import TextProfile, profile

MIN_BYTES = 4 << 20
_MAX_REJECTED = 100


@dataclass
class Straight:
    """A file behind the view of its shape, and what reading told so far; ``told.rows`` is known once it is
    settled.
    """

    con: duckdb.DuckDBPyConnection
    file: BatchFile
    contract: Contract
    profile: TextProfile
    told: ShapeRead
    has_damaged_ids: bool
    sent: SentFile | None

    @property
    def scan(self) -> Scan:
        """What acceptance is told of the scan."""
        return Scan(not self.profile.has_padding, self.profile.has_nul, self.settle)

    def settle(self) -> str:
        """The line of a row of ``judged``, as SQL; ``ScanFailed`` when the file is not what it seemed."""
        if self.sent and not self.sent.is_unchanged:
            raise ScanFailed(f"{self.file.name}: the sender changed it meanwhile")
        lines, n_rows = rejected_lines(self.con), count(self.con, "judged")
        if n_rows + len(lines) != self.profile.n_lines - 1 or len(lines) > _MAX_REJECTED:
            raise ScanFailed(f"{self.file.name}: lines and records do not add up")
        if self._has_odd_rows():
            raise ScanFailed(f"{self.file.name}: a line repeats the header, or an identifier is damaged")
        self.told.rows = n_rows
        if lines:
            keep_rejects(self.con, self.file.number)
        self.con.execute("drop table if exists reject_errors; drop table if exists reject_scans")
        return line_around(lines, "(rowid + 2)")

    def _has_odd_rows(self) -> bool:
        texts = [c.name for c in self.contract.columns if c.type == "varchar"]
        odd = [" and ".join(f"{quoted(c)} = {literal(c)}" for c in _in_each_row(self.contract))]
        if self.has_damaged_ids:
            odd += [f"contains({quoted(c)}, 'E+')" for c in texts if c == "sku" or c.endswith("_id")]
        found = self.con.execute(f"select 1 from judged where {' or '.join(odd)} limit 1")
        return found.fetchone() is not None


def open_straight(
    con: duckdb.DuckDBPyConnection, shape: Shape, file: BatchFile, scratch: Path
) -> Straight | None:
    """Create view ``<shape>`` over the file; ``None``, and no view, when it is to be read in another way."""
    contract = load_contract(shape.name)
    if file.format not in ("csv", "tsv") or file.size < MIN_BYTES or shape.wide or shape.deduplicate_lines:
        return None
    if not _in_each_row(contract):
        return None
    delimiter, told = file.column_delimiter, ShapeRead()
    try:
        header = csv_header(file, delimiter)
        if header is None or len(header) < 2:
            return None
        header = in_shapes_case(shape, header, told)
        check_columns(shape, header, file.name, told)
    except FeedError:
        return None
    sent, seen = _profiled(file, delimiter, scratch)
    if not is_clean(seen):
        return None
    path = sent.path if sent else file.content.local_path(scratch)
    at = {name: f"c{i}" for i, name in enumerate(header)}
    columns = ", ".join(f"{at.get(c, 'null::varchar')} as {quoted(c)}" for c in shape.columns)
    con.execute(
        f"create temp view {quoted(shape.name)} as "
        f"select {file.number}::bigint as _file_id, null::bigint as _line, {columns} "
        f"from {csv_scan(literal(str(path)), literal(delimiter), len(header))}"
    )
    return Straight(con, file, contract, seen, told, seen.has_exponent, sent)


def _in_each_row(contract: Contract) -> list[str]:
    """Columns that have a text in each row, and in a line that repeats the header their own name."""
    return [c.name for c in contract.columns if c.required and c.type == "varchar" and not c.allowed]


def _profiled(file: BatchFile, delimiter: str, scratch: Path) -> tuple[SentFile | None, TextProfile]:
    """The sender's file, where it still has the landed bytes, and the profile of these bytes."""
    if sent := SentFile.at(file.sent, file.size):
        with ThreadPoolExecutor(1, thread_name_prefix="hashing") as beside:
            holds = beside.submit(sent.holds, file.address, file.vault)
            try:
                seen = profile(sent.path, delimiter)
                if holds.result() and sent.is_unchanged:
                    return sent, seen
            except OSError:
                pass  # withdrawn in this moment
    return None, profile(file.content.local_path(scratch), delimiter)
