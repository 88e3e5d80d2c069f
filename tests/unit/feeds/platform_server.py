"""A platform on this machine that verifies signatures itself, throttles, fails and changes its records.

It computes signatures from the text of the platforms' documents (its HMAC by hand from RFC 2104), so that a
mistake in the connectors' own signing is not repeated here. Nothing here knows the connectors.
"""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

CHINA = timedelta(hours=8)
START, END = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 4, tzinfo=UTC)
SECRET, SIZE = "a secret", 5
Answer = tuple[int, dict[str, str], dict[str, Any]]


def hmac_hex(secret: bytes, text: bytes, name: str) -> str:
    block = (
        secret.ljust(64, b"\0") if len(secret) <= 64 else hashlib.new(name, secret).digest().ljust(64, b"\0")
    )
    inner = hashlib.new(name, bytes(b ^ 0x36 for b in block) + text).digest()
    return hashlib.new(name, bytes(b ^ 0x5C for b in block) + inner).hexdigest().upper()


def flat(params: dict[str, str], *without: str) -> str:
    text = ""
    for name in sorted(params):
        if name not in without:
            text += name + params[name]
    return text


class Platform:
    """Records with the time of their last change; every answer may throttle, fail, or change a record."""

    def __init__(self, name: str) -> None:
        self.name, self.now = name, END
        self.changed = {f"{1000 + i}": START + i * (END - START) / 60 for i in range(60)}
        self.versions = dict.fromkeys(self.changed, 1)
        self.n_requests = self.n_refused = 0
        self.searches: list[dict[str, str]] = []
        self.is_restless = self.is_flaky = False

    def answer(self, path: str, params: dict[str, str], headers: dict[str, str], url: str) -> Answer:
        self.n_requests += 1
        if self.is_flaky and self.n_requests % 7 == 0:
            return 503, {}, {}
        if self.is_flaky and self.n_requests % 5 == 0:
            self.n_refused += 1
            return self.throttled()
        if not self.is_genuine(path, params, headers):
            return self.refused()
        return getattr(self, f"on_{self.name}")(path, params, url)

    def is_genuine(self, path: str, params: dict[str, str], headers: dict[str, str]) -> bool:
        if self.name == "shopify":
            return headers.get("X-Shopify-Access-Token") == "a token"
        if self.name == "ali1688":
            signed = path.removeprefix("/openapi/") + flat(params, "_aop_signature")
            return params["_aop_signature"] == hmac_hex(SECRET.encode(), signed.encode(), "sha1")
        told = datetime.strptime(params["timestamp"][:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) - CHINA
        if abs(told - self.now) > timedelta(minutes=10):
            return False
        text = flat(params, "sign")
        wrapped = hashlib.md5(f"{SECRET}{text}{SECRET}".encode()).hexdigest().upper()
        if self.name == "jd" or params["sign_method"] == "md5":
            return params["sign"] == wrapped
        name = {"hmac": "md5", "hmac-sha256": "sha256"}[params["sign_method"]]
        return params["sign"] == hmac_hex(SECRET.encode(), text.encode(), name)

    def throttled(self) -> Answer:
        if self.name == "taobao":
            told = {"code": 7, "sub_code": "accesscontrol.limited-by-api-access-count",
                    "sub_msg": "This ban will last for 1 more seconds"}  # fmt: skip
            return 200, {}, {"error_response": told}
        if self.name == "jd":
            return (
                200,
                {},
                {"error_response": {"code": "2", "zh_desc": "限制时间内调用失败次数", "en_desc": "limited"}},
            )
        if self.name == "ali1688":
            return 403, {}, {"error_code": "gw.QosAppFrequencyLimit", "error_message": "too often"}
        return 429, {"Retry-After": "2.0"}, {"errors": "Exceeded 2 calls per second for api client."}

    def refused(self) -> Answer:
        if self.name == "ali1688":
            return 400, {}, {"error_code": "gw.SignatureInvalid", "error_message": "Invalid signature"}
        if self.name == "shopify":
            return 401, {}, {"errors": "[API] Invalid API key or access token"}
        return (
            200,
            {},
            {"error_response": {"code": 25, "msg": "Invalid signature", "en_desc": "Invalid signature"}},
        )

    def window(self, start: datetime, end: datetime) -> list[str]:
        found = sorted((at, number) for number, at in self.changed.items() if start <= at <= end)
        return [number for _, number in found]

    def disturb(self, window: list[str], page: int) -> None:
        """Change the first record of the window: it leaves, and all behind it move up one place."""
        if self.is_restless and len(window) > SIZE and page > 1:
            self.changed[window[0]] = self.now + timedelta(minutes=1)
            self.versions[window[0]] += 1

    def page(self, start: datetime, end: datetime, page: int, size: int) -> tuple[int, list[str]]:
        window = self.window(start, end)
        numbers = window[(page - 1) * size : page * size]
        self.disturb(window, page)
        return len(window), numbers

    def on_taobao(self, path: str, params: dict[str, str], url: str) -> Answer:
        if params["method"] == "taobao.trades.sold.increment.get":
            self.searches.append(params)
            total, numbers = self.page(
                china(params["start_modified"]), china(params["end_modified"]),
                int(params["page_no"]), int(params["page_size"]),
            )  # fmt: skip
            trades = [{"tid": int(n)} for n in numbers]
            return (
                200,
                {},
                {"trades_sold_increment_get_response": {"total_results": total, "trades": {"trade": trades}}},
            )
        if params["method"] == "taobao.refund.get":
            return 200, {}, {"refund_get_response": {"refund": {"refund_id": int(params["refund_id"])}}}
        line = {"oid": 1} | ({"refund_id": 77} if params["tid"] == "1003" else {})
        trade = {"tid": int(params["tid"]), "v": self.versions[params["tid"]], "orders": {"order": [line]}}
        return 200, {}, {"trade_fullinfo_get_response": {"trade": trade}}

    def on_jd(self, path: str, params: dict[str, str], url: str) -> Answer:
        asked = json.loads(params["360buy_param_json"])
        if params["method"] != "jingdong.pop.order.search":
            data = [{"status": "已完成"}] if asked["orderId"] == "1003" else []
            return 200, {}, {"jingdong_asc_serviceAndRefund_view_responce": {"pageResult": {"data": data}}}
        self.searches.append(asked)
        total, numbers = self.page(
            china(asked["start_date"]), china(asked["end_date"]), int(asked["page"]), int(asked["page_size"])
        )
        orders = [{"orderId": n, "v": self.versions[n]} for n in numbers]
        told = {"apiResult": {"success": True}, "orderTotal": total, "orderInfoList": orders}
        return 200, {}, {"jingdong_pop_order_search_responce": {"searchorderinfo_result": told}}

    def on_ali1688(self, path: str, params: dict[str, str], url: str) -> Answer:
        if "getSellerOrderList" in path:
            self.searches.append(params)
            start, end = (
                datetime.strptime(params[f"modify{side}Time"], "%Y%m%d%H%M%S000%z")
                for side in ("Start", "End")
            )
            total, numbers = self.page(start, end, int(params["page"]), int(params["pageSize"]))
            return 200, {}, {"totalRecord": total, "result": [{"baseInfo": {"id": int(n)}} for n in numbers]}
        number = params["orderId"]
        if "Refund" in path:
            return (
                200,
                {},
                {"result": {"opOrderRefundModels": [{"id": 77}] if params["queryType"] == "3" else []}},
            )
        base = {"id": int(number), "refund": 1.5 if number == "1003" else 0}
        return 200, {}, {"result": {"baseInfo": base, "v": self.versions[number]}}

    def on_shopify(self, path: str, params: dict[str, str], url: str) -> Answer:
        limit = {"X-Shopify-Shop-Api-Call-Limit": "39/40"}
        if path.endswith("transactions.json"):
            return 200, limit, {"transactions": [{"id": 77}]}
        self.searches.append(params)
        since = params.get("page_info") or params["updated_at_min"].replace("Z", "+00:00")
        start = datetime.fromisoformat(since)
        after = [n for n in self.window(start, datetime.max.replace(tzinfo=UTC)) if self.changed[n] > start]
        found = after if "page_info" in params else self.window(start, datetime.max.replace(tzinfo=UTC))
        numbers = found[: int(params["limit"])]
        orders = [
            {"id": int(n), "v": self.versions[n], "updated_at": self.changed[n].isoformat()} for n in numbers
        ]
        if len(found) > len(numbers):
            mark = self.changed[numbers[-1]].isoformat().replace("+", "%2B")
            limit["Link"] = f'<{url}{path}?limit={params["limit"]}&page_info={mark}>; rel="next"'
        if self.is_restless and len(found) > len(numbers) and self.now < END + timedelta(hours=1):
            self.changed[found[-1]] = self.now
            self.versions[found[-1]] += 1
        return 200, limit, {"orders": orders}


def china(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) - CHINA


def serve_platform(name: str) -> tuple[Platform, ThreadingHTTPServer]:
    """Start a platform; it answers until its server is shut down."""
    platform = Platform(name)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            params = dict(parse_qsl(parts.query) + parse_qsl(body, keep_blank_values=True))
            status, headers, told = platform.answer(
                parts.path, params, dict(self.headers), f"http://127.0.0.1:{server.server_port}"
            )
            content = json.dumps(told, ensure_ascii=False).encode()
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return platform, server
