"""A receiver that is killed under load: every acknowledged delivery is in the lake afterwards, none twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.shop import Shop, load_shop

SECRET = b"0123456789abcdef0123456789abcdef"
DRILL = Path(__file__).with_name("receiver_drill.py")
SHOP = """
name: pushed
time_zone: Europe/Berlin
currency: EUR
sources:
  - name: push
    connector: webhook
    provides: [events]
    pull: {secret_env: SHOP_WEBHOOK_SECRET, records: data}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sender:
    """Sends events from several threads until the receiver dies, and keeps what was acknowledged."""

    def __init__(self, port: int, start: int) -> None:
        self.port, self.next, self.acknowledged = port, start, set[str]()
        self.sent = set[str]()
        self._lock, self._stop = threading.Lock(), threading.Event()

    def run(self, n_threads: int = 4) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._send_all) for _ in range(n_threads)]
        for thread in threads:
            thread.start()
        return threads

    def stop(self) -> None:
        self._stop.set()

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self._stop.is_set():
            with self._lock:
                key, self.next = f"e{self.next}", self.next + 1
                self.sent.add(key)
            try:
                if send(connection, key) in (200, 202):
                    with self._lock:
                        self.acknowledged.add(key)
            except (OSError, http.client.HTTPException):
                return


def send(connection: http.client.HTTPConnection, key: str) -> int:
    event = {
        "event_id": key,
        "visitor_id": "v1",
        "event_type": "view",
        "occurred_at": "2026-02-01T10:00:00Z",
        "sku": "A",
    }
    body, moment = json.dumps({"type": "event", "data": event}).encode(), str(int(time.time()))
    mac = hmac.new(SECRET, f"{key}.{moment}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(mac).decode()
    headers = {"webhook-id": key, "webhook-timestamp": moment, "webhook-signature": signature}
    connection.request("POST", "/webhooks/push", body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    (tmp_path / "shops").mkdir()
    (tmp_path / "shops" / "pushed.yaml").write_text(SHOP)
    return load_shop("pushed", tmp_path)


def start(home: Path, port: int) -> subprocess.Popen[str]:
    secret = "whsec_" + base64.b64encode(SECRET).decode()
    process = subprocess.Popen(
        [sys.executable, str(DRILL), str(home), str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "SHOP_WEBHOOK_SECRET": secret},
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def ingest(shop: Shop, home: Path) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    ingest_feed(shop, "events", home, key=b"test key", now=now)


def drill(shop: Shop, home: Path, kills: int, seed: int) -> tuple[set[str], set[str], list[str]]:
    """Sent and acknowledged keys over some kills, and the keys in the lake after a last start."""
    rng, sent, acknowledged = random.Random(seed), set[str](), set[str]()
    next_key = 0
    for _ in range(kills):
        receiver = start(home, port := free_port())
        sender = Sender(port, next_key)
        threads = sender.run()
        if rng.random() < 0.5:
            # Ingestion reads the spool while the receiver writes to it.
            ingest(shop, home)
        time.sleep(rng.uniform(0.05, 0.4))
        receiver.kill()
        receiver.wait()
        for thread in threads:
            thread.join()
        sent |= sender.sent
        acknowledged |= sender.acknowledged
        next_key = sender.next
    receiver = start(home, port := free_port())
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        # What was not acknowledged is sent again, and some of what was.
        for key in sorted(sent - acknowledged) + sorted(acknowledged)[-20:]:
            assert send(connection, key) in (200, 202)
        acknowledged |= sent
        ingest(shop, home)
    finally:
        receiver.kill()
        receiver.wait()
    found = Lake(home / shop.name / "lake").read("raw", "events", columns=["event_id"])
    return sent, acknowledged, found["event_id"].to_pylist()


def test_acknowledged_deliveries_survive_kills_and_are_ingested_once(shop: Shop, tmp_path: Path) -> None:
    _, acknowledged, found = drill(shop, tmp_path, kills=1, seed=1)
    assert len(acknowledged) > 20
    assert len(found) == len(set(found))
    assert set(found) == acknowledged
    spool = b"".join(path.read_bytes() for path in (tmp_path / "pushed" / "spool").rglob("segment-*"))
    assert b"sealed:" in spool
    assert b"event_id" not in spool


@pytest.mark.chaos
def test_acknowledged_deliveries_survive_twenty_kills(shop: Shop, tmp_path: Path) -> None:
    _, acknowledged, found = drill(shop, tmp_path, kills=20, seed=2)
    assert len(found) == len(set(found))
    assert set(found) == acknowledged
