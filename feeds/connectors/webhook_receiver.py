"""The receiver of pushed deliveries, as an ASGI application: it answers 2xx only for what is durable.

Many deliveries share one sync (group commit): while one group is written, the next gathers. Verifying is
``webhook_signature``'s work, storing ``spool``'s, ingesting what was stored ``webhook``'s.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from feeds.connectors.spool import Delivery, SpoolWriter, fingerprint
from feeds.connectors.spool_seal import seal_of
from feeds.connectors.webhook import WebhookOptions, spool_folder
from feeds.connectors.webhook_signature import Refused
from feeds.locks import exclusive
from feeds.report import FeedError
from feeds.shop import Shop
from feeds.vault import Vault

log = logging.getLogger(__name__)
MAX_WAITING = 10_000
_STORED, _KNOWN = JSONResponse({"status": "stored"}, 202), JSONResponse({"status": "known"}, 200)


class GroupCommit:
    """Gathers deliveries of one source and writes them in groups; ``put`` returns when its own is durable."""

    def __init__(self, writer: SpoolWriter) -> None:
        self._writer = writer
        self._waiting: dict[bytes, tuple[Delivery, asyncio.Future[None]]] = {}
        self._writing: dict[bytes, tuple[Delivery, asyncio.Future[None]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")

    async def put(self, delivery: Delivery) -> bool:
        """Make a delivery durable; false when it already was. Raises ``Refused`` (503) when it cannot be."""
        mark = fingerprint(delivery.id)
        if mark in self._writer.known:
            return False
        under_way = self._waiting.get(mark) or self._writing.get(mark)
        if under_way is not None:
            await asyncio.shield(under_way[1])
            return False
        if len(self._waiting) >= MAX_WAITING:
            raise Refused(503, "too many deliveries are waiting")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # A sender that hangs up leaves nobody to take the outcome.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting[mark] = delivery, future
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())
        await asyncio.shield(future)
        return True

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            self._writing, self._waiting = self._waiting, {}
            deliveries = [delivery for delivery, _ in self._writing.values()]
            try:
                await loop.run_in_executor(self._thread, self._writer.append, deliveries)
                problem = None
            except OSError as failed:
                log.error("deliveries could not be stored: %s", failed.strerror)
                problem = Refused(503, "deliveries cannot be stored now")
            for _, future in self._writing.values():
                if problem:
                    future.set_exception(problem)
                else:
                    future.set_result(None)
            self._writing = {}

    async def close(self) -> None:
        """Wait for what is being written."""
        if self._task:
            await self._task
        self._thread.shutdown()
        self._writer.close()


class _Endpoint:
    """The raw ASGI endpoint of one source."""

    def __init__(self, options: WebhookOptions, commit: GroupCommit, clock: Callable[[], float]) -> None:
        self._options, self._signing = options, options.signing()
        self._commit, self._clock = commit, clock

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            if scope["method"] != "POST":
                raise Refused(405, "only POST is taken")
            body = await self._body(headers, receive)
            delivery_id = self._signing.verify(headers, body, self._clock())
            _check_json(body)
            response = _STORED if await self._commit.put(Delivery(delivery_id, body)) else _KNOWN
        except Refused as refused:
            more = {"Retry-After": "5"} if refused.status == 503 else None
            response = JSONResponse({"error": str(refused)}, refused.status, more)
        await response(scope, receive, send)

    async def _body(self, headers: Mapping[str, str], receive: Any) -> bytes:
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._options.max_bytes:
            raise Refused(413, f"more than {self._options.max_bytes} bytes")
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "the sender hung up")
            body += message.get("body", b"")
            if len(body) > self._options.max_bytes:
                raise Refused(413, f"more than {self._options.max_bytes} bytes")
            if not message.get("more_body"):
                return bytes(body)


def _check_json(body: bytes) -> None:
    try:
        payload = json.loads(body.decode())
    except (ValueError, RecursionError) as broken:
        raise Refused(400, "the body is not valid JSON in UTF-8") from broken
    if not isinstance(payload, dict | list):
        raise Refused(400, "the body is neither a JSON object nor a list")


def webhook_app(
    shop: Shop,
    folder: Path,
    *,
    vault: Vault | None = None,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """The application with one endpoint ``/webhooks/<source>`` for each webhook source of the shop.

    ``folder`` is the shop's. Raises ``FeedError`` when the shop has no such source or a secret is not set.
    One process serves a shop at a time; a second one is refused when it starts.
    """
    sources = [source for source in shop.sources if source.connector == "webhook"]
    if not sources:
        raise FeedError(f"The shop {shop.name!r} has no webhook source; add one to {shop.file.name}.")
    with ExitStack() as opening:
        opening.enter_context(exclusive(folder / "locks" / "webhook.lock", timeout_seconds=1))
        commits: list[GroupCommit] = []
        routes = []
        for source in sources:
            options = WebhookOptions.of(source)
            writer = SpoolWriter(spool_folder(folder, source.name), seal_of(vault))
            commits.append(GroupCommit(writer))
            endpoint = _Endpoint(options, commits[-1], clock)
            routes.append(Route(f"/webhooks/{source.name}", endpoint, methods=None))
        held = opening.pop_all()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        for commit in commits:
            await commit.close()
        held.close()

    async def health(request: Any) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[*routes, Route("/healthz", health)], lifespan=lifespan)
