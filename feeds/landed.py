"""The one door through which landed bytes are read again, whatever form they rest in.

``LandedBytes.open`` gives a seekable stream of the bytes as they arrived, decrypted as it is read;
``LandedBytes.local_path`` a path, for engines that read only paths.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from feeds.sealing import sealed_under
from feeds.vault import Vault, open_sealed, open_sealed_or_plain


@dataclass(frozen=True)
class LandedBytes:
    """The content of a landed file; ``path`` is where its resting form stands, ``vault`` what opens it."""

    path: Path
    vault: Vault | None = None

    def open(self, mode: str = "rb") -> BinaryIO:
        """A stream of the bytes as they arrived."""
        if mode != "rb":
            raise ValueError(f"Got mode {mode!r}, but landed bytes are only read, as 'rb'.")
        return open_sealed_or_plain(self.path, self.vault)

    def local_path(self, scratch: Path) -> Path:
        """A path to the bytes as they arrived; where they rest sealed, a private copy in ``scratch``.

        ``scratch`` is a folder of ``feeds.scratch.private_scratch``, which does not outlive its process.
        """
        if sealed_under(self.path) is None:
            return self.path
        copy = scratch / f"landed-{self.path.name}"
        if not copy.exists():
            try:
                self._copy(copy)
            except BaseException:
                # What is there is not the whole file, and would be taken for it.
                copy.unlink(missing_ok=True)
                raise
        return copy

    def _copy(self, copy: Path) -> None:
        descriptor = os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as out, open_sealed(self.path, self.vault) as sealed:
            sealed.copy_to(out.fileno())
