"""A faulty upstream: a real HTTP server on this machine whose records change while they are read.

A script is made from a seed: which manner of pages, which faults at which requests, which changes between
them. Nothing here knows the connector.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

START = datetime(2025, 3, 1, tzinfo=UTC)
MANNERS = ("page", "offset", "cursor", "link", "next_url")
FAULTS = ("429", "429date", "500", "503", "408", "reset", "reset_body", "truncated", "not_json", "wrong_type")


@dataclass
class Upstream:
    """Records by id, ordered as the source orders them, and what happens at each request."""

    manner: str = "page"
    is_ascending: bool = True
    size: int = 5
    now: datetime = START
    records: dict[int, dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    token: str | None = None
    tokens_given: int = 0
    requests: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    random: random.Random = field(default_factory=lambda: random.Random(0))
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    def change(self, kind: str) -> None:
        """One thing that a living source does; time passes by a little, or not at all (ties)."""
        self.now += timedelta(seconds=self.random.choice([0, 0, 0.25, 1, 3]))
        ids = sorted(self.records)
        if kind == "insert" or not ids:
            self._put(len(self.records) + len(self.gone) + 1, self.now)
        elif kind == "update":
            self._put(self.random.choice(ids), self.now)
        elif kind == "late":
            # Committed now, under the time at which its transaction began.
            began = self.now - timedelta(seconds=self.random.uniform(0, 40))
            self._put(len(self.records) + len(self.gone) + 1, began)
        elif kind == "delete":
            gone = self.random.choice(ids)
            self.gone.add(gone)
            del self.records[gone]

    def _put(self, key: int, moment: datetime) -> None:
        version = self.records.get(key, {"version": 0})["version"] + 1
        self.records[key] = {
            "id": key,
            "version": version,
            "amount": self.random.randint(1, 10**17) / 100,
            "note": self.random.choice(["", "Ünïcode 订单", 'a "quote"', "line\nbreak"]),
            "updated_at": moment.isoformat(timespec="microseconds"),
        }

    def rows(self, since: str | None) -> list[dict[str, Any]]:
        """Records changed at or after a time, in the order of the source."""
        bound = datetime.fromisoformat(since) if since else None
        found = [
            r for r in self.records.values() if not bound or datetime.fromisoformat(r["updated_at"]) >= bound
        ]
        if self.is_ascending or self.manner == "cursor":
            return sorted(found, key=lambda r: (r["updated_at"], r["id"]))
        return sorted(found, key=lambda r: (r["updated_at"], r["id"]), reverse=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: else each answer waits 40 ms for a delayed acknowledgement.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    upstream: Upstream

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(self.upstream.now, usegmt=True)

    def do_POST(self) -> None:
        up = self.upstream
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with up.lock:
            up.tokens_given += 1
            up.token = f"token{up.tokens_given}"
        self._answer(200, {"access_token": up.token, "token_type": "bearer"})

    def do_GET(self) -> None:
        up, parts = self.upstream, urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        with up.lock:
            up.requests.append((parts.path, query, dict(self.headers)))
            fault = up.faults.pop(0) if up.faults else ""
            if up.token is not None and self.headers.get("Authorization") != f"Bearer {up.token}":
                self._answer(401, {"error": "expired"})
                return
            body, headers = self._page(query)
            if up.changes:
                kind = up.changes.pop(0)
                if kind:
                    up.change(kind)
            self._send(fault, body, headers)

    def _page(self, query: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
        up, size = self.upstream, self.upstream.size
        rows = up.rows(query.get("since"))
        start = 0
        if up.manner in ("page", "link", "next_url"):
            start = (int(query.get("page", 1)) - 1) * size
        elif up.manner == "offset":
            start, size = int(query.get("offset", 0)), int(query.get("limit", size))
        elif query.get("after"):
            at, key = query["after"].split("~")
            start = sum((r["updated_at"], r["id"]) <= (at, int(key)) for r in rows)
        page = rows[start : start + size]
        more = start + size < len(rows)
        body: dict[str, Any] = {"items": page, "total": up.random.randint(0, 99), "has_more": not more}
        headers: dict[str, str] = {}
        following = {**query, "page": str(int(query.get("page", 1)) + 1)}
        if up.manner == "cursor":
            body["next_cursor"] = f"{page[-1]['updated_at']}~{page[-1]['id']}" if more else None
        if up.manner == "link" and more:
            headers["Link"] = f'<http://127.0.0.1:{up.port}/items?{urlencode(following)}>; rel="next"'
        if up.manner == "next_url":
            body["next"] = f"/items?{urlencode(following)}" if more else None
        return body, headers

    def _send(self, fault: str, body: dict[str, Any], headers: dict[str, str]) -> None:
        if fault in ("429", "429date"):
            seconds = timedelta(seconds=2)
            wait = "2" if fault == "429" else format_datetime(datetime.now(UTC) + seconds, usegmt=True)
            self._answer(429, {"error": "slow down"}, {"Retry-After": wait})
        elif fault in ("500", "503", "408"):
            self._answer(int(fault), {"error": "broken"})
        elif fault == "reset":
            self._reset()
        elif fault in ("reset_body", "truncated"):
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text[: len(text) // 2])
            self.wfile.flush()
            self.close_connection = True
            if fault == "reset_body":
                self._reset()
        elif fault == "not_json":
            self._raw(200, json.dumps(body).encode()[:-1] + b"<html>")
        elif fault == "wrong_type":
            self._answer(200, {"items": {"error": "later"}, "next": None, "next_cursor": None})
        else:
            self._answer(200, body, headers)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self._raw(status, json.dumps(body).encode(), headers)

    def _raw(self, status: int, text: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was reset on purpose is no news."""


def serve(upstream: Upstream) -> _Server:
    """Serve until ``shutdown``; ``upstream`` may be exchanged with ``serve_other``."""
    handler = type("Handler", (_Handler,), {"upstream": upstream})
    server = _Server(("127.0.0.1", 0), handler)
    upstream.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def serve_other(server: _Server, upstream: Upstream) -> None:
    """Let a running server tell another script."""
    upstream.port = server.server_port
    server.RequestHandlerClass.upstream = upstream  # type: ignore[attr-defined]


def script(seed: int) -> Upstream:
    """A source as a seed makes it, before the first pull."""
    rng = random.Random(seed)
    upstream = Upstream(
        manner=rng.choice(MANNERS),
        is_ascending=rng.random() < 0.6,
        size=rng.randint(2, 9),
        random=random.Random(seed + 1),
    )
    for _ in range(rng.randint(0, 40)):
        upstream.change(rng.choice(["insert", "insert", "insert", "update"]))
    return upstream


def make_trouble(upstream: Upstream, rng: random.Random) -> None:
    """Faults and changes for the next requests, never more faults in a row than a client should bear."""
    calm = [""] * rng.randint(2, 6)
    upstream.faults = [rng.choice([rng.choice(FAULTS), *calm]) for _ in range(rng.randint(0, 40))]
    kinds = ["insert", "update", "update", "late", "delete"]
    upstream.changes = [rng.choice([rng.choice(kinds), *calm]) for _ in range(rng.randint(0, 25))]
