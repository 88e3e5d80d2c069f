"""One order (two lines, a coupon, a partial refund, two parcels, another currency) told in five dialects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from feeds.dialect import load_dialect
from feeds.dialect_trial import Place, Trial, sample_files, try_feed

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
PLATFORMS = ["taobao", "jd", "ali1688", "shopify"]
FEEDS = ["orders", "order_lines", "payments", "refunds", "shipments", "order_status_events"]
# The only column that says which platform told the order; a platform's own name stands in it.
NAMES_THE_PLATFORM = ("channel",)
# The shop counts in euros and lives in Berlin; the order is in yuan and was told in Shanghai's time.
PLACE = Place(currency="EUR", time_zone="Europe/Berlin")


def told(dialect: str, feed: str) -> Trial:
    return try_feed(dialect, feed, sample_files(dialect, GOLDEN / dialect), PLACE)


def in_bytes(rows: pa.Table, columns: list[str]) -> bytes:
    sink = pa.BufferOutputStream()
    table = rows.select(columns).combine_chunks()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("dialect", PLATFORMS)
def test_the_golden_order_is_the_same_bytes_in_every_dialect(dialect: str, feed: str) -> None:
    canonical, platform = told("canonical", feed), told(dialect, feed)
    assert platform.judged.quarantined == canonical.judged.quarantined == 0
    untold = load_dialect(dialect).untold.get(feed, ())
    compared = [c for c in canonical.rows.column_names if c not in (*NAMES_THE_PLATFORM, *untold)]
    assert in_bytes(platform.rows, compared) == in_bytes(canonical.rows, compared)
    for column in untold:
        assert platform.rows.column(column).null_count == platform.rows.num_rows
    if feed == "orders":
        assert platform.rows["channel"].to_pylist() == [dialect]


def test_few_columns_of_the_golden_order_are_untold() -> None:
    """What a platform's documents do not tell; a longer list would make the comparison empty."""
    rows = told("canonical", "orders").rows
    filled = {c for c in rows.column_names if rows.column(c).null_count == 0}
    lacking = {d: sorted(filled & set(load_dialect(d).untold["orders"])) for d in PLATFORMS}
    assert lacking == {
        "taobao": ["tax_amount"],
        "jd": ["coupon_code", "shipping_postcode", "tax_amount"],
        "ali1688": ["coupon_code", "tax_amount"],
        "shopify": [],
    }


def test_the_golden_order_is_what_was_planted() -> None:
    """The canonical telling itself, counted by hand."""
    lines, order = told("taobao", "order_lines").rows, told("taobao", "orders").rows.to_pylist()[0]
    gross = sum(row["units"] * row["unit_price_amount"] for row in lines.to_pylist())
    assert (str(gross), str(order["gross_amount"])) == ("306.00", "306.00")
    assert (
        order["gross_amount"] - order["discount_amount"] + order["shipping_amount"] == order["total_amount"]
    )
    assert sum(row["discount_amount"] for row in lines.to_pylist()) == order["discount_amount"]
    assert (order["currency"], order["ordered_at"].isoformat()) == ("CNY", "2026-02-03T02:00:00+00:00")
    refund = told("taobao", "refunds").rows.to_pylist()[0]
    assert (refund["line_number"], refund["units"], str(refund["refund_amount"])) == (2, 1, "43.00")
    assert told("taobao", "shipments").rows["carrier"].to_pylist() == ["sf", "zto"]


STATES: dict[str, tuple[str, list[str]]] = {
    "taobao": ("trades", ["status"]),
    "jd": ("orders", ["orderState"]),
    "ali1688": ("orders", ["baseInfo", "status"]),
    "shopify": ("orders", ["financial_status"]),
}


@pytest.mark.parametrize("dialect", PLATFORMS)
def test_an_unknown_status_is_quarantined_and_not_dropped(dialect: str, tmp_path: Path) -> None:
    shape, path = STATES[dialect]
    record: dict[str, Any] = json.loads((GOLDEN / dialect / f"{shape}.jsonl").read_text(encoding="utf-8"))
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = "SOMETHING_NEW"
    (tmp_path / f"{shape}.jsonl").write_text(json.dumps(record), encoding="utf-8")
    trial = try_feed(dialect, "orders", sample_files(dialect, tmp_path), PLACE)
    assert trial.judged.by_rule == {"order_status_allowed": 1}
    assert trial.judged.accepted == 0


@pytest.mark.parametrize("dialect", PLATFORMS)
def test_every_documented_status_means_something(dialect: str, tmp_path: Path) -> None:
    """Each listed state, told in an order of its own, is accepted."""
    shape, path = STATES[dialect]
    tables = load_dialect(dialect).statuses
    table = next(t for t in tables.values() if t.makes == "orders.order_status")
    text = (GOLDEN / dialect / f"{shape}.jsonl").read_text(encoding="utf-8")
    records = []
    for number, state in enumerate(table.values):
        record = json.loads(text.replace("190000000000000001", f"{190000000000001000 + number}"))
        inner = record
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = state
        records.append(json.dumps(record))
    (tmp_path / f"{shape}.jsonl").write_text("\n".join(records), encoding="utf-8")
    trial = try_feed(dialect, "orders", sample_files(dialect, tmp_path), PLACE)
    assert (trial.judged.accepted, trial.judged.quarantined) == (len(records), 0)
