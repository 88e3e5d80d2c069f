"""Seeded scripts of a faulty upstream: whatever happens, the landed records end as exactly the server's."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from feeds.connectors import pull as pull_module
from feeds.connectors.http import HttpClient
from feeds.connectors.http_limits import HttpLimits
from feeds.connectors.pull import land_pull
from feeds.connectors.rest import connect
from feeds.landing import open_landed
from feeds.ledger import Ledger
from feeds.shop import Source

pytest.importorskip("dlt", reason="the extra `pulls` is not installed")
N_FAST, N_ALL = 20, 1000


def _load_upstream() -> ModuleType:
    spec = importlib.util.spec_from_file_location("upstream", Path(__file__).with_name("upstream.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["upstream"] = module
    spec.loader.exec_module(module)
    return module


up = _load_upstream()
PAGING = {
    "page": {"type": "page"},
    "offset": {"type": "offset"},
    "cursor": {"type": "cursor", "param": "after", "path": "next_cursor"},
    "link": {"type": "link"},
    "next_url": {"type": "next_url"},
}


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    running = up.serve(up.Upstream())
    yield running
    running.shutdown()
    running.server_close()


class Reader:
    """The source of one script as a shop declares it, with a ledger and a landing folder of its own."""

    def __init__(self, upstream: Any, folder: Path, seed: int) -> None:
        self.folder, self.ledger, self.seed = folder, Ledger(folder / "ledger.sqlite"), seed
        paging = dict(PAGING[upstream.manner])
        if upstream.manner == "offset":
            paging["limit"] = upstream.size
        self.source = Source(
            "items",
            ("products",),
            (),
            connector="rest",
            format="jsonl",
            shape="products",
            pull={
                "base_url": f"http://127.0.0.1:{upstream.port}",
                "path": "/items",
                "records": "items",
                "pagination": paging,
                "modified": {
                    "field": "updated_at",
                    "param": "since",
                    "overlap_seconds": 60,
                    "order": "ascending" if upstream.is_ascending else "any",
                },
            },
        )
        self.waited: list[float] = []

    def pull(self) -> None:
        limits = HttpLimits(requests_per_second=1e6, attempts=30)
        client = HttpClient(limits, seed=self.seed, sleep=self.waited.append)
        land_pull(
            self.source,
            "products",
            self.folder,
            self.ledger,
            pull=connect(self.source, "products", client),
        )

    def latest(self) -> dict[int, dict[str, Any]]:
        """Last version of each record in what the ledger says is landed."""
        found: dict[int, dict[str, Any]] = {}
        for file in self.ledger.pending("products", ["items"]):
            with open_landed(self.folder, file).open() as lines:
                for line in lines:
                    record = json.loads(line)
                    if record["version"] >= found.get(record["id"], {"version": 0})["version"]:
                        found[record["id"]] = record
        return found


class Killed(BaseException):
    """What stands for a kill where the process is to live on."""


def tell(upstream: Any, folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch, real_kills: bool) -> Reader:
    """Some pulls with faults, changes and kills, then one in peace."""
    rng = random.Random(seed * 7 + 3)
    reader = Reader(upstream, folder, seed)
    for _ in range(rng.randint(1, 4)):
        up.make_trouble(upstream, rng)
        kill_at = rng.choice(["", "", "between_pull_pages", "after_pull_written", "after_landing_write"])
        if kill_at and real_kills:
            _pull_in_a_process_that_dies(reader, kill_at, rng.randint(1, 4))
        elif kill_at:
            _pull_until(reader, kill_at, rng.randint(1, 4), monkeypatch)
        else:
            reader.pull()
        for _ in range(rng.randint(0, 4)):
            upstream.change(rng.choice(["insert", "update", "late", "delete"]))
    upstream.faults, upstream.changes = [], []
    reader.pull()
    return reader


def _pull_until(reader: Reader, name: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [times if name == "between_pull_pages" else 1]

    def reach(reached: str) -> None:
        left[0] -= reached == name
        if reached == name and left[0] == 0:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(pull_module, "reach", reach)
        patched.setattr("feeds.landing.reach", reach)
        with contextlib.suppress(Killed):
            reader.pull()


def _pull_in_a_process_that_dies(reader: Reader, name: str, times: int) -> None:
    child = os.fork()
    if child == 0:
        try:
            left = [times if name == "between_pull_pages" else 1]

            def reach(reached: str) -> None:
                left[0] -= reached == name
                if reached == name and left[0] == 0:
                    os.kill(os.getpid(), 9)

            pull_module.reach = reach  # type: ignore[assignment]
            sys.modules["feeds.landing"].reach = reach  # type: ignore[attr-defined]
            reader.pull()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def converges(server: Any, folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch, real: bool) -> Any:
    upstream = up.script(seed)
    up.serve_other(server, upstream)
    reader = tell(upstream, folder, seed, monkeypatch, real)
    found = reader.latest()
    for key, record in upstream.records.items():
        assert found.get(key, {}).get("version") == record["version"], (
            f"seed {seed}, {upstream.manner}: {key}"
        )
        told = {**record, "amount": json.loads(json.dumps(record["amount"]), parse_float=str)}
        assert {**found[key], "amount": str(found[key]["amount"])} == {**told, "amount": str(told["amount"])}
    assert set(found) - set(upstream.records) <= upstream.gone
    return reader


@pytest.mark.parametrize("tens", range(N_FAST // 10))
def test_a_faulty_upstream_ends_as_exactly_its_records(
    server: Any, tens: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(tens * 10, tens * 10 + 10):
        converges(server, tmp_path / str(seed), seed, monkeypatch, real=seed % 10 == 0)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("hundred", range(N_ALL // 100))
def test_a_thousand_faulty_upstreams_end_as_exactly_their_records(
    server: Any, hundred: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(1000 + hundred * 100, 1100 + hundred * 100):
        converges(server, tmp_path / str(seed), seed, monkeypatch, real=seed % 10 == 0)
