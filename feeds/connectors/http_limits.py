"""What an HTTP source may cost: time-outs, attempts, rates, sizes and hosts, declared in the shop file.

Also the small things that keep to them: the pace per host, the check of an address, the reading of a date.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from feeds.report import FeedError


class HttpError(FeedError):
    """A source could not be read over HTTP; the message names what was asked (no values) and the remedy."""


@dataclass(frozen=True)
class HttpLimits:
    """Limits of one source; times in seconds, sizes in bytes of the decompressed body."""

    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    deadline_seconds: float = 600.0  # of one request with all its attempts and waits
    attempts: int = 8
    backoff_seconds: float = 0.5
    max_backoff_seconds: float = 60.0
    requests_per_second: float = 10.0
    max_response_bytes: int = 64 << 20
    max_pages: int = 100_000
    max_records: int = 20_000_000
    max_redirects: int = 5
    allow_hosts: tuple[str, ...] = ()  # beside the host of the base URL
    allow_link_local: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> HttpLimits:
        """The limits under ``limits`` of a source's options; raises ``HttpError`` for an unusable one."""
        given = dict(options.get("limits", {}))
        known = {f.name: f.default for f in fields(cls)}
        for name, value in given.items():
            if name not in known:
                raise HttpError(f"There is no limit {name!r}. Use only {', '.join(sorted(known))}.")
            if isinstance(known[name], tuple):
                given[name] = tuple(str(host).lower() for host in value)
            elif not isinstance(value, bool if isinstance(known[name], bool) else int | float) or value < 0:
                raise HttpError(f"The limit {name} is {value!r}. Use a number like {known[name]!r}.")
        limits = replace(cls(), **given)
        if limits.attempts < 1 or limits.requests_per_second <= 0:
            raise HttpError("The limits attempts and requests_per_second must be above 0.")
        return limits


class Pace:
    """At most so many requests a second to one host, whichever sources and threads ask."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait_seconds(
        self, host: str, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> float:
        """How long this request has to wait; its place is taken by asking."""
        with self._lock:
            now = clock()
            turn = max(now, self._next.get(host, now))
            self._next[host] = turn + 1 / per_second
        return turn - now


def host_of(url: str) -> str:
    """Host and port of a URL, in lower case."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{(parts.hostname or '').lower()}:{port}"


def check_address(url: str, origin: str, limits: HttpLimits) -> None:
    """Raise ``HttpError`` unless the URL is http(s), at the source's own host or an allowed one.

    An address of the local link is refused too (there the metadata services of clouds answer), as is one
    that no host can have. ``origin`` is the source's base URL.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host:
        raise HttpError(f"The address {shown(url)} is not http or https. Correct the source's base_url.")
    if host_of(url) != host_of(origin) and host not in limits.allow_hosts:
        raise HttpError(
            f"The source at {host_of(origin)} led to another host, {host_of(url)}; it was not asked. "
            "List the host under limits.allow_hosts if it may be."
        )
    if urlsplit(origin).scheme == "https" and parts.scheme == "http":
        raise HttpError(f"The source led from https to http at {shown(url)}; it was not asked.")
    if limits.allow_link_local:
        return
    for address in _addresses(host):
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            raise HttpError(
                f"{host} stands for {address}, an address of the local link; it was not asked. "
                "Set limits.allow_link_local if the source truly lives there."
            )


def shown(url: str) -> str:
    """The URL without user, password and query, because these may hold credentials."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def moment_of(text: str) -> datetime | None:
    """The time of an HTTP date (RFC 9110, 5.6.7); ``None`` when it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        # Behind a proxy the name is resolved elsewhere; without one the request itself fails and says so.
        return []
    return [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
