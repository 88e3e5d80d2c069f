"""Malformed files, made by code, each with the outcome that is planted in it.

A case says how many data rows its file holds, how many of them are good, which rules take the others, or why
the file is refused as a whole. How the pipeline is run over them is the tests' concern.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.ledger import Ledger
from feeds.refusals import FilesRefused
from feeds.report import LoadReport
from feeds.shop import load_shop

EVENTS = "event_id,visitor_id,event_type,occurred_at,sku,search_query"
PRICES = "sku,currency,valid_from,price_amount"
AT = "2026-02-01T10:00:00Z"


@dataclass(frozen=True)
class Case:
    """A file, the feed it is sent to, and what must become of it."""

    name: str
    file: str
    content: bytes
    accepted: int = 0
    rules: Mapping[str, int] = field(default_factory=dict)
    refused: str | None = None
    feed: str = "events"
    options: str = ""
    deduplicated: int = 0


def event(n: int, query: str = "", sku: str = "A") -> str:
    """One line of an event."""
    return f"e{n},v{n},view,{AT},{sku},{query}"


def price(sku: str = "A", at: str = AT, amount: str = "1.50") -> str:
    """One line of a price."""
    return f"{sku},EUR,{at},{amount}"


def csv(*lines: str, header: str = EVENTS, end: str = "\n") -> bytes:
    """A CSV file of the header and the lines."""
    return (end.join([header, *lines]) + end).encode()


def json_event(n: int, **more: object) -> str:
    """One event as JSON."""
    return json.dumps(
        {"event_id": f"e{n}", "visitor_id": "v", "event_type": "view", "occurred_at": AT, **more},
        ensure_ascii=False,
    )


def parquet(columns: Mapping[str, object] | None = None, rows: int = 3, **options: object) -> bytes:
    """A Parquet file of events with some columns replaced; ``None`` leaves one out."""
    base: dict[str, object] = {
        "event_id": [f"e{n}" for n in range(rows)],
        "visitor_id": ["v"] * rows,
        "event_type": ["view"] * rows,
        "occurred_at": [AT] * rows,
    }
    base.update(columns or {})
    out = io.BytesIO()
    pq.write_table(pa.table({k: v for k, v in base.items() if v is not None}), out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def archive(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


def locked(content: bytes) -> bytes:
    """An archive whose members claim to be encrypted."""
    data = bytearray(content)
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        found = data.find(magic)
        data[found + at] |= 1
    return bytes(data)


def link(target: str) -> bytes:
    """An archive that holds a symbolic link."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        info = zipfile.ZipInfo("2026-02-01.csv")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        file.writestr(info, target)
    return out.getvalue()


Cell = str | int | float | None


def workbook(
    *rows: list[Cell], sheet: str = "Sheet1", dates: frozenset[tuple[int, int]] = frozenset()
) -> bytes:
    """A minimal Excel workbook; cells at ``dates`` (row, column) are numbers shown as dates."""
    lines = []
    for r, row in enumerate(rows, 1):
        cells = []
        for c, value in enumerate(row):
            at = f"{chr(65 + c)}{r}"
            if isinstance(value, str):
                text = value.replace("&", "&amp;").replace("<", "&lt;")
                cells.append(f'<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>')
            elif value is not None:
                style = ' s="1"' if (r, c) in dates else ""
                cells.append(f'<c r="{at}"{style}><v>{value!r}</v></c>')
        lines.append(f'<row r="{r}">{"".join(cells)}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    styles = (
        f'<styleSheet xmlns="{main}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs>'
        "</styleSheet>"
    )
    return archive(
        {
            "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>'.encode(),
            "_rels/.rels": (
                f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
                f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
            ).encode(),
            "xl/workbook.xml": (
                f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets>'
                f'<sheet name="{sheet}" sheetId="1" r:id="r1"/></sheets></workbook>'
            ).encode(),
            "xl/_rels/workbook.xml.rels": (
                f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
                f'Type="{rel}/worksheet" '
                f'Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{rel}/styles" '
                'Target="styles.xml"/></Relationships>'
            ).encode(),
            "xl/styles.xml": styles.encode(),
            "xl/worksheets/sheet1.xml": (
                f'<worksheet xmlns="{main}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
            ).encode(),
        }
    )


def lying_footer() -> bytes:
    """A Parquet file whose footer claims to be longer than the file."""
    data = parquet()
    return data[:-8] + struct.pack("<I", 0x7FFFFFFF) + b"PAR1"


def broken_footer() -> bytes:
    """A Parquet file whose footer has one inverted byte at its beginning."""
    data = parquet()
    return flipped(data, len(data) - 8 - struct.unpack("<I", data[-8:-4])[0])


def flipped(data: bytes, at: int) -> bytes:
    """The bytes with one of them inverted."""
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


NEIGHBOURS = 2


def check_outcome(case: Case, root: Path) -> None:
    """Send the file beside a good one and demand the planted outcome, to the row and to the words."""
    home, data = root / "home", root / "feeds"
    (home / "shops").mkdir(parents=True)
    (data / case.feed).mkdir(parents=True)
    (home / "shops" / "s.yaml").write_text(
        "name: s\ntime_zone: UTC\ncurrency: EUR\nsources:\n"
        f'  - {{name: "{{feed}}", path: "{{data}}/{{feed}}", max_rejected_ratio: 1{case.options}}}\n',
        encoding="utf-8",
    )
    good = [event(9001), event(9002)] if case.feed == "events" else [price("n1"), price("n2")]
    header = EVENTS if case.feed == "events" else PRICES
    delimiter = ";" if "delimiter: ';'" in case.options else ","
    (data / case.feed / "neighbour.csv").write_bytes(
        csv(*good, header=header).replace(b",", delimiter.encode())
    )
    (data / case.feed / case.file).write_bytes(case.content)
    reasons: tuple[str, ...] = ()
    try:
        report = _ingest(home, data, case.feed)
    except FilesRefused as refused:
        report, reasons = refused.report, refused.reasons
    told = " | ".join(reasons)
    if case.refused is None:
        assert not reasons, told
    else:
        assert case.refused in told, told
        assert case.file in told
        assert Ledger(home / "s" / "ledger.sqlite").refusals(case.feed) == list(reasons)
    assert (report.accepted, dict(report.by_rule)) == (case.accepted + NEIGHBOURS, dict(case.rules))
    assert report.deduplicated == case.deduplicated
    quarantined = sum(case.rules.values())
    assert report.rows_read == case.accepted + NEIGHBOURS + quarantined + case.deduplicated
    assert Lake(home / "s" / "lake").n_rows("raw", case.feed) == case.accepted + NEIGHBOURS


def _ingest(home: Path, data: Path, feed: str) -> LoadReport:
    shop = load_shop("s", home, data=data)
    return ingest_feed(shop, feed, home, key=b"k", now=datetime(2026, 3, 1, tzinfo=UTC), threads=1)
