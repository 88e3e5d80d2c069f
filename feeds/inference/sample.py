"""The first records of an unknown file: format, encoding, delimiter, header and cells, all by looking.

Only a bounded part is read, and nothing is landed. What the columns mean is ``mapping``'s work.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from feeds.connectors.files import FoundFile, format_of
from feeds.contents import Content, contents
from feeds.dialect import Shape
from feeds.encodings import Encoding, to_utf8
from feeds.inference.values import kind_of
from feeds.reading_excel import excel_records
from feeds.report import FeedError, LandingError
from feeds.shape_tables import BatchFile, ShapeRead

MAX_BYTES = 4 << 20
MAX_ROWS = 1000
_DELIMITERS = (",", ";", "\t", "|")
Cell = str | None


@dataclass(frozen=True)
class Sample:
    """What the beginning of a file holds; ``confidence`` tells how sure each guess about its form is."""

    name: str
    format: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    has_header: bool
    confidence: dict[str, float]

    def column(self, number: int) -> list[str]:
        """Cells of a column that hold something, trimmed."""
        cells = (row[number] for row in self.rows if number < len(row))
        return [cell.strip() for cell in cells if cell is not None and cell.strip()]


def read_sample(path: Path) -> Sample:
    """The first records of a file (of an archive: of its first member); raises ``FeedError`` for what cannot
    be read at all.
    """
    if not path.is_file():
        raise FeedError(f"There is no file {path}. Name the file to look at.")
    content = _first(path)
    if content.format == "parquet":
        return _parquet(content, path)
    if content.format == "excel":
        return _excel(content, path)
    encoding = _encoding(content)
    if encoding is None:
        raise FeedError(f"{content.name} is neither text, Parquet nor a workbook. Send CSV, JSON or Parquet.")
    text = _text(content, encoding)
    sure = {"encoding": round(encoding.confidence, 2)}
    begin = text.lstrip("\ufeff \r\n\t")[:1]
    if begin in ("{", "["):
        return _json(content.name, text, begin, encoding.name, sure)
    return _csv(content.name, text, encoding.name, sure)


def _first(path: Path) -> Content:
    stat = path.stat()
    found = FoundFile(path, path.name, stat.st_size, stat.st_mtime_ns, format_of(path.name) or "csv")
    for content in contents(found, path, None):
        if isinstance(content, LandingError):
            raise content
        return content
    raise FeedError(f"{path.name} holds nothing.")


def _encoding(content: Content) -> Encoding | None:
    """The encoding that landing would find; where it is too doubtful for that, the likelier one."""
    try:
        return content.encoding()
    except LandingError:
        with content.open() as stream:
            head = stream.read(1 << 16)
        high = sum(byte > 127 for byte in head) / len(head)
        for name in ("cp1252", "gb18030", "big5") if high < 0.05 else ("gb18030", "big5", "cp1252"):
            try:
                head[: head.rfind(b"\n") + 1].decode(name)
            except UnicodeDecodeError:
                continue
            return Encoding(name, 0.5)
        raise


def _text(content: Content, encoding: Encoding) -> str:
    """The first megabytes as text, cut at a line's end."""
    taken, cut = bytearray(), False
    with content.open() as stream:
        for chunk in to_utf8(stream, encoding, content.name):
            taken += chunk
            if len(taken) > MAX_BYTES:
                cut = True
                break
    if cut:
        del taken[taken.rfind(b"\n", 0, MAX_BYTES) + 1 :]
    text = bytes(taken).decode("utf-8", "ignore").removeprefix("\ufeff")
    if not text.strip():
        raise FeedError(f"{content.name} is empty. Send a file with records.")
    if sum(ord(c) < 9 or 13 < ord(c) < 32 for c in text[:10_000]) > 10:
        raise FeedError(f"{content.name} is no text. Send CSV, JSON, Parquet or a workbook.")
    return text


