"""Records of a text file with their true line numbers: where each begins, and which never end.

Newlines (LF, CRLF, CR) are made one here, quoted values may hold them, and a quote that is never closed costs
its own line only. Splitting a record into fields is DuckDB's work (see ``reading``).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from feeds.landed import LandedBytes
from feeds.report import FeedError

BOM = b"\xef\xbb\xbf"
MAX_RECORD_BYTES = 8 << 20
_MAX_HEADER_BYTES = 1 << 20
_CHUNK = 16 << 20
# A quoted value that runs on for longer than this is a quote somebody forgot to close.
_MAX_QUOTED_LINES = 1000


@dataclass(frozen=True)
class BadLine:
    """A line that is no record: its number, the rule it breaks, and why."""

    line: int
    rule: str
    message: str
    raw: bytes


Numbered = tuple[int, bytes]


def read_records(
    path: Path | LandedBytes, delimiter: bytes | None, bad: list[BadLine]
) -> Iterator[list[Numbered]]:
    """Chunks of (line number, record) of a UTF-8 file; what is no record is appended to ``bad``.

    ``delimiter`` is that of CSV; ``None`` means that quotes have no meaning (JSON Lines). Blank lines are
    left out. Lines are numbered from 1 as an editor shows them.
    """
    line_number = 1
    with path.open("rb") as file:
        for lines in _line_chunks(file):
            numbered = list(enumerate(lines, line_number))
            line_number += len(lines)
            if delimiter is not None and any(line.count(b'"') & 1 for line in lines):
                numbered = list(_joined(numbered, delimiter, bad))
            if any(BOM in line for line in lines):
                bad.extend(
                    BadLine(
                        n, "byte_order_mark_inside", "a byte order mark stands within the file", line[:200]
                    )
                    for n, line in numbered
                    if BOM in line
                )
                numbered = [(n, line) for n, line in numbered if BOM not in line]
            if max(map(len, lines), default=0) > MAX_RECORD_BYTES:
                bad.extend(
                    BadLine(n, "line_too_long", f"longer than {MAX_RECORD_BYTES >> 20} MB", line[:100])
                    for n, line in numbered
                    if len(line) > MAX_RECORD_BYTES
                )
                numbered = [(n, line) for n, line in numbered if len(line) <= MAX_RECORD_BYTES]
            yield [(n, line) for n, line in numbered if line]


def read_header(path: Path | LandedBytes, delimiter: str) -> list[str] | None:
    """Column names of a CSV file, trimmed; ``None`` for a file without any record.

    Raises ``FeedError`` where it does not end within a megabyte.
    """
    with path.open("rb") as file:
        head = file.read(_MAX_HEADER_BYTES + 1)
    if len(head) > _MAX_HEADER_BYTES:
        head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1]
        if not head:
            raise FeedError("line 1 is longer than a megabyte, which no header is. Send the file again.")
    text = io.StringIO(head.decode("utf-8-sig"), newline="")
    for row in csv.reader(text, delimiter=delimiter):
        if row:
            return [name.strip() for name in row]
    return None


def _line_chunks(file: BinaryIO) -> Iterator[list[bytes]]:
    """Lines in chunks that end at a line end; a chunk ends only where no quoted value is open as far as
    counting tells. Of an endless line only the beginning is kept, one byte longer than a record may be.
    """
    carry = file.read(len(BOM))
    if carry == BOM:
        carry = b""
    while True:
        chunk = file.read(_CHUNK)
        block = carry + chunk
        if not chunk:
            break
        cut = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
        if not cut and len(block) > 2 * MAX_RECORD_BYTES:
            carry = block[: MAX_RECORD_BYTES + 1]
            continue
        # An odd number of quotes may mean an open value: the next chunk is read along, up to a bound.
        if not cut or (block.count(b'"', 0, cut) & 1 and len(block) < 4 * _CHUNK):
            carry = block
            continue
        if block[cut - 1 : cut + 1] == b"\r\n":
            cut += 1
        carry = block[cut:]
        yield _lines(block[:cut])
    if carry or block:
        yield _lines(block)


def _lines(block: bytes) -> list[bytes]:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = block.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines


def _joined(lines: list[Numbered], delimiter: bytes, bad: list[BadLine]) -> Iterator[Numbered]:
    """Records of lines some of which have an open quote at their end."""
    at = 0
    while at < len(lines):
        number, record = lines[at]
        at += 1
        if not record.count(b'"') & 1 or not _leaves_open(record, delimiter):
            yield number, record
            continue
        parts, end = [record], None
        for ahead in range(at, min(at + _MAX_QUOTED_LINES, len(lines))):
            parts.append(lines[ahead][1])
            if lines[ahead][1].count(b'"') & 1 and not _leaves_open(b"\n".join(parts), delimiter):
                end = ahead
                break
        if end is None:
            bad.append(BadLine(number, "unterminated_quote", "a quote is opened and never closed", record))
            continue
        yield number, b"\n".join(parts)
        at = end + 1


def _leaves_open(record: bytes, delimiter: bytes) -> bool:
    """Whether a quoted value is still open at the end; a quote inside an unquoted value means nothing."""
    inside = False
    for piece in record.split(delimiter):
        if inside or piece.startswith(b'"'):
            inside = inside != bool(piece.count(b'"') & 1)
    return inside
