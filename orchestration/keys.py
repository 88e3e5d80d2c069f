"""The keys of a data home: where they lie, what they open, and how the one for landed originals is changed.

The key for personal data makes pseudonyms and content addresses and does not change (see docs/privacy.md);
originals are sealed under a key of their own once one was made here, before that under one derived from it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from feeds.originals import originals, settle_originals
from feeds.report import FeedError
from feeds.sealing import derive, key_id
from feeds.vault import Vault
from orchestration.settings import Settings


def landing_vault(settings: Settings) -> Vault:
    """How landed originals rest and what opens them, by the settings."""
    return Vault.of(settings.personal_data_key(), settings.landing, tuple(_own_keys(settings)))


def add_landing_key(settings: Settings) -> str:
    """Make a new key that seals from now on, keeping the older ones to open with; gives its id."""
    new = secrets.token_bytes(32)
    _write_keys(settings, [new, *_own_keys(settings)])
    return key_id(new).hex()


def reseal_landing(settings: Settings) -> dict[str, int]:
    """Bring the originals of every shop of the data home under the newest key; gives the changed, by shop.

    Called again after a kill it goes on where it stopped.
    """
    vault, changed = landing_vault(settings), {}
    for landing in sorted(settings.data_home.glob("*/landing")):
        shop = landing.parent
        changed[shop.name] = sum(
            settle_originals(shop, source.name, vault)
            for source in sorted(landing.iterdir())
            if source.is_dir()
        )
    return changed


def retire_landing_keys(settings: Settings) -> int:
    """Drop every key but the newest, once no original needs one; gives how many keys are gone.

    Looks into every file, because another process may have sealed one under an older key meanwhile.
    """
    vault = landing_vault(settings)
    if len(vault.keys) < 2:
        raise FeedError("There is no landing key to retire. Make a new one first: shopwright keys rotate.")
    for source in sorted(settings.data_home.glob("*/landing/*/")):
        for path in originals(source):
            vault.reseal(path)
    own = _own_keys(settings)
    _write_keys(settings, own[:1])
    return len(own) - 1


def key_ids(settings: Settings) -> list[str]:
    """Ids of the keys that open landed originals, the sealing one first."""
    return [key_id(key).hex() for key in landing_vault(settings).keys]


def personal_key_id(settings: Settings) -> str:
    """Id of the key for personal data."""
    return key_id(derive(settings.personal_data_key(), "id")).hex()


def _own_keys(settings: Settings) -> list[bytes]:
    file = settings.landing_keys
    if not file.exists():
        return []
    return [bytes.fromhex(line) for line in file.read_text().split()]


def _write_keys(settings: Settings, keys: list[bytes]) -> None:
    file = settings.landing_keys
    if settings.data_home in file.absolute().parents:
        raise FeedError(
            f"{file} lies in the data home. Set SHOPWRIGHT_LANDING_KEY_FILE to a file outside it."
        )
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_private(file, "".join(key.hex() + "\n" for key in keys))


def _write_private(file: Path, text: str) -> None:
    aside = file.with_name(f".tmp-{os.getpid()}-{file.name}")
    descriptor = os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(aside, file)
