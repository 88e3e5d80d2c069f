"""A small shop whose customers are invented, and a look at every byte under a folder for what is theirs."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from stdnum import luhn
from stdnum.cn import ric

from feeds.ingest import ingest_feed
from feeds.report import LoadRejected
from orchestration.keys import landing_vault
from orchestration.settings import settings
from orchestration.workspace import Workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEEDS = ("customers", "orders", "refunds", "events")
SHOP = """
name: corner
time_zone: Europe/Berlin
currency: EUR
countries: [DE]
sources:
  - {name: "{feed}", path: "{data}/{feed}", dialect: canonical, max_rejected_ratio: 0.9}
"""


@dataclass(frozen=True)
class Planted:
    """One invented customer; every value but the ids is a canary."""

    number: int
    id: str
    visitor: str
    name: str
    email: str
    phone: str
    mobile_cn: str
    identity: str
    card: str
    postcode: str

    @property
    def canaries(self) -> tuple[str, ...]:
        """Values that must stand nowhere in the clear."""
        return (self.name, self.email, self.phone, self.mobile_cn, self.identity, self.card, self.postcode)

    @property
    def note(self) -> str:
        """All of it in one free text."""
        called = f"Rückruf {self.phone} oder {self.mobile_cn}, Mail {self.email}."
        return f"{called} 身份证{self.identity}, Karte {self.card}"


def invent(number: int) -> Planted:
    """The invented customer of that number."""
    identity = f"110105{1950 + number % 50}0{1 + number % 9}1{number % 10}{number:03d}"
    card = f"411111{number:09d}"
    return Planted(
        number=number,
        id=f"cust-{number:05d}",
        visitor=f"visitor-{number:05d}",
        name=f"Zoë Quandary-{number:04d}",
        email=f"zoe.quandary.{number}@mail-{number}.example",
        phone=f"+49 30 9{number:06d}",
        mobile_cn=f"138{number:08d}",
        identity=identity + ric.calc_check_digit(identity + "0"),
        card=card + luhn.calc_check_digit(card),
        postcode=f"QX{number:05d}",
    )


class PlantedShop:
    """A shop on disk, the files that its sources send, and what ingesting them tells."""

    def __init__(self, root: Path) -> None:
        self.feeds, self.home = root / "feeds", root / "home"
        file = self.home / "shops" / "corner.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(SHOP, encoding="utf-8")
        os.environ["SHOPWRIGHT_SHOP"], os.environ["SHOPWRIGHT_FEEDS"] = "corner", str(self.feeds)
        os.environ["SHOPWRIGHT_HOME"] = str(self.home)

    @property
    def workspace(self) -> Workspace:
        settings.cache_clear()
        return Workspace.of(settings())

    @property
    def folder(self) -> Path:
        return self.home / "corner"

    def send(self, feed: str, name: str, content: str) -> Path:
        path = self.feeds / feed / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def ingest(self, *feeds: str) -> str:
        """Every feed ingested; all that was told of it, as text."""
        told, workspace = [], self.workspace
        for feed in feeds or FEEDS:
            try:
                report = ingest_feed(
                    workspace.shop, feed, self.home, now=NOW,
                    key=workspace.settings.personal_data_key(), vault=landing_vault(workspace.settings),
                )  # fmt: skip
                told.append(str(report))
            except LoadRejected as refused:
                told += [str(refused), str(refused.report)]
        return "\n".join(told)

    def rows(self, feed: str, *columns: str) -> list[tuple[Any, ...]]:
        table = self.workspace.lake.read("raw", feed, columns=list(columns))
        return sorted(zip(*(table[c].to_pylist() for c in columns), strict=True), key=repr)

    def send_people(self, people: list[Planted], day: str = "2026-02-01", bad_every: int = 5) -> None:
        """The people in typed and free-text columns of good rows, bad rows and broken lines."""
        customers = ["customer_id,full_name,email,phone,segment,updated_at,language"]
        orders, refunds = [], []
        events = ["event_id,visitor_id,customer_id,event_type,occurred_at,search_query"]
        for p in people:
            bad, n = p.number % bad_every == 0, p.number
            when = p.email if bad else f"{day}T10:00:00Z"
            customers.append(f'{p.id},{p.name},{p.email},{p.phone},"{p.note}",{when},de')
            if n % 7 == 0 and bad:
                customers.append(f'{p.id},{p.name},"{p.email},{p.phone}')
            order = {
                "order_id": f"order-{n}", "customer_id": p.id, "visitor_id": p.visitor,
                "ordered_at": f"{day}T10:00:00Z", "updated_at": f"{day}T10:00:00Z",
                "order_status": p.name if bad else "placed", "recipient_name": p.name,
                "shipping_postcode": p.postcode, "coupon_code": p.note, "currency": "EUR",
                "gross_amount": "5.00", "total_amount": "5.00",
            }  # fmt: skip
            orders.append(json.dumps(order, ensure_ascii=n % 2 == 0))
            if n % 11 == 0 and bad:
                orders.append(json.dumps(order, ensure_ascii=False)[:-9])
            refund = {
                "refund_id": f"refund-{n}", "order_id": f"order-{n}", "customer_id": p.id, "sku": "A",
                "refunded_at": f"{day}T11:00:00Z", "refund_kind": p.email if bad else "refund",
                "reason": p.note, "units": "1", "refund_amount": p.card if bad else "5.00", "currency": "EUR",
            }  # fmt: skip
            refunds.append(json.dumps(refund))
            search = f"e{n},{p.visitor},{p.id},search,{day}T10:00:00Z,{p.email} {p.mobile_cn}"
            events.append(search + (f",{p.name}" if bad else ""))
        self.send("customers", f"{day}.csv", "\n".join(customers) + "\n")
        self.send("orders", f"{day}.jsonl", "\n".join(orders) + "\n")
        self.send("refunds", f"{day}.jsonl", "\n".join(refunds) + "\n")
        self.send("events", f"{day}.csv", "\n".join(events) + "\n")


def search(root: Path, wanted: list[str]) -> dict[str, list[str]]:
    """Which of the strings stand in which file, compressed or not, by path."""
    hits = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        text = "\n".join(_texts(path))
        if here := [one for one in wanted if one in text]:
            hits[str(path.relative_to(root))] = here
    return hits


def _texts(path: Path) -> Iterator[str]:
    raw = path.read_bytes()
    yield raw.decode("utf-8", "replace")
    if path.suffix in (".json", ".jsonl"):
        yield raw.decode("unicode_escape", "replace")
    if raw.startswith(b"PAR1"):
        yield json.dumps(pq.ParquetFile(path).read().to_pylist(), default=str, ensure_ascii=False)
    elif raw.startswith(b"SQLite format 3"):
        with closing(sqlite3.connect(path)) as db:
            yield "\n".join(db.iterdump())
    elif raw[8:12] == b"DUCK":
        with closing(duckdb.connect(str(path), read_only=True)) as con:
            for schema, table in con.execute(
                "select schema_name, table_name from duckdb_tables()"
            ).fetchall():
                yield str(con.execute(f'from "{schema}"."{table}"').fetchall())


@pytest.fixture
def planted() -> Callable[[int], Planted]:
    return invent


@pytest.fixture
def found_under() -> Callable[[Path, list[str]], dict[str, list[str]]]:
    return search


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[PlantedShop]:
    """The shop, in an environment of its own."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("SHOPWRIGHT_", "DAGSTER_HOME")):
            del os.environ[name]
    os.environ["SHOPWRIGHT_PSEUDONYM_KEY_FILE"] = str(tmp_path / "keys" / "pseudonym.key")
    yield PlantedShop(tmp_path)
    os.environ.clear()
    os.environ.update(before)
    settings.cache_clear()
