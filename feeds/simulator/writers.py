"""Tables as the bytes of feed files: CSV, JSON Lines or Parquet, the same bytes for the same table."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

FORMATS = {"payments": "jsonl", "stock_levels": "parquet"}  # the others are CSV
WITH_FREE_TEXT = frozenset({"products", "order_lines"})  # commas and quotes happen; every text is quoted

_DAY_SECONDS = 86_400
_CLOCK = pa.array([f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}Z" for s in range(_DAY_SECONDS)])


def format_of(feed: str) -> str:
    """The format, and file name ending, in which the shop sends a feed."""
    return FORMATS.get(feed, "csv")


def render(feed: str, table: pa.Table) -> bytes:
    """The file of a table, in the feed's format; timestamps are ISO 8601 in UTC with a Z."""
    kind = format_of(feed)
    if kind == "parquet":
        return _parquet(table)
    readable = _with_readable_instants(table)
    return _json_lines(readable) if kind == "jsonl" else _csv(readable, feed in WITH_FREE_TEXT)


def _csv(table: pa.Table, has_free_text: bool) -> bytes:
    buffer = io.BytesIO()
    style = "needed" if has_free_text else "none"
    pa_csv.write_csv(table, buffer, pa_csv.WriteOptions(quoting_style=style, quoting_header=style))
    return buffer.getvalue()


def _json_lines(table: pa.Table) -> bytes:
    cells = []
    for field in table.schema:
        values = table[field.name]
        if pa.types.is_string(field.type):
            texts = ["null" if v is None else json.dumps(v, ensure_ascii=False) for v in values.to_pylist()]
        else:
            texts = ["null" if v is None else v for v in values.cast(pa.string()).to_pylist()]
        cells.append([f'"{field.name}":{text}' for text in texts])
    return "".join("{" + ",".join(row) + "}\n" for row in zip(*cells, strict=True)).encode()


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _with_readable_instants(table: pa.Table) -> pa.Table:
    """Timestamps as texts like 2025-01-01T09:30:00Z; whole seconds are all the simulator knows."""
    for i, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(i, field.name, _readable(table[field.name]))
    return table


def _readable(instants: pa.ChunkedArray) -> pa.ChunkedArray:
    if len(instants) == 0:
        return instants.cast(pa.string())
    seconds = pc.divide(instants.cast(pa.int64()), 1_000_000).combine_chunks()
    numbers = seconds.fill_null(0).to_numpy(zero_copy_only=False)
    days = numbers // _DAY_SECONDS
    first = int(days.min())
    labels = pa.array(np.arange(first, int(days.max()) + 1).astype("datetime64[D]").astype(str))
    nulls = seconds.is_null().to_numpy(zero_copy_only=False)
    day_texts = labels.take(pa.array(days - first, mask=nulls))
    clock_texts = _CLOCK.take(pa.array(numbers % _DAY_SECONDS, mask=nulls))
    return pc.binary_join_element_wise(day_texts, clock_texts, "")
