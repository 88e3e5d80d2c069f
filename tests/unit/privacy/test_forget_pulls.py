"""A forgotten customer's records leave deliveries that wait in the spool, and snapshots of SQL tables."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from feeds.connectors.spool import Delivery, SpoolWriter, known_ids, read_spool
from feeds.connectors.spool_seal import seal_of
from feeds.connectors.webhook import spool_folder
from feeds.forgetting_pulls import forget_in_pulls
from feeds.people import Person
from feeds.shop import Shop, load_shop
from feeds.vault import Vault

GONE, OTHER = "C-1001", "C-1002"
PERSON = Person((GONE,), ("v-77",), ("O-5",), ())
VAULT = Vault.of(b"key")
SHOP = """
name: corner
time_zone: Europe/Berlin
currency: EUR
sources:
  - {name: pushed, connector: webhook, dialect: canonical, provides: [orders],
     pull: {secret_env: S, records: data.orders}}
  - {name: customers, connector: sql, dialect: canonical, provides: [customers],
     pull: {url_env: U, table: customers, key: [customer_id], version: updated_at,
            deletes: {tombstone: {segment: gone}}}}
"""


@pytest.fixture
def corner(tmp_path: Path) -> Shop:
    file = tmp_path / "shops" / "corner.yaml"
    file.parent.mkdir()
    file.write_text(SHOP)
    return load_shop("corner", tmp_path)


def order(number: str, customer: str | None, visitor: str = "v-1") -> dict[str, Any]:
    return {"order_id": number, "customer_id": customer, "visitor_id": visitor, "units": 1}


def payload(*orders: dict[str, Any], by: str = "") -> bytes:
    return json.dumps({"sent_by": by, "data": {"orders": list(orders)}}).encode()


def test_deliveries_lose_the_customers_records_and_keep_the_others(corner: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "corner"
    spool, seal = spool_folder(folder, "pushed"), seal_of(VAULT)
    writer = SpoolWriter(spool, seal)
    writer.append([Delivery("a", payload(order("O-1", GONE))), Delivery("b", payload(order("O-2", OTHER)))])
    mixed = payload(order("O-3", OTHER), order("O-5", None), order("O-6", None, "v-77"), by=GONE)
    writer.append([Delivery("c", mixed)])
    before = known_ids(spool)
    assert forget_in_pulls(corner, folder, VAULT, PERSON) == 3
    writer.append([Delivery("d", payload(order("O-9", OTHER)))])
    told = [json.loads(body) for bodies, _ in read_spool(spool, 0, seal) for body in bodies]
    assert [o["order_id"] for one in told for o in one["data"]["orders"]] == ["O-2", "O-3", "O-9"]
    assert GONE not in json.dumps(told)
    assert known_ids(spool)[: len(before)] == before
    assert forget_in_pulls(corner, folder, VAULT, PERSON) == 0


def test_snapshots_lose_the_customers_rows_under_their_old_name(corner: Shop, tmp_path: Path) -> None:
    snapshot = tmp_path / "corner" / "pulls" / "customers" / "abc.jsonl"
    snapshot.parent.mkdir(parents=True)
    snapshot.write_text("".join(json.dumps({"customer_id": c}) + "\n" for c in (GONE, OTHER)))
    assert forget_in_pulls(corner, tmp_path / "corner", VAULT, PERSON) == 1
    assert snapshot.read_text() == json.dumps({"customer_id": OTHER}) + "\n"
    assert os.listdir(snapshot.parent) == ["abc.jsonl"]
