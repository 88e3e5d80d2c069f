"""Files sealed at rest: AES-256-GCM in chunks, so that a changed, cut or reordered byte is noticed.

    header   8 bytes magic | 8 bytes id of the key | 16 bytes salt | 4 bytes plain bytes a chunk
    chunk i  AES-256-GCM(file key, nonce = i and a mark on the last chunk, header as associated data)

The file key is HKDF-SHA-256 of the named key and the salt, so no nonce is ever used twice under a key. Chunks
are read in any order. Which files are sealed, and under which keys, is ``feeds.vault``'s concern.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from feeds.report import FeedError

MAGIC = b"SWSEAL1\n"
KEY_ID_BYTES = 8
CHUNK_BYTES = 1 << 20
_SALT_BYTES = 16
_HEADER_BYTES = len(MAGIC) + KEY_ID_BYTES + _SALT_BYTES + 4
_TAG_BYTES = 16

# Gives the key of an id; raises SealError when it is not at hand.
KeyOf = Callable[[bytes], bytes]


class SealError(FeedError):
    """A sealed file was changed, cut off, or sealed under a key that is not at hand."""


def derive(key: bytes, purpose: str, salt: bytes | None = None) -> bytes:
    """A 256-bit key for one purpose (HKDF-SHA-256, RFC 5869); purposes never share a key."""
    return HKDF(hashes.SHA256(), 32, salt, f"shopwright:{purpose}".encode()).derive(key)


def key_id(key: bytes) -> bytes:
    """The name of a key, which tells nothing of it."""
    return hashlib.sha256(b"shopwright:key id:" + key).digest()[:KEY_ID_BYTES]


def sealed_size(plain: int) -> int:
    """Bytes that a sealed file of so many plain bytes has."""
    chunks = max(1, -(-plain // CHUNK_BYTES))
    return _HEADER_BYTES + plain + chunks * _TAG_BYTES


def sealed_under(path: Path) -> bytes | None:
    """Id of the key that a file is sealed under; ``None`` for a file that is not sealed."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    return header[len(MAGIC) :][:KEY_ID_BYTES] if header.startswith(MAGIC) else None


class SealedWriter:
    """Seals what is written to it into a binary stream; the file is whole only after ``finish``."""

    def __init__(self, out: BinaryIO, key: bytes) -> None:
        salt = os.urandom(_SALT_BYTES)
        self._header = MAGIC + key_id(key) + salt + struct.pack(">I", CHUNK_BYTES)
        self._cipher = AESGCM(derive(key, "sealed file", salt))
        self._out, self._pending, self._number = out, b"", 0
        out.write(self._header)

    def write(self, data: bytes) -> None:
        """Take more bytes."""
        ready, at = memoryview(self._pending + data), 0
        # One byte more than a chunk says that the chunk is not the last.
        while len(ready) - at > CHUNK_BYTES:
            self._seal(ready[at : at + CHUNK_BYTES], last=False)
            at += CHUNK_BYTES
        self._pending = bytes(ready[at:])

    def finish(self) -> None:
        """Seal what is left; the last chunk carries a mark, so that a cut file is noticed."""
        self._seal(self._pending, last=True)
        self._pending = b""

    def _seal(self, plain: bytes | memoryview, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, last), plain, self._header))
        self._number += 1


class SealedReader(io.RawIOBase):
    """A seekable stream of the plain bytes of a sealed file; raises ``SealError`` at a byte that changed."""

    def __init__(self, path: Path, key_of: KeyOf) -> None:
        self._path = path
        self._file = path.open("rb", buffering=0)
        try:
            self._header = self._file.read(_HEADER_BYTES)
            if len(self._header) < _HEADER_BYTES or not self._header.startswith(MAGIC):
                raise self._broken()
            named, rest = self._header[len(MAGIC) :][:KEY_ID_BYTES], self._header[len(MAGIC) + KEY_ID_BYTES :]
            self._chunk_bytes = struct.unpack(">I", rest[_SALT_BYTES:])[0]
            body = os.fstat(self._file.fileno()).st_size - _HEADER_BYTES
            if body < _TAG_BYTES or not self._chunk_bytes:
                raise self._broken()
            self._chunks = max(1, -(-body // (self._chunk_bytes + _TAG_BYTES)))
            self.size = body - self._chunks * _TAG_BYTES
            self._cipher = AESGCM(derive(key_of(named), "sealed file", rest[:_SALT_BYTES]))
        except BaseException:
            self._file.close()
            raise
        self._position, self._at, self._plain = 0, -1, b""

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a plain byte."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """The plain byte that is read next."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer from one chunk at most."""
        if self._position >= self.size:
            if self.size == 0:
                self._open_chunk(0)
            return 0
        number, start = divmod(self._position, self._chunk_bytes)
        chunk = self._open_chunk(number)
        taken = min(len(buffer), len(chunk) - start)
        buffer[:taken] = chunk[start : start + taken]
        self._position += taken
        return taken

    def copy_to(self, descriptor: int) -> None:
        """Write all plain bytes to a file's descriptor, as many chunks at a time as there are cores.

        Opening a chunk lets go of the interpreter, and each has its place in the copy.
        """

        def opened(number: int) -> None:
            os.pwrite(descriptor, self._opened(number), number * self._chunk_bytes)

        with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="opening") as pool:
            for _ in pool.map(opened, range(self._chunks)):
                pass

    def close(self) -> None:
        """Close the sealed file, too."""
        self._file.close()
        super().close()

    def _open_chunk(self, number: int) -> bytes:
        """The plain bytes of a chunk; those of the last one asked for are at hand."""
        if number != self._at:
            self._plain, self._at = self._opened(number), number
        return self._plain

    def _opened(self, number: int) -> bytes:
        """The plain bytes of a chunk; may be called by several threads at once."""
        sealed_bytes = self._chunk_bytes + _TAG_BYTES
        sealed = os.pread(self._file.fileno(), sealed_bytes, _HEADER_BYTES + number * sealed_bytes)
        try:
            nonce = _nonce(number, number == self._chunks - 1)
            return self._cipher.decrypt(nonce, sealed, self._header)
        except (InvalidTag, ValueError) as changed:
            raise self._broken() from changed

    def _broken(self) -> SealError:
        return SealError(
            f"{self._path}: the sealed bytes were changed or cut off. Put it back from a backup, or "
            "delete it and send its content again under another name."
        )


def _nonce(number: int, last: bool) -> bytes:
    return struct.pack(">BxxxQ", int(last), number)