def _csv(name: str, text: str, encoding: str, sure: dict[str, float]) -> Sample:
    delimiter, confidence = _delimiter(text)
    records = [row for row in islice(csv.reader(io.StringIO(text), delimiter=delimiter), MAX_ROWS + 1) if row]
    has_header, header_sure = _has_header(records)
    header = [cell.strip() for cell in records[0]] if has_header else _numbered(len(records[0]))
    rows = records[1:] if has_header else records
    form = "tsv" if delimiter == "\t" and name.lower().endswith((".tsv", ".tab")) else "csv"
    sure = {
        **sure,
        "delimiter": confidence,
        "header": header_sure,
        "format": 0.95 if confidence > 0.9 else 0.6,
    }
    cells = tuple(tuple(row) for row in rows[:MAX_ROWS])
    return Sample(name, form, encoding, delimiter, tuple(header), cells, has_header, sure)


def _delimiter(text: str) -> tuple[str, float]:
    """The delimiter whose number of fields is most even over the first lines, and how even it is."""
    head = "\n".join(text.splitlines()[:60])
    best, score = ",", 0.0
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in csv.reader(io.StringIO(head), delimiter=delimiter) if row]
        width, n = Counter(widths).most_common(1)[0]
        if width > 1 and (n / len(widths), width) > (score, 0) and n / len(widths) >= score:
            even = n / len(widths)
            if even > score or width > 2:
                best, score = delimiter, even
    return best, round(score, 2) if score else 0.3


def _has_header(records: list[list[str]]) -> tuple[bool, float]:
    """Names are texts that differ from each other and from what stands below them."""
    first = [cell.strip() for cell in records[0]]
    if len(set(first)) < len(first) or not all(first):
        return False, 0.7
    values = sum(kind_of(cell) != "text" for cell in first)
    if values:
        return False, 0.9
    below = records[1:50]
    typed = sum(any(kind_of(c.strip()) != "text" for c in column) for column in zip(*below, strict=False))
    return True, 0.98 if typed else 0.75


def _numbered(n: int) -> list[str]:
    return [f"column_{i}" for i in range(1, n + 1)]


def _json(name: str, text: str, begin: str, encoding: str, sure: dict[str, float]) -> Sample:
    form, records = "jsonl", list(islice(_json_lines(text), MAX_ROWS))
    is_wrapped = len(records) == 1 and any(isinstance(v, list) and v for v in records[0].values())
    if begin == "[" or not records or is_wrapped:
        try:
            told = json.loads(text)
        except ValueError as broken:
            raise FeedError(f"{name} looks like JSON, but is none ({broken}). Send JSON Lines.") from broken
        form = "json"
        nested = (
            next((v for v in told.values() if isinstance(v, list)), []) if isinstance(told, dict) else told
        )
        records = [record for record in nested[:MAX_ROWS] if isinstance(record, dict)]
    header = list(dict.fromkeys(key for record in records for key in record))
    if not header:
        raise FeedError(f"{name} holds no JSON objects. Send one object a line.")
    rows = tuple(tuple(_as_text(record.get(key)) for key in header) for record in records)
    return Sample(
        name, form, encoding, ",", tuple(header), rows, True, {**sure, "format": 0.98, "header": 1.0}
    )


def _json_lines(text: str) -> Iterator[dict[str, object]]:
    for line in text.splitlines():
        if line.strip():
            try:
                record = json.loads(line, parse_float=str)
            except ValueError:
                return
            if isinstance(record, dict):
                yield record


def _parquet(content: Content, path: Path) -> Sample:
    with content.open() as stream:
        table = next(pq.ParquetFile(stream).iter_batches(MAX_ROWS))
    columns = [[_as_text(value) for value in column.to_pylist()] for column in table.columns]
    rows = tuple(zip(*columns, strict=True))
    sure = {"format": 1.0, "header": 1.0, "encoding": 1.0}
    return Sample(content.name, "parquet", "utf-8", ",", tuple(table.schema.names), rows, True, sure)


def _excel(content: Content, path: Path) -> Sample:
    file = BatchFile(0, path, content.name, "excel")
    records: list[dict[str, object]] = []
    for chunk in excel_records(file, path, Shape(content.name, ()), ShapeRead(), []):
        records += [json.loads(line) for _, line in chunk]
        if len(records) >= MAX_ROWS:
            break
    header = tuple(dict.fromkeys(key for record in records for key in record))
    rows = tuple(tuple(_as_text(record.get(key)) for key in header) for record in records[:MAX_ROWS])
    return Sample(content.name, "excel", "utf-8", ",", header, rows, True, {"format": 1.0, "header": 0.9})


def _as_text(value: object) -> Cell:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
