"""JD's open platform: orders of a POP seller by the time of their change, each with its refunds.

Source: jingdong.pop.order.search, jingdong.asc.serviceAndRefund.view and the development guide 2643. What the
answers mean is the dialect's work.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import requests

from feeds.connectors.http import BrokenResponse, HttpClient, parse_json
from feeds.connectors.http_limits import HttpError
from feeds.connectors.platforms.options import PlatformOptions
from feeds.connectors.platforms.signatures import sign_jd
from feeds.connectors.platforms.windows import Clock, Found, Record, WindowPull, now
from feeds.shop import Source

DEFAULTS = {
    "base_url": "https://api.jd.com/routerjson", "window_hours": 24, "overlap_minutes": 10, "lag_minutes": 2,
    "page_size": 100,
}  # fmt: skip
SHANGHAI = ZoneInfo("Asia/Shanghai")
STATES = (
    "WAIT_SELLER_STOCK_OUT,WAIT_GOODS_RECEIVE_CONFIRM,WAIT_SELLER_DELIVERY,POP_ORDER_PAUSE,FINISHED_L,"
    "TRADE_CANCELED,LOCKED"
)
FIELDS = (
    "orderId,orderState,payType,orderStartTime,modified,paymentConfirmTime,outBoundDate,orderEndTime,orderPayment,"
    "freightPrice,balanceUsed,pin,open_id_buyer,consigneeInfo,itemInfoList,couponDetailList,waybill,logisticsId"
)
# Not available, too many calls, and time-outs behind the gateway.
_TEMPORARY = frozenset({"1", "2", "43", "66", "67"})


def connect(source: Source, feed: str, client: HttpClient, clock: Clock = now) -> WindowPull:
    """The pull of a seller's orders."""
    options = PlatformOptions.of(source.pull, "jd", DEFAULTS)
    client.origin = options.base_url
    return WindowPull(JdSearch(options, client, clock), options, client.limits, clock)


class JdSearch:
    """Orders of a POP seller."""

    most = 10_000

    def __init__(self, options: PlatformOptions, client: HttpClient, clock: Clock) -> None:
        self._options, self._client, self._clock = options, client, clock

    def found(self, start: datetime, end: datetime, page: int, size: int) -> Found:
        """Orders changed in the window, by time of change."""
        asked = {
            "start_date": _local(start),
            "end_date": _local(end),
            "dateType": "0",
            "order_state": STATES,
            "optional_fields": FIELDS,
            "page": str(page),
            "page_size": str(size),
        }
        told = self.call("jingdong.pop.order.search", asked)["searchorderinfo_result"]
        outcome = told.get("apiResult") or {}
        if str(outcome.get("success", True)).lower() == "false":
            raise HttpError(f"jingdong.pop.order.search: {outcome.get('chineseErrCode') or outcome}.")
        return Found(int(told.get("orderTotal") or 0), list(told.get("orderInfoList") or []))

    def whole(self, record: Record) -> Record | None:
        """The order with its refunds under ``refunds``."""
        asked = {"orderId": str(record["orderId"]), "pageNumber": "1", "pageSize": "50"}
        told = self.call("jingdong.asc.serviceAndRefund.view", asked).get("pageResult") or {}
        return {**record, "refunds": list(told.get("data") or [])}

    def call(self, method: str, asked: dict[str, str]) -> dict[str, Any]:
        """What a method answers, its envelope removed."""

        def fresh() -> requests.Request:
            moment = self._clock().astimezone(SHANGHAI)
            told = {
                "method": method,
                "app_key": self._options.secret("app_key"),
                "access_token": self._options.secret("access_token"),
                "timestamp": f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}+0800",
                "v": "2.0",
                "360buy_param_json": json.dumps(
                    asked, ensure_ascii=False, separators=(",", ":"), sort_keys=True
                ),
            }
            told["sign"] = sign_jd(told, self._options.secret("app_secret"))
            return requests.Request("POST", self._options.base_url, data=told)

        body = self._client.request("POST", self._options.base_url, fresh=fresh, check=_check).json()
        # The platform's own spelling first.
        for ending in ("_responce", "_response"):
            if (envelope := method.replace(".", "_") + ending) in body:
                return dict(body[envelope])
        raise HttpError(f"{method} answered without its envelope. Look whether the method still exists.")


def _check(response: requests.Response) -> None:
    error = parse_json(response).get("error_response")
    if not isinstance(error, dict):
        return
    code = str(error.get("code", ""))
    told = f"JD error {code}: {error.get('en_desc') or error.get('zh_desc')}"
    if code in _TEMPORARY:
        raise BrokenResponse(told)
    remedy = "Ask the seller to grant access again." if code == "19" else "Check app key, secret and rights."
    raise HttpError(f"{told}. {remedy}")


def _local(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
