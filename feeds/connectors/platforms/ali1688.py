"""1688's open platform: a seller's orders by the time of their change, each whole and with its refunds.

Source: "Signature rules", alibaba.trade.getSellerOrderList, alibaba.trade.get.sellerView and
alibaba.trade.refund.OpQueryBatchRefundByOrderIdAndStatus. What the answers mean is the dialect's work.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import requests

from feeds.connectors.http import BrokenResponse, HttpClient, parse_json
from feeds.connectors.http_limits import HttpError
from feeds.connectors.platforms.options import PlatformOptions
from feeds.connectors.platforms.signatures import sign_ali1688
from feeds.connectors.platforms.windows import Clock, Found, Record, WindowPull, now
from feeds.shop import Source

DEFAULTS = {
    "base_url": "https://gw.open.1688.com/openapi", "window_hours": 24, "overlap_minutes": 10,
    "lag_minutes": 2, "page_size": 20,
}  # fmt: skip
SHANGHAI = ZoneInfo("Asia/Shanghai")
NAMESPACE = "com.alibaba.trade"
# Active refunds, and those that were paid.
_REFUND_QUERIES = ("1", "3")
_TEMPORARY = ("FrequencyLimit", "QosLimit", "gw.ServiceUnavailable", "gw.Timeout", "gw.APITimeout")


def connect(source: Source, feed: str, client: HttpClient, clock: Clock = now) -> WindowPull:
    """The pull of a seller's orders."""
    options = PlatformOptions.of(source.pull, "ali1688", DEFAULTS)
    client.origin = options.base_url
    client.inspect = _check
    return WindowPull(AopSearch(options, client, clock), options, client.limits, clock)


class AopSearch:
    """Orders of a seller on 1688."""

    most = 10_000

    def __init__(self, options: PlatformOptions, client: HttpClient, clock: Clock) -> None:
        self._options, self._client, self._clock = options, client, clock

    def found(self, start: datetime, end: datetime, page: int, size: int) -> Found:
        """Orders changed in the window."""
        told = self.call(
            "alibaba.trade.getSellerOrderList",
            modifyStartTime=_compact(start),
            modifyEndTime=_compact(end),
            page=str(page),
            pageSize=str(size),
        )
        return Found(int(told.get("totalRecord") or 0), list(told.get("result") or []))

    def whole(self, record: Record) -> Record | None:
        """The order with its logistics, and its refunds under ``refunds``."""
        base = record["baseInfo"]
        number = str(base.get("idOfStr") or base["id"])
        order: Record = dict(
            self.call("alibaba.trade.get.sellerView", webSite="1688", orderId=number)["result"]
        )
        base = order["baseInfo"]
        order["refunds"] = []
        if base.get("refundStatus") or float(base.get("refund") or 0):
            for query in _REFUND_QUERIES:
                told = self.call(
                    "alibaba.trade.refund.OpQueryBatchRefundByOrderIdAndStatus",
                    orderId=number,
                    queryType=query,
                )
                order["refunds"] += (told.get("result") or {}).get("opOrderRefundModels") or []
        return order

    def call(self, method: str, **params: str) -> dict[str, Any]:
        """What a method answers."""

        def fresh() -> requests.Request:
            path = f"param2/1/{NAMESPACE}/{method}/{self._options.secret('app_key')}"
            told = {
                "access_token": self._options.secret("access_token"),
                "_aop_timestamp": str(int(self._clock().timestamp() * 1000)),
                **params,
            }
            told["_aop_signature"] = sign_ali1688(path, told, self._options.secret("app_secret"))
            return requests.Request("POST", f"{self._options.base_url}/{path}", data=told)

        return dict(self._client.request("POST", self._options.base_url, fresh=fresh, check=_check).json())


def _check(response: requests.Response) -> None:
    """Errors come with status 200 or 4xx; the body says which can be tried again."""
    try:
        body = parse_json(response)
    except BrokenResponse:
        if response.status_code >= 400:
            return
        raise
    code = str(body.get("error_code") or body.get("errorCode") or "") if isinstance(body, dict) else ""
    if not code:
        return
    told = f"1688 error {code}: {body.get('error_message') or body.get('errorMessage')}"
    if any(sign in code for sign in _TEMPORARY):
        raise BrokenResponse(told)
    raise HttpError(f"{told}. Check app key, secret, access token and rights.")


def _compact(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S000%z")
