"""Receiving webhooks: what is refused and how, what is durable, and what is known after a restart."""

from __future__ import annotations

import base64
import errno
import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from feeds.connectors.spool import Delivery, SpoolWriter
from feeds.connectors.webhook import SpoolPull, spool_folder
from feeds.connectors.webhook_receiver import webhook_app
from feeds.connectors.webhook_signature import Refused, Signing, sign
from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.report import FeedError
from feeds.shop import load_shop

NOW = 1_770_000_000.0
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
SHOP = """
name: pushed
time_zone: Europe/Berlin
currency: EUR
sources:
  - {name: push, connector: webhook, provides: [events], pull: {secret_env: PUSH_SECRET, max_bytes: 2000}}
  - name: shopify
    connector: webhook
    provides: [orders]
    pull: {secret_env: SHOPIFY_SECRET, scheme: shopify}
"""
BODY = b'{"event_id": "e1"}'


def signed(key: str, body: bytes, at: float = NOW, secret: bytes = KEY) -> dict[str, str]:
    content = f"{key}.{int(at)}.".encode() + body
    return {
        "webhook-id": key,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": f"v1a,none v1,{sign(secret, content)}",
    }


@pytest.fixture
def receiving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    monkeypatch.setenv("PUSH_SECRET", f"{base64.b64encode(b'an older secret of 24 b.').decode()} {SECRET}")
    monkeypatch.setenv("SHOPIFY_SECRET", "shopify-secret-of-the-app")
    file = tmp_path / "pushed.yaml"
    file.write_text(SHOP)

    @contextmanager
    def start() -> Iterator[TestClient]:
        app = webhook_app(load_shop(file), tmp_path / "pushed", clock=lambda: NOW)
        with TestClient(app) as client:
            yield client

    return start


def stored(tmp_path: Path, source: str = "push") -> list[Any]:
    pages = SpoolPull(spool_folder(tmp_path / "pushed", source), "").pages(None)
    return [record for page in pages for record in page.records]


def test_the_signature_of_the_specification_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    # The published example of Standard Webhooks.
    monkeypatch.setenv("S", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    signing = Signing.of("standard", "S")
    assert signing.verify(headers, b'{"test": 2432232314}', 1614265330.0) == headers["webhook-id"]
    with pytest.raises(Refused, match="does not fit"):
        signing.verify(headers, b'{"test":2432232314}', 1614265330.0)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 202),
        ({"webhook-signature": "v1,AAAA"}, 401),
        ({"webhook-signature": ""}, 401),
        ({"webhook-id": "other"}, 401),
        ({"webhook-timestamp": str(int(NOW) - 1)}, 401),
        ({"webhook-timestamp": "soon"}, 400),
        ({"webhook-id": ""}, 400),
    ],
)
def test_only_a_proved_delivery_is_taken(
    receiving: Callable[[], Any], tmp_path: Path, change: dict[str, str], status: int
) -> None:
    with receiving() as client:
        answer = client.post("/webhooks/push", content=BODY, headers={**signed("d1", BODY), **change})
    assert answer.status_code == status
    assert stored(tmp_path) == ([json.loads(BODY)] if status == 202 else [])


@pytest.mark.parametrize("seconds", [-301, 301, -299, 299])
def test_a_delivery_outside_the_window_is_refused(receiving: Callable[[], Any], seconds: int) -> None:
    with receiving() as client:
        answer = client.post("/webhooks/push", content=BODY, headers=signed("d1", BODY, NOW + seconds))
    assert answer.status_code == (401 if abs(seconds) > 300 else 202)


@pytest.mark.parametrize("body", [b"{", b'"text"', b"\xff\xfe", b"[" * 1500])
def test_a_signed_body_that_is_no_payload_is_malformed(
    receiving: Callable[[], Any], tmp_path: Path, body: bytes
) -> None:
    with receiving() as client:
        assert client.post("/webhooks/push", content=body, headers=signed("d", body)).status_code == 400
    assert stored(tmp_path) == []


def test_a_body_that_is_too_large_is_refused_before_it_is_read(receiving: Callable[[], Any]) -> None:
    with receiving() as client:
        body = b'{"a": "' + b"x" * 3000 + b'"}'
        assert client.post("/webhooks/push", content=body, headers=signed("d", body)).status_code == 413
        chunks = (body[i : i + 500] for i in range(0, len(body), 500))
        assert client.post("/webhooks/push", content=chunks, headers=signed("d", body)).status_code == 413


