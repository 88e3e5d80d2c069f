"""A launch on a few invented rows: what it makes is thrown away, but Java has done everything once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_quality.contract import load_contract
from transforms.plan import JOBS, OUTPUTS_OF_JOB, TABLES_SINCE, Plan, parse_plan
from transforms.tables import write_empty

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENTS = [
    {"event_id": f"e{n}", "visitor_id": f"v{n % 3}", "event_type": kind, "sku": f"s{n % 4}",
     "occurred_at": NOON - timedelta(minutes=n)}
    for n, kind in enumerate(("view", "view", "add_to_cart", "search", "purchase") * 8)
]  # fmt: skip
LINES = [
    {"order_id": f"o{n // 3}", "sku": f"s{n % 4}", "line_kind": "product", "ordered_at": NOON}
    for n in range(12)
]


def rehearsal(folder: Path, *, adds_a_day: bool = False) -> Plan:
    """The plan of all jobs on invented rows, whose files are written under ``folder``.

    With ``adds_a_day`` it is that of a shop's day, which adds to tables made before; they are empty.
    """
    inputs = {}
    for feed, rows in (("events", EVENTS), ("order_lines", LINES)):
        file = folder / f"{feed}.parquet"
        schema = load_contract(feed).arrow_schema().append(pa.field("_load_number", pa.int64()))
        pq.write_table(pa.Table.from_pylist([row | {"_load_number": 1} for row in rows], schema), file)
        inputs[feed] = {"files": [str(file)]}
    outputs = [output for job in JOBS for output in OUTPUTS_OF_JOB[job]]
    document: dict[str, Any] = {
        "inputs": inputs,
        "outputs": {output: str(folder / "out" / output) for output in outputs},
        "as_of": "2026-03-01", "scratch": str(folder / "work"),
    }  # fmt: skip
    if adds_a_day:
        tables = {}
        for name in TABLES_SINCE:
            write_empty(name, str(folder / "before" / name))
            tables[name] = {"files": [str(path) for path in (folder / "before" / name).glob("*.parquet")]}
        document["since"] = {"loads": {}, "as_of": "2026-02-28", "tables": tables}
        # The invented day is the whole history: it is to be added all the same.
        document["settings"] = {"run": {"rebuild_share": 1}}
    return parse_plan(document)
