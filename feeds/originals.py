"""Landed originals after landing: brought to the resting form that is set, or deleted once they are taken.

A folder says in ``.resting`` what its files were last brought to, so that nothing is read when nothing
changed, and a change that was killed half-way is done again.
"""

from __future__ import annotations

import os
from pathlib import Path

from feeds.ledger import Ledger
from feeds.locks import exclusive
from feeds.sealing import key_id
from feeds.shop import Source
from feeds.vault import Vault

_MARK = ".resting"
_NOT_ORIGINALS = ("manifest.jsonl", _MARK)


def settle_originals(folder: Path, source: str, vault: Vault) -> int:
    """Bring the originals of a source to the set form and key; gives how many had to be changed.

    ``folder`` is the shop's. Each file is replaced atomically; called again it goes on where it was killed.
    """
    landing = folder / "landing" / source
    mark, wanted = landing / _MARK, _form(vault)
    if not landing.exists() or (mark.exists() and mark.read_text() == wanted):
        return 0
    with exclusive(folder / "locks" / f"originals_{source}.lock"):
        changed = sum(vault.reseal(path) for path in originals(landing))
        aside = landing / f".tmp-{os.getpid()}-resting"
        aside.write_text(wanted)
        os.replace(aside, mark)
    return changed


def delete_taken(folder: Path, source: Source, ledger: Ledger) -> int:
    """Delete the originals that every feed of the source has taken, and those replaced before any could."""
    landing, taken = folder / "landing" / source.name, ledger.taken(source.name)
    if not landing.exists():
        return 0
    current = {sha256 for _, _, sha256 in ledger.sightings(source.name).values()}
    deleted = 0
    for path in originals(landing):
        address = path.name.split(".")[0]
        if taken.get(address, set()) >= set(source.provides) or (taken and address not in current):
            path.unlink(missing_ok=True)
            deleted += 1
    return deleted


def originals(landing: Path) -> list[Path]:
    """The landed files of a source, without what is still being written."""
    if not landing.exists():
        return []
    return sorted(p for p in landing.iterdir() if p.name not in _NOT_ORIGINALS and not p.name.startswith("."))


def _form(vault: Vault) -> str:
    return "plain" if vault.resting == "plain" else f"sealed {key_id(vault.keys[0]).hex()}"


def mark_cut(landed: Path) -> None:
    """Remember that lines were cut out of an original: the same content that arrives again is not landed."""
    _cut_mark(landed).touch()


def is_cut(landed: Path) -> bool:
    """Whether lines of a forgotten customer were cut out of this original."""
    return _cut_mark(landed).exists()


def _cut_mark(landed: Path) -> Path:
    return landed.with_name(f".cut-{landed.name}")