def test_deliveries_of_shopify_are_proved_by_their_body(receiving: Callable[[], Any], tmp_path: Path) -> None:
    mac = sign(b"shopify-secret-of-the-app", BODY)
    headers = {"X-Shopify-Webhook-Id": "w1", "X-Shopify-Hmac-Sha256": mac}
    with receiving() as client:
        assert client.post("/webhooks/shopify", content=BODY, headers=headers).status_code == 202
        assert client.post("/webhooks/shopify", content=BODY, headers=headers).status_code == 200
        assert client.post("/webhooks/shopify", content=BODY + b" ", headers=headers).status_code == 401
    assert len(stored(tmp_path, "shopify")) == 1


def test_a_delivery_is_taken_once_also_after_a_restart_and_after_it_was_ingested(
    receiving: Callable[[], Any], tmp_path: Path
) -> None:
    def post(client: TestClient) -> int:
        return client.post("/webhooks/push", content=BODY, headers=signed("d1", BODY)).status_code

    with receiving() as client:
        assert [post(client), post(client)] == [202, 200]
    spool = SpoolPull(spool_folder(tmp_path / "pushed", "push"), "")
    with receiving() as client:
        assert post(client) == 200
        assert client.post("/webhooks/push", content=b"{}", headers=signed("d2", b"{}")).status_code == 202
        cursor = list(spool.pages(None))[-1].cursor
        # Ingestion has closed the segment under the running receiver, which begins another.
        assert client.post("/webhooks/push", content=b"{}", headers=signed("d3", b"{}")).status_code == 202
    assert [page.records for page in spool.pages(cursor)] == [[{}]]
    assert [p.name for p in sorted((tmp_path / "pushed/spool/push").glob("segment*"))] == [
        "segment-00000001.ids",
        "segment-00000002.ids",
        "segment-00000003.closed",
    ]
    with receiving() as client:
        assert post(client) == 200


def test_a_full_disk_is_answered_with_503_and_nothing_half_written_stays(
    receiving: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if b"event_id" in bytes(data):
            real(descriptor, bytes(data)[:20])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    with receiving() as client:
        with monkeypatch.context() as patched:
            patched.setattr("feeds.connectors.spool.os.write", full)
            answer = client.post("/webhooks/push", content=BODY, headers=signed("d1", BODY))
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert stored(tmp_path) == []
        assert client.post("/webhooks/push", content=BODY, headers=signed("d1", BODY)).status_code == 202
    assert stored(tmp_path) == [json.loads(BODY)]


def test_a_stream_replayed_in_any_order_under_new_ids_ends_in_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pushed.yaml"
    file.write_text(SHOP)
    shop, tables = load_shop(file), []
    events = [
        {"event_id": f"e{n}", "visitor_id": "v", "event_type": "view", "occurred_at": f"2026-02-0{1 + n % 9}"}
        for n in range(30)
    ]
    for seed, copies in enumerate([1, 3, 3]):
        home, stream = tmp_path / str(seed), [e for e in events for _ in range(copies)]
        random.Random(seed).shuffle(stream)
        writer = SpoolWriter(spool_folder(home / "pushed", "push"))
        for start in range(0, len(stream), 25):
            pushed = stream[start : start + 25]
            writer.append([Delivery(f"d{start + n}", json.dumps(e).encode()) for n, e in enumerate(pushed)])
            ingest_feed(shop, "events", home, key=b"key", now=datetime(2026, 3, 1, tzinfo=UTC))
        table = Lake(home / "pushed" / "lake").read("raw", "events", columns=["event_id", "occurred_at"])
        tables.append(sorted(map(repr, table.to_pylist())))
    assert len(tables[0]) == 30
    assert tables[0] == tables[1] == tables[2]


def test_a_second_receiver_of_a_shop_is_refused(receiving: Callable[[], Any]) -> None:
    with receiving(), pytest.raises(FeedError, match=r"webhook\.lock"), receiving():
        pass


def test_a_shop_without_its_secret_does_not_start(
    receiving: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PUSH_SECRET")
    with pytest.raises(FeedError, match="PUSH_SECRET is not set"), receiving():
        pass
