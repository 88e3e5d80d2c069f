"""REST pulls against a real local server: waiting, refusing, limits, credentials, the way into the lake."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dlt", reason="the extra `pulls` is not installed")

from feeds.connectors.http import HttpClient
from feeds.connectors.http_limits import HttpError, HttpLimits
from feeds.connectors.pull import json_line
from feeds.connectors.rest import connect
from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.report import LoadReport
from feeds.shop import Source, load_shop

FILE = Path(__file__).parents[2] / "faults" / "upstream.py"


@pytest.fixture(scope="module")
def up() -> Any:
    spec = importlib.util.spec_from_file_location("upstream_of_unit_tests", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def upstream(up: Any) -> Iterator[Any]:
    told = up.Upstream()
    server = up.serve(told)
    yield told
    server.shutdown()
    server.server_close()


class Asked:
    """One REST source of a server, asked with waits that are counted instead of waited."""

    def __init__(self, upstream: Any, **options: Any) -> None:
        self.waited: list[float] = []
        limits = {"requests_per_second": 1e6, **options.pop("limits", {})}
        pull = {
            "base_url": f"http://127.0.0.1:{upstream.port}",
            "path": "/items",
            "records": "items",
            "pagination": {"type": "page"},
            "limits": limits,
            **options,
        }
        self.source = Source("api", ("products",), (), connector="rest", format="jsonl", pull=pull)
        self.client = HttpClient(HttpLimits.of(pull), seed=1, sleep=self.waited.append)

    def records(self, cursor: str | None = None) -> list[Any]:
        pages = connect(self.source, "products", self.client).pages(cursor)
        return [record for page in pages for record in page.records]


@pytest.fixture
def ask(upstream: Any) -> Callable[..., Asked]:
    for _ in range(12):
        upstream.change("insert")
    return lambda **options: Asked(upstream, **options)


@pytest.mark.parametrize("fault", ["429", "429date"])
def test_the_wait_that_the_source_asks_for_is_kept(
    upstream: Any, ask: Callable[..., Asked], fault: str
) -> None:
    upstream.faults = [fault]
    asked = ask()
    assert len(asked.records()) == 12
    assert max(asked.waited) == pytest.approx(2, abs=1.1)


def test_waits_grow_with_jitter_and_attempts_end(upstream: Any, ask: Callable[..., Asked]) -> None:
    upstream.faults = ["500"] * 50
    asked = ask(limits={"attempts": 6, "backoff_seconds": 1, "max_backoff_seconds": 4})
    with pytest.raises(HttpError, match="failed 6 times: status 500"):
        asked.records()
    waits = [wait for wait in asked.waited if wait > 0.001]
    assert len(waits) == 5
    assert all(wait <= bound for wait, bound in zip(waits, [1, 2, 4, 4, 4], strict=True))
    assert len(upstream.requests) == 6


def test_a_wait_past_the_deadline_is_not_begun(upstream: Any, ask: Callable[..., Asked]) -> None:
    upstream.faults = ["429"] * 5
    asked = ask(limits={"deadline_seconds": 1})
    with pytest.raises(HttpError, match="deadline_seconds"):
        asked.records()
    assert len(upstream.requests) == 1


def test_a_token_that_expired_is_fetched_again_once(
    upstream: Any, ask: Callable[..., Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT", "me")
    monkeypatch.setenv("CLIENT_SECRET", "hunter2")
    auth = {
        "type": "client_credentials",
        "token_url": f"http://127.0.0.1:{upstream.port}/token",
        "client_id_env": "CLIENT",
        "client_secret_env": "CLIENT_SECRET",
    }
    upstream.token = "secret of before"
    asked = ask(auth=auth)
    assert len(asked.records()) == 12
    assert upstream.tokens_given == 1
    upstream.token = "rotated on the server"
    assert len(asked.records()) == 12
    assert upstream.tokens_given == 2


def test_a_refused_token_is_named_by_its_variable_and_never_shown(
    upstream: Any,
    ask: Callable[..., Asked],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2")
    upstream.token = "another"
    with caplog.at_level(logging.DEBUG), pytest.raises(HttpError, match="SHOP_TOKEN") as refused:
        ask(token_env="SHOP_TOKEN", params={"key": "s3cret-in-query"}).records()
    assert len(upstream.requests) == 1
    assert upstream.requests[0][2]["Authorization"] == "Bearer hunter2"
    told = str(refused.value) + caplog.text
    assert "hunter2" not in told
    assert "s3cret-in-query" not in told
    monkeypatch.delenv("SHOP_TOKEN")
    with pytest.raises(HttpError, match="SHOP_TOKEN is not set"):
        ask(token_env="SHOP_TOKEN").records()


def test_a_page_that_comes_again_and_again_is_a_circle(upstream: Any, ask: Callable[..., Asked]) -> None:
    with pytest.raises(HttpError, match="circle"):
        ask(pagination={"type": "page", "param": "a_parameter_it_does_not_know"}).records()
    upstream.manner = "cursor"
    with pytest.raises(HttpError, match="circle"):
        ask(pagination={"type": "cursor", "path": "next_cursor", "param": "ignored"}).records()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_response_bytes": 300}, "more than 300 bytes"),
        ({"max_pages": 2}, "more than 2 pages"),
        ({"max_records": 7}, "7 records"),
    ],
)
def test_a_source_that_gives_too_much_is_stopped(
    ask: Callable[..., Asked], limits: dict[str, int], message: str
) -> None:
    with pytest.raises(HttpError, match=message):
        ask(limits=limits).records()


def test_a_link_to_another_host_is_not_followed(upstream: Any, ask: Callable[..., Asked]) -> None:
    upstream.manner = "link"
    port, upstream.port = upstream.port, 9
    asked = ask(pagination={"type": "link"}, base_url=f"http://127.0.0.1:{port}")
    with pytest.raises(HttpError, match="another host"):
        asked.records()


def test_records_keep_every_digit(upstream: Any, ask: Callable[..., Asked]) -> None:
    upstream.records[1]["amount"] = 0
    [record] = [r for r in ask().records() if r["id"] == 2]
    text = json.dumps(upstream.records[2]["amount"])
    assert f'"amount":"{text}"' in json_line(record)
    assert json_line({"n": float("inf"), "s": "\ud800"}) == '{"n":"inf","s":"\\ud800"}\n'


def test_a_source_that_breaks_its_declared_order_is_refused(upstream: Any, ask: Callable[..., Asked]) -> None:
    upstream.is_ascending = False
    modified = {"field": "updated_at", "param": "since", "order": "ascending"}
    with pytest.raises(HttpError, match="not in ascending order"):
        ask(modified=modified).records()


def test_a_pull_leaves_nothing_of_dlt_on_disk(ask: Callable[..., Asked], tmp_path: Path) -> None:
    pull = json.dumps(dict(ask().source.pull))
    code = (
        "import json, sys; from feeds.connectors.http import HttpClient\n"
        "from feeds.connectors.rest import connect; from feeds.shop import Source\n"
        "source = Source('api', ('products',), (), connector='rest', pull=json.loads(sys.argv[1]))\n"
        "print(sum(len(page.records) for page in connect(source, 'products', HttpClient()).pages(None)))\n"
    )
    place = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": str(FILE.parents[2])}
    command = [sys.executable, "-c", code, pull]
    told = subprocess.run(command, env={**os.environ, **place}, cwd=tmp_path, capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("12\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": "https://me:pw@x.example"}, "credentials in base_url"),
        ({"pagination": "pages"}, "pagination 'pages'"),
        ({"pagination": {"type": "page", "sise": 1}}, "sise"),
        ({"modified": {"field": "x"}}, "field and param"),
        ({"unknown": 1}, "unknown"),
        ({"limits": {"attempts": "many"}}, "attempts"),
        ({"auth": {"type": "magic"}}, "magic"),
    ],
)
def test_unusable_options_are_named(upstream: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(HttpError, match=message):
        Asked(upstream, **{"limits": {}, **options}).records()


def test_what_a_rest_source_gives_is_in_the_lake_once(upstream: Any, tmp_path: Path) -> None:
    file = tmp_path / "shops" / "corner.yaml"
    file.parent.mkdir()
    pull = {
        "base_url": f"http://127.0.0.1:{upstream.port}",
        "path": "/{feed}",
        "records": "items",
        "pagination": {"type": "page"},
        "modified": {"field": "updated_at", "param": "since", "order": "ascending"},
    }
    sources = [{"name": "api", "connector": "rest", "provides": ["suppliers", "customers"], "pull": pull}]
    file.write_text(json.dumps({"name": "corner", "time_zone": "UTC", "currency": "EUR", "sources": sources}))

    def put(key: int, second: int) -> None:
        at = datetime(2025, 3, 1, 10, 0, second, tzinfo=UTC).isoformat()
        upstream.records[key] = {
            "supplier_id": f"s{key}",
            "name": f"Supplier {second}",
            "id": key,
            "updated_at": at,
        }

    def ingest() -> LoadReport:
        now = datetime(2026, 3, 1, tzinfo=UTC)
        return ingest_feed(load_shop("corner", tmp_path), "suppliers", tmp_path, key=b"key", now=now)

    for key in range(7):
        put(key, key)
    first = ingest()
    assert (first.rows_read, first.accepted) == (7, 7)
    assert ingest().skipped_reason == "nothing new has arrived"
    put(3, 40)
    second = ingest()
    # The overlap brings the others again; acceptance removes them.
    assert (second.accepted, second.deduplicated) == (1, 6)
    table = Lake(tmp_path / "corner" / "lake").read("raw", "suppliers", columns=["supplier_id"])
    assert sorted(table["supplier_id"].to_pylist()) == sorted([f"s{key}" for key in range(7)] + ["s3"])
    assert {path for path, _, _ in upstream.requests} == {"/suppliers"}
