"""What a found file holds: itself, or the unpacked members of an archive, as chunks of UTF-8 text or of
bytes.

What a file is, its first bytes decide; its name decides only among kinds of text. Writing the chunks is
landing's work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO

from feeds import compression
from feeds.connectors.files import FoundFile, format_of, is_finished
from feeds.encodings import CHUNK, Encoding, detect, to_utf8
from feeds.report import LandingError

_PARQUET, _OLE = b"PAR1", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
TEXT = ("csv", "tsv", "jsonl", "json")


@dataclass(frozen=True)
class Content:
    """One file's worth of content: name (``file.zip!member`` within an archive), format, and its bytes.

    ``is_file``: they are those of the file itself, not unpacked ones.
    """

    name: str
    format: str
    open: Callable[[], BinaryIO]
    declared: str | None = None
    is_file: bool = False

    def chunks(self, encoding: Encoding | None) -> Iterator[bytes]:
        """The bytes to land; text in UTF-8. Raises ``LandingError`` for what is not in that encoding."""
        with self.open() as stream:
            if encoding is not None:
                yield from to_utf8(stream, encoding, self.name)
                return
            while chunk := stream.read(CHUNK):
                yield chunk

    def encoding(self) -> Encoding | None:
        """The encoding that the source declares, or else the one found; ``None`` for what is no text."""
        if self.format not in TEXT:
            return None
        if self.declared:
            return Encoding(self.declared, declared=True)
        return detect(self.open, self.name)


def contents(
    file: FoundFile, path: Path, encoding: str | None, members: str = "*"
) -> Iterator[Content | LandingError]:
    """The contents of a file whose bytes stand at ``path``, in the archive's order; of a member that cannot
    be taken, the error.

    Raises ``LandingError`` where the file as a whole cannot be opened.
    """
    if file.refused:
        raise LandingError(f"{file.name} is refused: {file.refused}.")
    if _head(lambda: path.open("rb")).startswith(compression.ZIP_MAGIC) and not compression.is_workbook(path):
        yield from _members(file, path, encoding, members)
    else:

        def opened() -> BinaryIO:
            return path.open("rb")

        content = _content(file.name, file.format, opened, path.stat().st_size, encoding)
        yield replace(content, is_file=content.open is opened)


def _members(
    file: FoundFile, path: Path, encoding: str | None, members: str
) -> Iterator[Content | LandingError]:
    n_taken = 0
    for member in compression.zip_members(path, file.name):
        name = f"{file.name}!{member.name}"
        if not member.refused and not (fnmatch(member.name, members) and is_finished(member.name)):
            continue
        n_taken += 1
        form = file.format if file.format != "zip" else format_of(member.name)
        try:
            if member.refused:
                raise LandingError(f"{name} is refused: {member.refused}.")
            if form is None or form == "zip":
                raise LandingError(
                    f"{name}: its ending says no format that is read within an archive. Name the members "
                    "that are wanted with the source's `members` (such as '*.csv')."
                )

            def opened(member: compression.Member = member, name: str = name) -> BinaryIO:
                return compression.open_member(path, member, name)

            yield _content(name, form, opened, member.packed_size, encoding)
        except LandingError as refused:
            yield refused
    if not n_taken:
        raise LandingError(f"{file.name}: the archive holds no file that matches {members!r}. Send it again.")


def _content(
    name: str, form: str, opened: Callable[[], BinaryIO], packed_size: int, encoding: str | None
) -> Content:
    """The content behind at most two layers of gzip, in the format that its first bytes show."""
    for _ in range(2):
        if not _head(opened).startswith(compression.GZIP_MAGIC):
            break
        outer = opened

        def opened(outer: Callable[[], BinaryIO] = outer) -> BinaryIO:
            return compression.open_gzip(outer, packed_size, name)

    head = _head(opened)
    if head.startswith(_PARQUET):
        return Content(name, "parquet", opened)
    if head.startswith(_OLE) or (form == "excel" and head.startswith(compression.ZIP_MAGIC)):
        return Content(name, "excel", opened)
    if head.startswith((compression.ZIP_MAGIC + b"\x03\x04", compression.GZIP_MAGIC)):
        if _is_workbook(opened):
            return Content(name, "excel", opened)
        raise LandingError(f"{name}: compressed several times over. Send it compressed once.")
    if form == "parquet":
        raise LandingError(f"{name}: not a Parquet file (it does not begin with PAR1). Send the file again.")
    if form in ("excel", "zip"):
        kind = "a workbook" if form == "excel" else "an archive"
        raise LandingError(
            f"{name}: named like {kind}, but its content is none. Send the file again, or set the source's "
            "`format` to what it is (csv, tsv, json)."
        )
    return Content(name, form, opened, encoding)


def _is_workbook(opened: Callable[[], BinaryIO]) -> bool:
    with opened() as stream:
        return b"xl/" in stream.read(1 << 16) or b"[Content_Types].xml" in _head(opened, 128)


def _head(opened: Callable[[], BinaryIO], size: int = 8) -> bytes:
    with opened() as stream:
        return stream.read(size)
