"""Files behind an address: web servers by HTTP, and every store that fsspec reaches (S3, GCS, SFTP, memory).

A file is downloaded aside, and taken only when all of it came and it did not change meanwhile. What it holds
is not looked at.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

from feeds.connectors.files import FoundFile, find_files, format_of, is_finished
from feeds.report import LandingError
from feeds.shop import Source

MAX_DOWNLOAD_BYTES = 64 << 30
_TIMEOUT_SECONDS = 30.0
_TRIES = 3
_CHUNK = 1 << 20
_MAX_INDEX_BYTES = 4 << 20
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)


def is_url(path: str) -> bool:
    """Whether a source's path is an address rather than a local path."""
    return bool(_URL.match(path))


def files_of(source: Source) -> list[FoundFile]:
    """What a source of files holds now, wherever that is; see ``find_files`` and ``find_remote``."""
    if source.url:
        return find_remote(source.url, source.pattern, source.format)
    return find_files(source.path, source.pattern, source.format, source.settle_seconds)


def find_remote(url: str, pattern: str = "*", form: str = "auto") -> list[FoundFile]:
    """Finished files at an address (one file, or a folder and all below it) whose name matches, by name.

    Raises ``LandingError`` when the address cannot be reached.
    """
    try:
        listed = list(_listed_http(url) if url.startswith(("http://", "https://")) else _listed_store(url))
    except ImportError as missing:
        raise LandingError(
            f"{url}: {missing}. Install the package that fsspec names for this kind of address."
        ) from missing
    except (OSError, ValueError) as unreachable:
        raise LandingError(f"{url} cannot be listed: {unreachable}. Correct the address or try again.") from (
            unreachable
        )
    found = []
    for name, size, version, download in listed:
        kind = format_of(name) if form == "auto" else form
        if kind and is_finished(name) and fnmatch.fnmatch(PurePosixPath(name).name, pattern):
            found.append(FoundFile(Path(name), name, size, version, kind, download=download))
    return sorted(found, key=lambda file: file.name)


Listed = tuple[str, int, int, Callable[[Path], None]]


def _listed_store(url: str) -> Iterator[Listed]:
    # Imported here, so that a shop of local files needs none of its packages.
    import fsspec

    fs, root = fsspec.core.url_to_fs(url)
    fs.invalidate_cache()
    if fs.isfile(root):
        entries, base = {root: fs.info(root)}, root.rpartition("/")[0]
    else:
        entries, base = fs.find(root, detail=True), root
    for path, info in entries.items():
        name = path.removeprefix(base).lstrip("/")
        size, version = int(info.get("size") or 0), _version(info)

        def download(target: Path, path: str = path, size: int = size, version: int = version) -> None:
            with fs.open(path, "rb") as stream:
                _copied(stream, target, size, f"{url}: {path}")
            fs.invalidate_cache()
            if _version(fs.info(path)) != version:
                raise FileNotFoundError(f"{path} changed while it was read")

        yield name, size, version, download


def _version(info: dict[str, Any]) -> int:
    """A number that changes when the file does: time of change, entity tag or whatever the store tells."""
    for key in ("mtime", "LastModified", "last_modified", "updated", "created"):
        moment = info.get(key)
        if isinstance(moment, datetime):
            return int(moment.timestamp() * 1e6) * 1000
        if isinstance(moment, int | float):
            # Rounded: a store may tell the same moment once as a number, once as a date.
            return int(moment * 1e6) * 1000
    return _hashed(str(info.get("ETag") or info.get("etag") or info.get("checksum") or info.get("size")))


def _hashed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


def _listed_http(url: str) -> Iterator[Listed]:
    if not url.endswith("/"):
        yield _http_file(url, unquote(PurePosixPath(urlsplit(url).path).name))
        return
    pending, seen = [url], {url}
    while pending:
        folder = pending.pop()
        for link in _links(folder):
            # Only what lies below the address: neither its parents nor other hosts.
            if not link.startswith(url) or link in seen:
                continue
            seen.add(link)
            if link.endswith("/"):
                pending.append(link)
            else:
                try:
                    yield _http_file(link, unquote(link.removeprefix(url)))
                except FileNotFoundError:
                    # It vanished after the index was written.
                    continue


def _http_file(url: str, name: str) -> Listed:
    with _request(url, "HEAD") as answer:
        size, version = int(answer.headers.get("Content-Length") or -1), _http_version(answer.headers)

    def download(target: Path) -> None:
        with _request(url, "GET") as answer:
            if _http_version(answer.headers) != version:
                raise FileNotFoundError(f"{url} changed since it was listed")
            _copied(answer, target, int(answer.headers.get("Content-Length") or -1), url)

    return name, size, version, download


def _http_version(headers: Any) -> int:
    tag, changed = headers.get("ETag"), headers.get("Last-Modified")
    if tag or not changed:
        return _hashed(tag or str(headers.get("Content-Length")))
    return int(parsedate_to_datetime(changed).timestamp()) * 1_000_000_000


def _request(url: str, method: str) -> Any:
    """The answer; 404 and 410 are ``FileNotFoundError``, what may pass is tried again."""
    for attempt in range(_TRIES):
        try:
            request = urllib.request.Request(url, method=method, headers={"Accept-Encoding": "identity"})
            return urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
        except urllib.error.HTTPError as refused:
            if refused.code in (404, 410):
                raise FileNotFoundError(f"{url}: {refused}") from refused
            if refused.code not in (408, 429, 500, 502, 503, 504) or attempt == _TRIES - 1:
                raise
        except OSError:
            if attempt == _TRIES - 1:
                raise
        time.sleep(0.2 * 2**attempt)
    raise AssertionError("the last try returns or raises")


def _copied(stream: BinaryIO, target: Path, size: int, name: str) -> None:
    """Write a stream to a path; ``LandingError`` when fewer or more bytes come than were announced."""
    written = 0
    with target.open("wb") as out:
        try:
            while chunk := stream.read(_CHUNK):
                written += len(chunk)
                if written > MAX_DOWNLOAD_BYTES or shutil.disk_usage(target.parent).free < 2 * len(chunk):
                    raise LandingError(f"{name}: too large for this machine ({written} bytes so far).")
                out.write(chunk)
        except (OSError, EOFError) as cut:
            raise LandingError(_cut(name, written, size)) from cut
    if size >= 0 and written != size:
        raise LandingError(_cut(name, written, size))


def _cut(name: str, written: int, size: int) -> str:
    return f"{name}: the transfer ended after {written} of {size} bytes. Run again; nothing of it was taken."


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep where anchors lead."""
        self.links += [value for key, value in attrs if tag == "a" and key == "href" and value]


def _links(folder: str) -> list[str]:
    """Where the anchors of an index page lead, in its order."""
    anchors = _Anchors()
    with _request(folder, "GET") as answer:
        anchors.feed(answer.read(_MAX_INDEX_BYTES).decode("utf-8", "replace"))
    links = [urldefrag(urljoin(folder, link)).url for link in anchors.links if "?" not in link]
    # Hand-made indexes forget to escape blanks; what is escaped already stays as it is.
    return [quote(link, safe=":/%~!$&'()*+,;=@[]") for link in links]
