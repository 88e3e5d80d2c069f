"""The platforms' connectors against a server that verifies signatures, throttles, fails and changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from platform_server import END, SECRET, SIZE, START, Platform, serve_platform

from feeds.connectors.http import HttpClient
from feeds.connectors.http_limits import HttpError, HttpLimits
from feeds.connectors.platforms import ali1688, jd, shopify, taobao
from feeds.shop import Source


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], tuple[Platform, str]]]:
    """Starts a platform on this machine and puts its credentials into the environment."""
    servers: list[ThreadingHTTPServer] = []

    def start(name: str) -> tuple[Platform, str]:
        platform, server = serve_platform(name)
        servers.append(server)
        for variable, value in (("APP_KEY", "12345678"), ("APP_SECRET", SECRET), ("ACCESS_TOKEN", "a token")):
            monkeypatch.setenv(f"{name.upper()}_{variable}", value)
        return platform, f"http://127.0.0.1:{server.server_port}"

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


def test_a_taobao_shop_is_pulled_landed_and_read_in_its_dialect(
    serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    platform.searches.clear()
    told = {feed: ingest_feed(shop, feed, tmp_path, key=b"k") for feed in sorted(shop.feeds)}
    assert {feed: report.accepted for feed, report in told.items()} == {
        "order_lines": 2, "order_status_events": 3, "orders": 1, "payments": 1, "refunds": 1, "shipments": 2,
    }  # fmt: skip
    lines = Lake(tmp_path / "lamps" / "lake").read("raw", "order_lines", columns=["sku", "units"]).to_pylist()
    assert sorted(line["sku"] for line in lines) == ["LAMP-RED", "MUG-01"]
    # Six feeds come from one trade: it is asked for once, and once again by the next run.
    assert len(platform.searches) == 1
    again = {feed: ingest_feed(shop, feed, tmp_path, key=b"k") for feed in sorted(shop.feeds)}
    assert {report.accepted for report in again.values()} == {0}
    assert len(platform.searches) == 2
    # A feed that is ingested twice asks twice, and a pull of long ago is nobody's.
    ingest_feed(shop, "orders", tmp_path, key=b"k")
    assert len(platform.searches) == 3
    monkeypatch.setattr("feeds.connectors.pull.SHARED_SECONDS", -1)
    ingest_feed(shop, "payments", tmp_path, key=b"k")
    assert len(platform.searches) == 4
