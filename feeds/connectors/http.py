"""The one HTTP client of all pulls: time-outs, retries with back-off and jitter, Retry-After, pace, sizes.

Pagination, signatures and the meaning of records are the connectors' own. ``HttpClient.session`` is a
requests session, so that dlt's REST client asks through it.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urljoin

import requests
from requests.auth import AuthBase

from feeds.connectors.http_auth import Auth
from feeds.connectors.http_limits import (
    HttpError,
    HttpLimits,
    Pace,
    check_address,
    host_of,
    moment_of,
    shown,
)

RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_CHUNK = 64 << 10
_PACE = Pace()
# At DEBUG it writes whole URLs, and some sources take their token in the query.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
Check = Callable[[requests.Response], None]


class BrokenResponse(Exception):
    """An answer that cannot be used as it is, but may be after another attempt."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class HttpClient:
    """Asks one source. ``check`` may raise ``BrokenResponse`` to have an answer asked for again."""

    def __init__(
        self,
        limits: HttpLimits | None = None,
        *,
        origin: str = "",
        auth: Auth | None = None,
        check: Check | None = None,
        seed: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.limits = limits or HttpLimits()
        self.origin = origin
        self.auth = auth
        self.check = check
        # Sees an answer before its status is judged, for sources that explain a 4xx in the body.
        self.inspect: Check | None = None
        self.session = _Session(self)
        self._random = random.Random(seed)
        self._sleep = sleep

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        fresh: Callable[[], requests.Request] | None = None,
        check: Check | None = None,
    ) -> requests.Response:
        """The answer to one request; read it with ``parse_json``, which keeps every digit of its numbers.

        ``fresh`` builds the request anew for each attempt (for signatures that carry the time). Raises
        ``HttpError`` when attempts or time are used up, or at once where another attempt cannot help.
        """

        def build() -> requests.PreparedRequest:
            made = requests.Request(method, url, params=params, data=data, json=json, headers=headers)
            return self.session.prepare_request(fresh() if fresh else made)

        return self._send(build, check or self.check)

    def _send(self, build: Callable[[], requests.PreparedRequest], check: Check | None) -> requests.Response:
        until = time.monotonic() + self.limits.deadline_seconds
        refreshed, problem = False, "no attempt was made"
        prepared = build()
        for attempt in range(self.limits.attempts):
            if attempt:
                prepared = build()
            try:
                response = self._once(prepared, until)
                if response.status_code == 401 and self.auth and not refreshed and self.auth.refresh(self):
                    refreshed = True
                    response = self._once(build(), until)
                if self.inspect:
                    self.inspect(response)
                _refuse_status(response, self.auth)
                if check:
                    check(response)
                return response
            except BrokenResponse as broken:
                problem, wait = str(broken), broken.retry_after
            except (
                requests.ConnectionError,
                requests.Timeout,
                requests.exceptions.ChunkedEncodingError,
            ) as lost:
                problem, wait = _reason(lost), None
            if attempt + 1 < self.limits.attempts:
                self._wait(attempt, wait, until, prepared, problem)
        raise HttpError(
            f"{prepared.method} {shown(prepared.url or '')} failed {self.limits.attempts} times: {problem}. "
            "Nothing was taken; the next run asks again from the same place."
        )

    def _once(self, prepared: requests.PreparedRequest, until: float) -> requests.Response:
        """One attempt, following redirects within the allowed hosts."""
        for _ in range(self.limits.max_redirects + 1):
            url = prepared.url or ""
            check_address(url, self.origin or url, self.limits)
            if self.auth and host_of(url) == host_of(self.origin or url):
                self.auth.apply(prepared)
            self._sleep(_PACE.wait_seconds(host_of(url), self.limits.requests_per_second))
            response = self._fetch(prepared, until)
            location = response.headers.get("Location")
            if response.status_code not in (301, 302, 303, 307, 308) or not location:
                return response
            target = urljoin(url, location)
            check_address(target, self.origin or url, self.limits)
            prepared = prepared.copy()
            prepared.headers.pop("Authorization", None)
            prepared.prepare_url(target, None)
        raise HttpError(f"{shown(prepared.url or '')} redirects without end. Correct the source's base_url.")

    def _fetch(self, prepared: requests.PreparedRequest, until: float) -> requests.Response:
        """The answer with its whole body, at most ``max_response_bytes``, before the deadline."""
        settings = self.session.merge_environment_settings(prepared.url or "", {}, True, None, None)
        response = self.session.send_once(
            prepared,
            allow_redirects=False,
            timeout=(self.limits.connect_seconds, self.limits.read_seconds),
            **settings,
        )
        body = bytearray()
        with response:
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) > self.limits.max_response_bytes:
                    raise HttpError(
                        f"{shown(prepared.url or '')} answered with more than "
                        f"{self.limits.max_response_bytes} bytes. Ask for smaller pages, or raise "
                        "limits.max_response_bytes."
                    )
                if time.monotonic() > until:
                    raise requests.Timeout("the answer came too slowly")
        response._content = bytes(body)
        return response

    def _wait(
        self, attempt: int, told: float | None, until: float, prepared: requests.PreparedRequest, problem: str
    ) -> None:
        """Full jitter below a doubling bound; at least what the source told."""
        bound = min(self.limits.max_backoff_seconds, self.limits.backoff_seconds * 2**attempt)
        pause = max(self._random.uniform(0, bound), told or 0.0)
        if time.monotonic() + pause > until:
            raise HttpError(
                f"{prepared.method} {shown(prepared.url or '')} failed: {problem}. Waiting {pause:.0f} s "
                "more would pass limits.deadline_seconds; run again later."
            )
        self._sleep(pause)


class _NoNetrc(AuthBase):
    """Keeps requests from taking credentials out of ~/.netrc."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        return r


class _Session(requests.Session):
    """A session whose every request goes through the client."""

    def __init__(self, client: HttpClient) -> None:
        super().__init__()
        self.auth = _NoNetrc()
        self.headers["User-Agent"] = "shopwright"
        self._client = client

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        return self._client._send(request.copy, self._client.check)

    def send_once(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """One exchange on the wire, without retries."""
        return super().send(request, **kwargs)


def parse_json(response: requests.Response) -> Any:
    """The body as JSON with decimals for fractions; raises ``BrokenResponse`` when it is none.

    ``response.json()`` gives the same value afterwards.
    """
    try:
        value = json.loads(response.content, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as broken:
        raise BrokenResponse(f"the answer is not valid JSON ({type(broken).__name__})") from broken
    response.json = lambda **kwargs: value  # type: ignore[method-assign]
    return value


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _refuse_status(response: requests.Response, auth: Auth | None) -> None:
    status, asked = response.status_code, shown(response.url)
    if status < 400:
        return
    if status in RETRIED_STATUS:
        raise BrokenResponse(f"status {status}", _retry_after(response))
    remedy = f" Check {auth.told}." if auth and status in (401, 403) else " Correct the source's options."
    raise HttpError(f"{asked} answered with status {status}.{remedy}")


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the source asks to wait, told as a number or as a date."""
    text = response.headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    moment = moment_of(text)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment else None


def _reason(lost: Exception) -> str:
    slow = isinstance(lost, requests.Timeout)
    return "it did not answer in time" if slow else "the connection was refused or reset"
