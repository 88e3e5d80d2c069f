"""Whether landed originals still hold what arrived: their names are made of their content, and prove it.

A sealed file is proved by its seal whenever it is read (``feeds.sealing``); one that rests plain is proved
here before a load reads it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from feeds.landing import open_landed, read_manifest
from feeds.ledger_rows import LandedFile
from feeds.originals import is_cut, originals
from feeds.report import FeedError, LandingError
from feeds.sealing import sealed_under
from feeds.vault import Vault

_CHUNK = 4 << 20
_LEDGER_REMEDY = "Delete it: the next run writes it again from the commits of the lake and from landing."
_MANIFEST_REMEDY = "Put it back from a backup. It is read only when the ledger is lost."


def check_plain(folder: Path, file: LandedFile, vault: Vault | None) -> None:
    """Raise ``LandingError`` when a landed file that does not rest sealed is not what arrived."""
    path = folder / file.path
    if path.is_file() and sealed_under(path) is None and (problem := _damage(folder, file, vault)):
        raise LandingError(problem)


def check_landing(folder: Path, vault: Vault) -> tuple[int, list[str]]:
    """How many landed originals were compared with their names, and what is wrong with which.

    The manifests are compared with the ledger, which is the other place that knows what landed.
    """
    problems, compared = list[str](), 0
    try:
        known = _in_ledger(folder)
    except sqlite3.DatabaseError as broken:
        known = {}
        problems.append(f"{folder / 'ledger.sqlite'} is damaged ({broken}). {_LEDGER_REMEDY}")
    for landing in sorted((folder / "landing").glob("*/")):
        try:
            told = {file.path: file for file in read_manifest(landing)}
        except (ValueError, TypeError, KeyError):
            told = {}
        here = {path: file for path, file in known.items() if file.source == landing.name}
        if known and told != here:
            problems.append(
                f"{landing / 'manifest.jsonl'} does not say what the ledger says. {_MANIFEST_REMEDY}"
            )
        for path in originals(landing):
            name = path.relative_to(folder).as_posix()
            file = here.get(name) or told.get(name)
            if file is None:
                problems.append(f"{path}: no file of that name has landed. Delete it.")
            elif problem := _damage(folder, file, vault):
                problems.append(problem)
            compared += 1
    return compared, problems


def _in_ledger(folder: Path) -> dict[str, LandedFile]:
    """What the ledger says has landed, by path; raises ``sqlite3.DatabaseError`` where it is damaged."""
    path = folder / "ledger.sqlite"
    if not path.exists():
        return {}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        ((state,),) = db.execute("pragma integrity_check(1)").fetchall()
        if state != "ok":
            raise sqlite3.DatabaseError(state)
        columns = "source, sha256, name, size, feed_date, path, format"
        rows = db.execute(f"select {columns} from landed").fetchall()
    files = (
        LandedFile(source, sha256, name, size, date.fromisoformat(day) if day else None, path, form)
        for source, sha256, name, size, day, path, form in rows
    )
    return {file.path: file for file in files}


def _damage(folder: Path, file: LandedFile, vault: Vault | None) -> str | None:
    """What is wrong with a landed file; lines of a forgotten customer may have been cut out of it."""
    path, digest = folder / file.path, hashlib.sha256()
    if is_cut(path):
        return None
    try:
        with open_landed(folder, file, vault).open() as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except FeedError as broken:
        return str(broken)
    addresses = {digest.hexdigest(), vault.address(digest.digest()) if vault else ""}
    if file.sha256 in addresses:
        return None
    return (
        f"{path}: it does not hold what arrived as {file.name} (SHA-256 differs). Put it back from a backup, "
        "or delete it and send its content again under another name."
    )
