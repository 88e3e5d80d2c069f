"""How single deliveries rest in the spool: each sealed by itself, so that a segment can be appended to."""

from __future__ import annotations

import base64
import os
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from feeds.sealing import KEY_ID_BYTES, SealError, derive, key_id
from feeds.vault import Vault

_SEALED = b"sealed:"


class Seal(Protocol):
    """Makes a delivery unreadable on disk, and readable again; the sealed form has no line break."""

    def seal(self, plain: bytes) -> bytes:
        """The sealed form."""
        ...

    def unseal(self, sealed: bytes) -> bytes:
        """The plain form."""
        ...


class NoSeal:
    """Leaves deliveries as they are."""

    def seal(self, plain: bytes) -> bytes:
        """The same bytes."""
        return plain

    def unseal(self, sealed: bytes) -> bytes:
        """The same bytes."""
        return sealed


class VaultSeal:
    """Seals each delivery (AES-256-GCM), unless originals rest plain; opens what was sealed in either case.

    Under the last key of the vault, which stays when the keys of landed originals are changed.
    """

    def __init__(self, vault: Vault) -> None:
        self._ciphers = {key_id(key): AESGCM(derive(key, "webhook spool")) for key in vault.keys}
        self._key = key_id(vault.keys[-1]) if vault.resting != "plain" else None

    def seal(self, plain: bytes) -> bytes:
        """A mark, then id of the key, nonce and sealed bytes in Base64."""
        if self._key is None:
            return plain
        nonce = os.urandom(12)
        return _SEALED + base64.b64encode(
            self._key + nonce + self._ciphers[self._key].encrypt(nonce, plain, self._key)
        )

    def unseal(self, sealed: bytes) -> bytes:
        """The plain bytes; raises ``SealError`` when they were changed or the key is not at hand."""
        if not sealed.startswith(_SEALED):
            return sealed
        try:
            raw = base64.b64decode(sealed[len(_SEALED) :])
            wanted, rest = raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:]
            return self._ciphers[wanted].decrypt(rest[:12], rest[12:], wanted)
        except (KeyError, ValueError, InvalidTag) as broken:
            raise SealError(
                "A spooled delivery was changed, or the key it was sealed under is not at hand. "
                "Set the key; see docs/privacy.md."
            ) from broken


def seal_of(vault: Vault | None) -> Seal:
    """How deliveries rest where originals rest as the vault says."""
    return NoSeal() if vault is None else VaultSeal(vault)
