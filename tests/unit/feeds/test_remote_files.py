"""Files behind an address: fetched whole or not at all, once, and only from below the address."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import fsspec
import pytest

from feeds.connectors.remote import find_remote
from feeds.report import FeedError
from feeds.shop import ShopError

HEADER = "event_id,visitor_id,event_type,occurred_at,sku\n"


def events(*numbers: int) -> bytes:
    return (HEADER + "".join(f"e{n},v,view,2026-02-01T10:00:00Z,A\n" for n in numbers)).encode()


class Bucket(http.server.ThreadingHTTPServer):
    """A web server over a dictionary; ``faults`` are told by path: cut, gone, busy."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/feed/"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Bucket

    def log_message(self, *arguments: Any) -> None:
        """Keep quiet."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        if self.path == "/feed/":
            links = [f'<a href="{name}">' for name in self.server.files]
            self._send(
                200, "".join([*links, '<a href="/etc/">', '<a href="http://other/x.csv">']).encode(), body
            )
            return
        name = unquote(self.path).removeprefix("/feed/")
        content = self.server.files.get(name)
        faults = self.server.faults.get(name, []) if body else []
        fault = faults.pop(0) if faults else None
        if content is None or fault == "gone":
            self._send(404, b"", body)
        elif fault == "busy":
            self._send(503, b"", body)
        else:
            self._send(200, content, body, cut=fault == "cut")

    def _send(self, status: int, content: bytes, body: bool, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hash(content)}"')
        self.end_headers()
        if body:
            self.wfile.write(content[: len(content) // 2] if cut else content)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def reads_from(world: Any, url: str) -> None:
    """Make the shop's one source read from an address."""
    file = world.home / "shops" / "corner.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        "name: corner\ntime_zone: UTC\ncurrency: EUR\nsources:\n"
        f'  - {{name: events, path: "{url}", provides: [events]}}\n'
    )
    type(world).shop = property(lambda w: __import__("feeds.shop").shop.load_shop("corner", w.home))


@pytest.fixture
def remote(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(type(world), "shop", type(world).shop)
    return world


def test_files_of_a_web_folder_are_taken_once(remote: Any, bucket: Bucket) -> None:
    bucket.files = {
        "2026-02-01.csv": events(1, 2),
        "day 2.csv": events(3),
        "notes.md": b"x",
        ".hidden.csv": b"",
    }
    reads_from(remote, bucket.url)
    assert remote.ingest("events").accepted == 3
    assert remote.ingest("events").skipped_reason == "nothing new has arrived"
    bucket.files["2026-02-01.csv"] = events(1, 2, 4)
    assert remote.ingest("events").accepted == 1


def test_only_what_lies_below_the_address_is_listed(bucket: Bucket) -> None:
    bucket.files = {"a.csv": events(1)}
    assert [file.name for file in find_remote(bucket.url)] == ["a.csv"]
    assert [file.name for file in find_remote(bucket.url + "a.csv")] == ["a.csv"]


def test_a_transfer_that_is_cut_takes_nothing_and_the_next_run_takes_all(remote: Any, bucket: Bucket) -> None:
    bucket.files = {"a.csv": events(1), "b.csv": events(2, 3)}
    bucket.faults = {"b.csv": ["cut"]}
    reads_from(remote, bucket.url)
    with pytest.raises(FeedError, match=r"b\.csv: the transfer ended after \d+ of \d+ bytes"):
        remote.ingest("events")
    assert remote.rows("events", "event_id") == [("e1",)]
    assert remote.ingest("events").accepted == 2
    assert not list((remote.folder / "landing" / "events").glob(".tmp-*"))


def test_a_file_that_vanishes_after_it_was_listed_is_left(remote: Any, bucket: Bucket) -> None:
    bucket.files = {"a.csv": events(1), "b.csv": events(2)}
    bucket.faults = {"b.csv": ["gone"]}
    reads_from(remote, bucket.url)
    assert remote.ingest("events").accepted == 1
    assert remote.ingest("events").accepted == 1


def test_a_busy_server_is_asked_again(remote: Any, bucket: Bucket) -> None:
    bucket.files, bucket.faults = {"a.csv": events(1)}, {"a.csv": ["busy", "busy"]}
    reads_from(remote, bucket.url)
    assert remote.ingest("events").accepted == 1


def test_a_store_that_fsspec_knows_is_read_like_a_folder(remote: Any) -> None:
    store = fsspec.filesystem("memory")
    store.pipe({"/drop/events/2026-02-01.csv": events(1), "/drop/events/sub/b.csv": events(2)})
    reads_from(remote, "memory://drop/events")
    assert remote.ingest("events").accepted == 2
    assert remote.ingest("events").skipped_reason == "nothing new has arrived"
    store.rm("/drop", recursive=True)


def test_an_address_that_does_not_answer_says_so(remote: Any, bucket: Bucket) -> None:
    reads_from(remote, bucket.url.replace("/feed/", "/absent/"))
    with pytest.raises(FeedError, match=r"cannot be listed.*Correct the address"):
        remote.ingest("events")


def test_a_password_in_an_address_is_refused(remote: Any) -> None:
    reads_from(remote, "https://me:secret@example.org/feed/")
    with pytest.raises(ShopError, match="Credentials stand in the environment only"):
        _ = remote.shop


def test_a_workbook_without_the_package_says_what_to_install(
    world: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import feeds.reading_excel

    monkeypatch.setattr(feeds.reading_excel.importlib.util, "find_spec", lambda name: None)
    world.send("events", "a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    with pytest.raises(FeedError, match=r"Install shopwright\[excel\], or send CSV"):
        world.ingest("events")
