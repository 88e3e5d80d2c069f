"""How landed originals rest: sealed, deleted after acceptance, or as they came, and under which keys.

The keys come from the caller (``orchestration.settings``), never from the data home. Sealing itself is
``feeds.sealing``'s work; landing and reading go through here.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from feeds.sealing import SealedReader, SealedWriter, SealError, derive, key_id, sealed_size, sealed_under

Resting = Literal["encrypted", "deleted", "plain"]
RESTING: tuple[Resting, ...] = ("encrypted", "deleted", "plain")


class Sink(Protocol):
    """What takes the bytes of a file that is landed."""

    def write(self, data: bytes) -> object:
        """Take more bytes."""
        ...


@dataclass(frozen=True)
class Vault:
    """The resting form of originals, and the keys: the first seals, every one opens.

    ``deleted`` originals are sealed until every feed of their source has taken them. ``naming`` keys the
    content address, so that nobody can prove a guess of a small file's content by its name.
    """

    resting: Resting
    keys: tuple[bytes, ...] = field(repr=False)
    naming: bytes = field(repr=False)

    @classmethod
    def of(
        cls, personal_data_key: bytes, resting: Resting = "encrypted", extra: tuple[bytes, ...] = ()
    ) -> Vault:
        """The vault under a key derived from the one for personal data, and ``extra`` keys, newest first."""
        derived = derive(personal_data_key, "landed originals")
        return cls(resting, (*extra, derived), derive(personal_data_key, "content address"))

    def address(self, sha256: bytes) -> str:
        """The name of content by its SHA-256: the same content has the same name under the same key."""
        return hmac.new(self.naming, sha256, hashlib.sha256).hexdigest()

    def resting_size(self, plain: int) -> int:
        """Bytes on disk of an original of so many bytes."""
        return plain if self.resting == "plain" else sealed_size(plain)

    @contextmanager
    def writer(self, out: BinaryIO) -> Iterator[Sink]:
        """Writes to ``out`` in the resting form; whole and on disk when the block ends without an error."""
        if self.resting == "plain":
            yield out
        else:
            sealing = SealedWriter(out, self.keys[0])
            yield sealing
            sealing.finish()
        out.flush()
        os.fsync(out.fileno())

    def key_of(self, wanted: bytes) -> bytes:
        """The key of that id; ``SealError`` names the id when it is not at hand."""
        for key in self.keys:
            if key_id(key) == wanted:
                return key
        known = ", ".join(key_id(key).hex() for key in self.keys)
        raise SealError(
            f"A landed original is sealed under key {wanted.hex()}, which is not at hand (known: {known}). "
            "Set the key it was sealed under; see docs/privacy.md."
        )

    def reseal(self, path: Path) -> bool:
        """Bring a landed file to the resting form and the first key; says whether it had to be changed."""
        under = sealed_under(path)
        if under == (None if self.resting == "plain" else key_id(self.keys[0])):
            return False
        aside = path.with_name(f".tmp-{os.getpid()}-{path.name}")
        try:
            with (
                open_sealed_or_plain(path, self) as source,
                aside.open("wb", buffering=0) as out,
                self.writer(out) as sink,
            ):
                while chunk := source.read(8 << 20):
                    sink.write(chunk)
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)
        return True


def open_sealed_or_plain(path: Path, vault: Vault | None) -> BinaryIO:
    """A seekable stream of the bytes as they arrived, in whatever form the file rests."""
    if sealed_under(path) is None:
        return path.open("rb")
    return io.BufferedReader(open_sealed(path, vault), buffer_size=1 << 20)


def open_sealed(path: Path, vault: Vault | None) -> SealedReader:
    """The plain bytes of a sealed file; ``SealError`` where the key is not at hand."""
    if vault is None:
        raise SealError(f"{path} is sealed and no key was given. Read it with the shop's keys.")
    return SealedReader(path, vault.key_of)
