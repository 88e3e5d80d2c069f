"""Files that survive a kill: written aside, forced to disk, swapped in whole, provably intact.

Nothing here knows what a generation is (see ``generations``).
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FAILPOINT_VARIABLE = "SHOPWRIGHT_FAILPOINT"
"""Names the step after which the process kills itself; read only by ``failpoint``, for the kill tests."""


class CorruptFile(RuntimeError):
    """A file's bytes are not the bytes that were written."""


def failpoint(name: str) -> None:
    """Kill this process with SIGKILL when the environment names this point; otherwise do nothing."""
    if os.environ.get(FAILPOINT_VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)


def sha256_of(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def copy_hashed(source: Path, target: Path) -> str:
    """Copy a file, force the copy to disk, and give the SHA-256 of its bytes, in one pass over them."""
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(1 << 20):
            digest.update(chunk)
            write.write(chunk)
        write.flush()
        os.fsync(write.fileno())
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Force a file, or a folder's list of names, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Force every file and folder below ``folder`` to disk, contents before names."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(parent, name))
        sync(Path(parent))


def write_sealed(path: Path, content: Mapping[str, Any], *, swap_point: str | None = None) -> None:
    """Replace ``path`` atomically by JSON that carries its own checksum; a reader sees the old or the new.

    ``swap_point`` names the failpoint between the finished temporary file and the replacement.
    """
    sealed = {**content, "checksum": _checksum(content)}
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with aside.open("w", encoding="utf-8") as stream:
        json.dump(sealed, stream, indent=1, sort_keys=True)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    if swap_point:
        failpoint(swap_point)
    os.replace(aside, path)
    sync(path.parent)


def read_sealed(path: Path) -> dict[str, Any]:
    """The content of a file written by ``write_sealed``; ``CorruptFile`` when a byte of it changed."""
    try:
        written = path.read_bytes()
        content = json.loads(written)
        checksum = content.pop("checksum")
    except (ValueError, AttributeError, KeyError) as error:
        raise CorruptFile(f"{path.name} cannot be read: {error}.") from error
    if checksum != _checksum(content) or not written.endswith(b"}\n"):
        raise CorruptFile(f"{path.name} was changed after it was written: its checksum does not match.")
    return content


def _checksum(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
