"""Every line of Online Retail is accounted for, counted here a second time with the csv module."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.report import LoadReport
from feeds.shop import load_shop

Line = dict[str, str]


@pytest.fixture(scope="module")
def source(real_data: Path) -> list[Line]:
    lines = []
    for path in sorted((real_data / "online_retail").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            lines += list(csv.DictReader(file))
    return lines


@pytest.fixture(scope="module")
def ingested(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, LoadReport], Lake]:
    home = tmp_path_factory.mktemp("home")
    shop = load_shop("online_retail", home, data=real_data)
    told = {feed: ingest_feed(shop, feed, home, key=b"k") for feed in ("order_lines", "refunds", "orders")}
    return told, Lake(home / "online_retail" / "lake")


def way_of(line: Line) -> str:
    """Where an (unrepeated) line goes."""
    units, price = int(line["Quantity"]), float(line["UnitPrice"])
    if line["InvoiceNo"].startswith("C"):
        return "refund"
    if units <= 0:
        return "stock_write_off"
    if price == 0 and not line["CustomerID"]:
        return "stock_correction_without_price"
    return "negative_price" if price < 0 else "ordered"


@pytest.fixture(scope="module")
def unrepeated(source: list[Line]) -> list[Line]:
    return [dict(line) for line in dict.fromkeys(tuple(line.items()) for line in source)]


def test_the_published_totals_are_read(
    source: list[Line], ingested: tuple[dict[str, LoadReport], Lake]
) -> None:
    told, _ = ingested
    assert len(source) == told["order_lines"].source_rows == told["order_lines"].rows_read == 457_118
    assert told["refunds"].rows_read == 457_118
    assert told["orders"].source_rows == 457_118


def test_every_line_goes_the_way_that_a_second_count_says(
    source: list[Line], unrepeated: list[Line], ingested: tuple[dict[str, LoadReport], Lake]
) -> None:
    lines, refunds = ingested[0]["order_lines"], ingested[0]["refunds"]
    ways = Counter(map(way_of, unrepeated))
    assert lines.deduplicated == refunds.deduplicated == len(source) - len(unrepeated) == 4_014
    assert lines.accepted == ways["ordered"]
    assert (
        lines.by_rule
        == {"unit_price_amount_minimum": ways["negative_price"]}
        == {"unit_price_amount_minimum": 2}
    )
    assert lines.by_filter == {
        "cancellation": ways["refund"],
        "stock_write_off": ways["stock_write_off"],
        "stock_correction_without_price": ways["stock_correction_without_price"],
    }
    assert refunds.accepted == ways["refund"]
    assert refunds.quarantined == 0


def test_units_reconcile_to_the_published_sum(
    source: list[Line], unrepeated: list[Line], ingested: tuple[dict[str, LoadReport], Lake]
) -> None:
    lake = ingested[1]
    ordered = sum(lake.read("raw", "order_lines", columns=["units"])["units"].to_pylist())
    refunded = sum(lake.read("raw", "refunds", columns=["units"])["units"].to_pylist())
    elsewhere = sum(int(line["Quantity"]) for line in unrepeated if way_of(line) not in ("ordered", "refund"))
    repeated = sum(int(x["Quantity"]) for x in source) - sum(int(x["Quantity"]) for x in unrepeated)
    assert ordered - refunded + elsewhere + repeated == 4_473_824


def test_every_invoice_is_an_order_a_cancellation_or_a_stock_correction(
    unrepeated: list[Line], ingested: tuple[dict[str, LoadReport], Lake]
) -> None:
    orders = set(ingested[1].read("raw", "orders", columns=["order_id"])["order_id"].to_pylist())
    ways: dict[str, set[str]] = {}
    for line in unrepeated:
        ways.setdefault(line["InvoiceNo"], set()).add(way_of(line))
    assert len(ways) == 22_585
    assert orders == {invoice for invoice, seen in ways.items() if "ordered" in seen}
    cancelled = {invoice for invoice, seen in ways.items() if "refund" in seen}
    corrections = {invoice for invoice, seen in ways.items() if not seen & {"ordered", "refund"}}
    assert len(orders) + len(cancelled) + len(corrections) == 22_585


def test_an_orders_total_is_the_sum_of_its_lines(
    unrepeated: list[Line], ingested: tuple[dict[str, LoadReport], Lake]
) -> None:
    orders = ingested[1].read(
        "raw", "orders", columns=["order_id", "total_amount", "ordered_at", "customer_id"]
    )
    expected: dict[str, float] = {}
    for line in unrepeated:
        if way_of(line) == "ordered":
            amount = int(line["Quantity"]) * float(line["UnitPrice"])
            expected[line["InvoiceNo"]] = expected.get(line["InvoiceNo"], 0.0) + amount
    stored = {row["order_id"]: row for row in orders.to_pylist()}
    assert stored.keys() == expected.keys()
    worst = max(abs(float(stored[invoice]["total_amount"]) - total) for invoice, total in expected.items())
    assert worst < 0.0051
    assert stored["536365"]["customer_id"] == "17850"
    assert stored["536365"]["ordered_at"] == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)


def test_summer_times_of_london_become_utc(
    unrepeated: list[Line], ingested: tuple[dict[str, LoadReport], Lake]
) -> None:
    orders = ingested[1].read("raw", "orders", columns=["ordered_at", "order_id"]).to_pylist()
    local = {line["InvoiceNo"]: line["InvoiceDate"] for line in reversed(unrepeated)}
    london = ZoneInfo("Europe/London")
    # An invoice may be typed over two minutes; its order has the earlier one.
    late = [
        row["order_id"]
        for row in orders
        if not -60
        <= (
            row["ordered_at"] - datetime.fromisoformat(local[row["order_id"]]).replace(tzinfo=london)
        ).total_seconds()
        <= 0
    ]
    assert late == []


def test_lines_that_are_no_goods_are_marked(ingested: tuple[dict[str, LoadReport], Lake]) -> None:
    rows: list[dict[str, Any]] = (
        ingested[1].read("raw", "order_lines", columns=["sku", "line_kind"]).to_pylist()
    )
    kinds = {row["sku"]: row["line_kind"] for row in rows}
    codes = ("POST", "DOT", "C2", "BANK CHARGES", "M", "GIFT_0001_20", "85123A")
    assert {code: kinds[code] for code in codes} == {
        "POST": "shipping", "DOT": "shipping", "C2": "shipping", "BANK CHARGES": "fee", "M": "adjustment",
        "GIFT_0001_20": "gift_voucher", "85123A": "product",
    }  # fmt: skip
    assert Counter(row["line_kind"] for row in rows)["product"] > 0.99 * len(rows)
