"""Compressed content: gzip streams and zip members, read within limits.

A stream that grows out of proportion, a truncated one and a wrong checksum are errors that name the remedy.
What the unpacked bytes hold is not looked at.
"""

from __future__ import annotations

import gzip
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from feeds.report import LandingError

MAX_UNPACKED_BYTES = 16 << 30
# Text of shops shrinks to a fifth or a twentieth; nothing honest of this size shrinks to a two-hundredth.
MAX_RATIO = 200
_RATIO_FROM_BYTES = 64 << 20
MAX_MEMBERS = 10_000
_MAX_DIRECTORY_BYTES = 4 << 20
GZIP_MAGIC, ZIP_MAGIC = b"\x1f\x8b", b"PK"


@dataclass(frozen=True)
class Member:
    """A file within a zip archive, or why it is refused."""

    name: str
    packed_size: int
    refused: str | None = None


class Limited(io.RawIOBase):
    """A readable stream that raises ``LandingError`` when it unpacks to more than its packed size allows."""

    def __init__(self, inner: BinaryIO, packed_size: int, name: str) -> None:
        self._inner, self._packed, self._name, self._given = inner, max(packed_size, 1), name, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; errors of the compression become ``LandingError``."""
        try:
            data = self._inner.read(size)
        except EOFError as cut:
            raise LandingError(f"{self._name}: the compressed file is cut off. Send it again.") from cut
        except RuntimeError as locked:
            raise LandingError(f"{self._name}: {locked}. Send it without a password.") from locked
        except (zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError, OSError) as broken:
            raise LandingError(
                f"{self._name}: the compressed file is damaged ({broken}). Send it again."
            ) from broken
        self._given += len(data)
        out_of_proportion = self._given > _RATIO_FROM_BYTES and self._given > MAX_RATIO * self._packed
        if out_of_proportion or self._given > MAX_UNPACKED_BYTES:
            raise LandingError(
                f"{self._name}: unpacks to more than {self._given >> 20} MB from {self._packed} bytes, which "
                f"no feed does (limit {MAX_RATIO} to 1, {MAX_UNPACKED_BYTES >> 30} GB). "
                "If it is genuine, send it unpacked."
            )
        return data

    def close(self) -> None:
        """Close the inner stream, too."""
        self._inner.close()
        super().close()


def open_gzip(open_packed: Callable[[], BinaryIO], packed_size: int, name: str) -> BinaryIO:
    """The content of a gzip stream, members of a multi-member one in a row."""
    return Limited(gzip.GzipFile(fileobj=open_packed(), mode="rb"), packed_size, name)  # type: ignore[return-value,arg-type]


def zip_members(path: Path, name: str) -> Iterator[Member]:
    """The files of an archive in its order; an archive that is no archive raises ``LandingError``."""
    _check_directory(path, name)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as broken:
        raise LandingError(f"{name}: not a readable zip archive ({broken}). Send it again.") from broken
    seen: set[str] = set()
    for info in infos:
        if info.is_dir() or info.filename.startswith("__MACOSX/"):
            continue
        yield Member(info.filename, info.compress_size, _why_refused(info, seen))
        seen.add(info.filename)


def open_member(path: Path, member: Member, name: str) -> BinaryIO:
    """The content of one file of an archive, its checksum proved at the end."""
    archive = zipfile.ZipFile(path)
    try:
        return Limited(archive.open(member.name), member.packed_size, name)  # type: ignore[return-value,arg-type]
    except RuntimeError as locked:
        raise LandingError(f"{name}: {locked}. Send it without a password.") from locked
    except (zipfile.BadZipFile, NotImplementedError, OSError) as broken:
        raise LandingError(f"{name}: not readable in its archive ({broken}). Send it again.") from broken
    finally:
        # The member's stream keeps the file open as long as it needs it.
        archive.close()


def is_workbook(path: Path) -> bool:
    """Whether a zip archive is an Excel or OpenDocument workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist()[:200])
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return bool(names & {"xl/workbook.xml", "xl/workbook.bin"}) or {"content.xml", "mimetype"} <= names


def _why_refused(info: zipfile.ZipInfo, seen: set[str]) -> str | None:
    parts = PurePosixPath(info.filename.replace("\\", "/")).parts
    if ".." in parts or (parts and parts[0].startswith("/")) or ":" in info.filename[:3]:
        return "its name leads out of the archive. Pack the files without paths"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "it is a link. Pack the file itself"
    if info.flag_bits & 0x1:
        return "it is protected by a password. Send it without one"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "its compression is not supported. Pack it with deflate, the usual one"
    if info.filename in seen:
        return "the archive holds its name twice. Pack it once"
    return None


def _check_directory(path: Path, name: str) -> None:
    """Refuse an archive whose table of contents alone would fill the memory, before it is read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - 65_557 - 20, 0))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < 22:
            raise LandingError(
                f"{name}: the zip archive has no end; it is cut off or no archive. Send it again."
            )
        entries, length = struct.unpack_from("<HL", tail, at + 10)
        locator = tail[at - 20 : at] if at >= 20 else b""
        if locator.startswith(b"PK\x06\x07"):
            file.seek(min(struct.unpack_from("<Q", locator, 8)[0], size))
            wide = file.read(56)
            if len(wide) == 56:
                entries, length = struct.unpack_from("<QQ", wide, 32)
    if entries > MAX_MEMBERS or length > _MAX_DIRECTORY_BYTES:
        raise LandingError(
            f"{name}: the archive lists {entries} files in {length} bytes (limit {MAX_MEMBERS} files, "
            f"{_MAX_DIRECTORY_BYTES >> 20} MB). Pack fewer files into one archive."
        )
