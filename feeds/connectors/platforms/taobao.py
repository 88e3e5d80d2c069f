"""Taobao's open platform (TOP): trades by the time of their change, each whole and with its refunds.

Source: TOP documents 101617 (protocol), taobao.trades.sold.increment.get, taobao.trade.fullinfo.get and
taobao.refund.get. What the answers mean is the dialect's work.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import requests

from feeds.connectors.http import BrokenResponse, HttpClient, parse_json
from feeds.connectors.http_limits import HttpError
from feeds.connectors.platforms.options import PlatformOptions
from feeds.connectors.platforms.signatures import TopMethod, sign_top
from feeds.connectors.platforms.windows import Clock, Found, Record, WindowPull, now
from feeds.shop import Source

DEFAULTS = {
    "base_url": "https://eco.taobao.com/router/rest", "window_hours": 24, "overlap_minutes": 10,
    "lag_minutes": 2, "page_size": 100, "sign_method": "hmac-sha256",
}  # fmt: skip
SHANGHAI = ZoneInfo("Asia/Shanghai")
FIELDS = (
    "tid,type,status,created,modified,pay_time,consign_time,end_time,payment,post_fee,alipay_no,buyer_open_uid,"
    "buyer_nick,receiver_name,receiver_zip,receiver_country,promotion_details,orders"
)
REFUND_FIELDS = (
    "refund_id,tid,oid,status,refund_fee,num,has_good_return,created,modified,reason,outer_id,total_fee"
)
# Calls over the allowed rate (7), and codes below 100 that the platform itself calls temporary.
_LIMITED = "7"
_LASTS = re.compile(r"last for (\d+) more second")


def connect(source: Source, feed: str, client: HttpClient, clock: Clock = now) -> WindowPull:
    """The pull of a seller's trades."""
    options = PlatformOptions.of(source.pull, "taobao", DEFAULTS)
    if options.sign_method not in ("md5", "hmac", "hmac-sha256"):
        raise HttpError(f"taobao: sign_method is {options.sign_method!r}. Use md5, hmac or hmac-sha256.")
    client.origin = options.base_url
    return WindowPull(TopSearch(options, client, clock), options, client.limits, clock)


class TopSearch:
    """Trades of a seller."""

    most = 10_000

    def __init__(self, options: PlatformOptions, client: HttpClient, clock: Clock) -> None:
        self._options, self._client, self._clock = options, client, clock

    def found(self, start: datetime, end: datetime, page: int, size: int) -> Found:
        """Trades changed in the window."""
        told = self.call(
            "taobao.trades.sold.increment.get",
            fields="tid,status,modified",
            start_modified=_local(start),
            end_modified=_local(end),
            page_no=str(page),
            page_size=str(size),
        )
        trades = told.get("trades") or {}
        return Found(int(told.get("total_results", 0)), list(trades.get("trade") or []))

    def whole(self, record: Record) -> Record | None:
        """The trade with the refunds of its lines under ``refunds``."""
        told = self.call("taobao.trade.fullinfo.get", fields=FIELDS, tid=str(record["tid"]))
        trade: Record = told["trade"]
        lines = (trade.get("orders") or {}).get("order") or []
        refunds = [str(line["refund_id"]) for line in lines if line.get("refund_id")]
        trade["refunds"] = [
            self.call("taobao.refund.get", fields=REFUND_FIELDS, refund_id=number)["refund"]
            for number in refunds
        ]
        return trade

    def call(self, method: str, **params: str) -> dict[str, Any]:
        """What a method answers, its envelope removed."""

        def fresh() -> requests.Request:
            told = {
                "method": method,
                "app_key": self._options.secret("app_key"),
                "session": self._options.secret("access_token"),
                "timestamp": _local(self._clock()),
                "format": "json",
                "v": "2.0",
                "sign_method": self._options.sign_method,
                **params,
            }
            way = cast(TopMethod, self._options.sign_method)
            told["sign"] = sign_top(told, self._options.secret("app_secret"), way)
            return requests.Request("POST", self._options.base_url, data=told)

        response = self._client.request("POST", self._options.base_url, fresh=fresh, check=_check)
        envelope = method.removeprefix("taobao.").replace(".", "_") + "_response"
        body = response.json()
        if envelope not in body:
            raise HttpError(f"{method} answered without {envelope}. Look whether the method still exists.")
        return dict(body[envelope])


def _check(response: requests.Response) -> None:
    error = parse_json(response).get("error_response")
    if not isinstance(error, dict):
        return
    code, sub = str(error.get("code", "")), str(error.get("sub_code") or "")
    told = f"TOP error {code} {sub}: {error.get('sub_msg') or error.get('msg')}"
    if code == _LIMITED or "call-limited" in sub or sub.startswith("isp."):
        lasts = _LASTS.search(str(error.get("sub_msg")))
        raise BrokenResponse(told, float(lasts.group(1)) if lasts else None)
    remedy = (
        "Ask the seller to grant access again."
        if code in ("26", "27")
        else "Check app key, secret and rights."
    )
    raise HttpError(f"{told}. {remedy}")


def _local(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
