"""The platforms' connectors against a server that verifies signatures itself, throttles, fails and changes.

The server computes signatures from the text of the platforms' documents (its HMAC by hand from RFC 2104), so
that a mistake in the connector's own signing is not repeated here.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from feeds.connectors.http import HttpClient
from feeds.connectors.http_limits import HttpError, HttpLimits
from feeds.connectors.platforms import ali1688, jd, shopify, taobao
from feeds.shop import Source

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


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], tuple[Platform, str]]]:
    """Starts a platform on this machine and puts its credentials into the environment."""
    servers: list[ThreadingHTTPServer] = []

    def start(name: str) -> tuple[Platform, str]:
        platform = Platform(name)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body in one packet

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                params = dict(parse_qsl(parts.query) + parse_qsl(body, keep_blank_values=True))
                status, headers, told = platform.answer(
                    parts.path, params, dict(self.headers), f"http://127.0.0.1:{servers[-1].server_port}"
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

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        for variable, value in (("APP_KEY", "12345678"), ("APP_SECRET", SECRET), ("ACCESS_TOKEN", "a token")):
            monkeypatch.setenv(f"{name.upper()}_{variable}", value)
        return platform, f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def pull_of(platform: Platform, address: str, **options: Any) -> tuple[Any, list[float]]:
    waits: list[float] = []
    client = HttpClient(
        HttpLimits(requests_per_second=10_000, backoff_seconds=0.001), seed=1, sleep=waits.append
    )
    base = address + ("/openapi" if platform.name == "ali1688" else "")
    told = {"base_url": base, "since": START.isoformat(), "page_size": SIZE, "lag_minutes": 0, **options}
    if platform.name == "shopify":
        told.pop("lag_minutes")
    shape = {"taobao": "trades"}.get(platform.name, "orders")
    source = Source(
        platform.name, ("orders",), (), platform.name, dialect=platform.name, shape=shape, pull=told
    )
    connect = {"taobao": taobao, "jd": jd, "ali1688": ali1688, "shopify": shopify}[platform.name].connect
    pull = connect(source, "orders", client, clock=lambda: platform.now)
    if platform.name == "shopify":
        pull._sleep = waits.append
    return pull, waits


def number_of(record: dict[str, Any]) -> str:
    base = record.get("baseInfo", record)
    return str(base.get("tid") or base.get("orderId") or base.get("id"))


def read(pull: Any, cursor: str | None = None) -> tuple[dict[str, int], str | None]:
    """Highest version seen of each record, and the last cursor."""
    seen: dict[str, int] = {}
    for page in pull.pages(cursor):
        for record in page.records:
            number = number_of(record)
            seen[number] = max(seen.get(number, 0), int(record["v"]))
        cursor = page.cursor or cursor
    return seen, cursor


PLATFORMS = ("taobao", "jd", "ali1688", "shopify")


@pytest.mark.parametrize("name", PLATFORMS)
def test_all_records_are_read_through_throttles_and_failures(name: str, serve: Any) -> None:
    platform, address = serve(name)
    platform.is_flaky = True
    pull, waits = pull_of(platform, address)
    seen, cursor = read(pull)
    assert seen == platform.versions
    assert platform.n_refused > 5
    told = {"taobao": 1.0, "shopify": 2.0}.get(name)
    assert told is None or waits.count(told) >= platform.n_refused - 1
    assert cursor is not None
    assert datetime.fromisoformat(cursor) <= END


@pytest.mark.parametrize("name", PLATFORMS)
def test_no_change_is_lost_when_records_move_between_pages(name: str, serve: Any) -> None:
    platform, address = serve(name)
    platform.is_restless = True
    pull, _ = pull_of(platform, address, window_hours=72)
    seen, cursor = read(pull)
    moved = sum(platform.versions.values()) - len(platform.versions)
    assert moved >= 3
    platform.is_restless, platform.now = False, END + timedelta(hours=2)
    later, _ = read(pull_of(platform, address)[0], cursor)
    latest = {n: max(seen.get(n, 0), later.get(n, 0)) for n in {*seen, *later}}
    assert latest == platform.versions


def test_reading_from_the_first_page_on_would_have_lost_records(serve: Any) -> None:
    """The same restless server, read in the naive order: the test above can fail."""
    platform, address = serve("taobao")
    platform.is_restless = True
    pull, _ = pull_of(platform, address)
    seen: set[int] = set()
    for page in range(1, 13):
        seen |= {record["tid"] for record in pull._search.found(START, END, page, SIZE).records}
    still_there = {int(n) for n, at in platform.changed.items() if at <= END}
    assert len(still_there - seen) >= 3


@pytest.mark.parametrize("name", ["taobao", "jd", "ali1688"])
def test_a_pull_goes_on_from_the_last_whole_window(name: str, serve: Any) -> None:
    platform, address = serve(name)
    pages = pull_of(platform, address)[0].pages(None)
    cursor = next(page.cursor for page in pages if page.cursor)
    assert cursor == (START + timedelta(days=1)).isoformat()
    platform.searches.clear()
    seen, _ = read(pull_of(platform, address)[0], cursor)
    overlap = START + timedelta(days=1) - timedelta(minutes=10)
    assert seen.keys() == set(platform.window(overlap, END))


@pytest.mark.parametrize("name", ["taobao", "jd", "ali1688"])
def test_a_window_with_too_many_records_is_halved(name: str, serve: Any) -> None:
    platform, address = serve(name)
    pull, _ = pull_of(platform, address, window_hours=72)
    pull._search.most = 20
    seen, _ = read(pull)
    assert seen == platform.versions


@pytest.mark.parametrize("name", PLATFORMS)
def test_refunds_and_payments_come_with_their_order(name: str, serve: Any) -> None:
    platform, address = serve(name)
    records = {number_of(r): r for page in pull_of(platform, address)[0].pages(None) for r in page.records}
    part = "transactions" if name == "shopify" else "refunds"
    assert len(records["1003"][part]) == 1
    assert len(records["1004"][part]) == (1 if name == "shopify" else 0)


@pytest.mark.parametrize("method", ["md5", "hmac", "hmac-sha256"])
def test_top_takes_each_way_of_signing(method: str, serve: Any) -> None:
    platform, address = serve("taobao")
    assert read(pull_of(platform, address, sign_method=method)[0])[0] == platform.versions


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_wrong_secret_is_told_at_once_and_not_shown(
    name: str, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, address = serve(name)
    monkeypatch.setenv(f"{name.upper()}_APP_SECRET", "another secret")
    monkeypatch.setenv(f"{name.upper()}_ACCESS_TOKEN", "another token")
    with pytest.raises(HttpError) as refused:
        read(pull_of(platform, address)[0])
    assert "another" not in str(refused.value)
    assert platform.n_requests == 1


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_missing_credential_is_named(name: str, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    platform, address = serve(name)
    monkeypatch.delenv(f"{name.upper()}_ACCESS_TOKEN")
    with pytest.raises(HttpError, match=f"{name.upper()}_ACCESS_TOKEN"):
        read(pull_of(platform, address)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"page_size": 1000}, "page_size"),
        ({"since": "yesterday"}, "since"),
        ({"pages": 3}, "unknown options"),
        ({"window_hours": 0}, "window_hours"),
        ({"sign_method": "sha1"}, "sign_method"),
    ],
)
def test_unusable_options_are_refused_by_name(options: dict[str, Any], message: str, serve: Any) -> None:
    platform, address = serve("taobao")
    with pytest.raises(HttpError, match=message):
        pull_of(platform, address, **options)


def test_shopify_waits_when_the_bucket_is_nearly_full(serve: Any) -> None:
    platform, address = serve("shopify")
    pull, waits = pull_of(platform, address)
    read(pull)
    assert waits.count(0.5) == platform.n_requests


def test_a_taobao_shop_is_pulled_landed_and_read_in_its_dialect(serve: Any, tmp_path: Path) -> None:
    from feeds.ingest import ingest_feed
    from feeds.lake import Lake
    from feeds.shop import load_shop

    platform, address = serve("taobao")
    golden = Path(__file__).parents[2] / "data" / "golden" / "taobao" / "trades.jsonl"
    trade = json.loads(golden.read_text(encoding="utf-8"))
    platform.now = datetime.now(UTC)
    platform.changed = {str(trade["tid"]): datetime(2026, 2, 10, 7, tzinfo=UTC)}
    refund = trade["refunds"][0]
    whole = {"taobao.trade.fullinfo.get": {"trade_fullinfo_get_response": {"trade": trade}},
             "taobao.refund.get": {"refund_get_response": {"refund": refund}}}  # fmt: skip
    search = platform.on_taobao
    platform.on_taobao = lambda path, params, url: (  # type: ignore[method-assign]
        (200, {}, whole[params["method"]]) if params["method"] in whole else search(path, params, url)
    )
    (tmp_path / "shops").mkdir()
    (tmp_path / "shops" / "lamps.yaml").write_text(
        "name: lamps\ntime_zone: Asia/Shanghai\ncurrency: CNY\nsources:\n"
        "  - name: tmall\n    connector: taobao\n    dialect: taobao\n"
        f"    pull: {{base_url: '{address}', since: 2026-02-01, window_hours: 20000}}\n",
        encoding="utf-8",
    )
    shop = load_shop("lamps", tmp_path)
    told = {feed: ingest_feed(shop, feed, tmp_path, key=b"k") for feed in sorted(shop.feeds)}
    assert {feed: report.accepted for feed, report in told.items()} == {
        "order_lines": 2, "order_status_events": 3, "orders": 1, "payments": 1, "refunds": 1, "shipments": 2,
    }  # fmt: skip
    lines = Lake(tmp_path / "lamps" / "lake").read("raw", "order_lines", columns=["sku", "units"]).to_pylist()
    assert sorted(line["sku"] for line in lines) == ["LAMP-RED", "MUG-01"]
    again = {feed: ingest_feed(shop, feed, tmp_path, key=b"k") for feed in sorted(shop.feeds)}
    assert {report.accepted for report in again.values()} == {0}
