"""Shopify's Admin REST API: orders with their transactions, and products, by the time of their change.

Source: Shopify developer documentation on REST pagination (Link header), rate limits and the order resource.
What the records mean is the dialect's work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import requests

from feeds.connectors.http import HttpClient, parse_json
from feeds.connectors.http_limits import HttpError
from feeds.connectors.platforms.options import PlatformOptions
from feeds.connectors.platforms.windows import Clock, now
from feeds.connectors.pull import Page
from feeds.shop import Source

DEFAULTS = {
    "window_hours": 24,
    "overlap_minutes": 10,
    "lag_minutes": 0,
    "page_size": 250,
    "version": "2025-01",
}
# The bucket leaks two calls a second; above this share of it a call waits for one leak.
_FULL_SHARE = 0.8
_LEAK_SECONDS = 0.5
_EXTRA = {"orders": {"status": "any"}}


def connect(source: Source, feed: str, client: HttpClient, clock: Clock = now) -> ShopifyPull:
    """The pull of one resource (orders, products) of a shop."""
    options = PlatformOptions.of(source.pull, "shopify", DEFAULTS)
    resource = source.shape or feed
    if resource not in ("orders", "products"):
        raise HttpError(f"Shopify has no resource {resource!r} here. Use the shape orders or products.")
    client.origin = options.base_url
    return ShopifyPull(options, client, resource, clock)


class ShopifyPull:
    """Pages in the order of their last change, by the Link header; the cursor is the last change seen.

    In that order a record that changes while it is read moves behind what is still to come, so it is read
    again rather than missed.
    """

    def __init__(
        self,
        options: PlatformOptions,
        client: HttpClient,
        resource: str,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._options, self._client, self._resource = options, client, resource
        self._clock, self._sleep = clock, sleep
        self._base = f"{options.base_url}/admin/api/{options.version}"

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Records changed since the cursor less the overlap."""
        since = datetime.fromisoformat(cursor) - self._options.overlap if cursor else self._options.since
        url = f"{self._base}/{self._resource}.json"
        params: dict[str, Any] | None = {
            "updated_at_min": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "order": "updated_at asc",
            "limit": self._options.page_size,
            **_EXTRA.get(self._resource, {}),
        }
        seen, latest = set(), cursor
        for _ in range(self._client.limits.max_pages):
            response = self._get(url, params)
            records = response.json()[self._resource]
            latest = max([latest or "", *(_utc(record["updated_at"]) for record in records)]) or None
            yield Page([self._whole(record) for record in records], latest)
            following = response.links.get("next", {}).get("url")
            if not following:
                return
            if following in seen:
                raise HttpError(f"Shopify's pages of {self._resource} repeat. Run again later.")
            seen.add(following)
            url, params = following, None
        raise HttpError(f"Shopify gave more than {self._client.limits.max_pages} pages of {self._resource}.")

    def _whole(self, record: dict[str, Any]) -> dict[str, Any]:
        if self._resource != "orders":
            return record
        url = f"{self._base}/orders/{record['id']}/transactions.json"
        return {**record, "transactions": self._get(url, None).json()["transactions"]}

    def _get(self, url: str, params: dict[str, Any] | None) -> requests.Response:
        def fresh() -> requests.Request:
            headers = {"X-Shopify-Access-Token": self._options.secret("access_token")}
            return requests.Request("GET", url, params=params, headers=headers)

        response = self._client.request("GET", url, fresh=fresh, check=_check)
        used, _, size = response.headers.get("X-Shopify-Shop-Api-Call-Limit", "").partition("/")
        if used.isdigit() and size.isdigit() and int(used) > _FULL_SHARE * int(size):
            self._sleep(_LEAK_SECONDS)
        return response


def _check(response: requests.Response) -> None:
    body = parse_json(response)
    if "errors" in body:
        raise HttpError(f"Shopify: {body['errors']}. Check the access token and its scopes.")


def _utc(told: str) -> str:
    return datetime.fromisoformat(told).astimezone(UTC).isoformat()
