"""How many pushed events a second the receiver makes durable, and how long a sender waits for the answer.

The receiver is the real command in a process of its own, with the spool sealed; the load generator is this
process, on the same cores. First as fast as the connections go, then at a fixed rate, where the time counts
from when an event was due, so that a stall is not hidden by waiting. Afterwards every acknowledged event must
be in the spool once.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import describe_machine
from feeds.connectors.spool import read_spool
from feeds.connectors.spool_seal import VaultSeal
from feeds.vault import Vault

RESULTS = Path(__file__).resolve().parent / "results"
SECRET = b"0123456789abcdef0123456789abcdef"
KEY = "a key for the benchmark"
CONNECTIONS = 16
SECONDS = float(os.environ.get("BENCH_SECONDS", 10))
LIMIT_PER_SECOND, LIMIT_P99_MS = 1000, 50
SHOP = """
name: pushed
time_zone: UTC
currency: EUR
sources:
  - {name: push, connector: webhook, provides: [events], pull: {secret_env: PUSH_SECRET, records: data}}
"""


def main() -> None:
    """Measure, print and write."""
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "shops").mkdir()
        (home / "shops" / "pushed.yaml").write_text(SHOP)
        fastest, at_rate, spooled, cpu_seconds = measure(home)
    result = {
        "machine": machine,
        "seconds": SECONDS,
        "connections": CONNECTIONS,
        "as_fast_as_possible": fastest,
        "at_fixed_rate": at_rate,
        "acknowledged": fastest["events"] + at_rate["events"],
        "spooled": spooled,
        "receiver_cpu_ms_per_event": round(1000 * cpu_seconds / spooled, 3),
        "held": fastest["per_second"] >= LIMIT_PER_SECOND and at_rate["p99_ms"] < LIMIT_P99_MS,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "webhook_receiver.json").write_text(json.dumps(result, indent=1) + "\n")
    print(
        f"webhook receiver: {fastest['per_second']:,.0f} events/s at most; at {LIMIT_PER_SECOND}/s p50 "
        f"{at_rate['p50_ms']} ms, p99 {at_rate['p99_ms']} ms (limits {LIMIT_PER_SECOND}/s, {LIMIT_P99_MS} ms)"
    )


def measure(home: Path) -> tuple[dict[str, Any], dict[str, Any], int, float]:
    """Both loads on one receiver, events in its spool afterwards, and its CPU seconds under the load."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = {
        "SHOPWRIGHT_HOME": str(home),
        "SHOPWRIGHT_PSEUDONYM_KEY": KEY,
        "SHOPWRIGHT_LANDING_KEY_FILE": str(home / "none"),
        "PUSH_SECRET": "whsec_" + base64.b64encode(SECRET).decode(),
    }
    command = [sys.executable, "-m", "orchestration.cli", "webhook", "--shop", "pushed", "--port", str(port)]
    receiver = subprocess.Popen(command, env={**os.environ, **settings})
    try:
        _wait_for(port)
        before = sum(psutil.Process(receiver.pid).cpu_times()[:2])
        fastest = asyncio.run(_load(port, "fast", None))
        at_rate = asyncio.run(_load(port, "rate", LIMIT_PER_SECOND))
        used = sum(psutil.Process(receiver.pid).cpu_times()[:2]) - before
    finally:
        receiver.terminate()
        receiver.wait()
    seal = VaultSeal(Vault.of(KEY.encode()))
    pages = read_spool(home / "pushed" / "spool" / "push", 0, seal)
    ids = [json.loads(body)["data"]["event_id"] for bodies, _ in pages for body in bodies]
    acknowledged = fastest["events"] + at_rate["events"]
    if not len(set(ids)) == len(ids) == acknowledged:
        raise SystemExit(f"{len(ids)} events are in the spool, but {acknowledged} were acknowledged")
    return fastest, at_rate, len(ids), used


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the receiver did not start")


async def _load(port: int, name: str, rate: int | None) -> dict[str, Any]:
    """Acknowledged events, their rate and the quantiles of the wait in milliseconds."""
    waits: list[float] = []
    started = time.perf_counter()
    senders = [_send(port, f"{name}-{n}", started, rate, n, waits) for n in range(CONNECTIONS)]
    await asyncio.gather(*senders)
    elapsed = time.perf_counter() - started
    waits.sort()
    quantiles = {f"p{q}_ms": round(1000 * waits[len(waits) * q // 100], 1) for q in (50, 90, 99)}
    worst = round(1000 * waits[-1], 1)
    return {"events": len(waits), "per_second": round(len(waits) / elapsed, 1), **quantiles, "max_ms": worst}


async def _send(
    port: int, name: str, started: float, rate: int | None, offset: int, waits: list[float]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = 0
    while time.perf_counter() - started < SECONDS:
        due = time.perf_counter()
        if rate is not None:
            due = started + (number * CONNECTIONS + offset) / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        writer.write(_request(f"{name}-{number}"))
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 202 " not in head.split(b"\r\n", 1)[0]:
            raise SystemExit(f"the receiver answered {head!r}")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        waits.append(time.perf_counter() - due)
        number += 1
    writer.close()


def _request(key: str) -> bytes:
    """A signed event as bytes on the wire."""
    event = {
        "event_id": key,
        "visitor_id": "v1",
        "event_type": "view",
        "occurred_at": "2026-02-01T10:00:00Z",
        "sku": "A",
    }
    body, moment = json.dumps({"type": "event", "data": event}).encode(), str(int(time.time()))
    mac = base64.b64encode(hmac.digest(SECRET, f"{key}.{moment}.".encode() + body, hashlib.sha256)).decode()
    head = (
        f"POST /webhooks/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        f"webhook-id: {key}\r\nwebhook-timestamp: {moment}\r\nwebhook-signature: v1,{mac}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    main()
