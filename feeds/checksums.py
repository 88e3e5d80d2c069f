"""Checksums of the lake's files: noted when they are first seen, compared before anything reads them again.

Neither Delta nor Parquet as it is written here tells a changed byte from a right one. Putting damage right is
not done here; every problem says how.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from deltalake.exceptions import DeltaError

from feeds.lake_tables import LakeError, LakeTables

NOTE = "_checksums.json"
"""In a table's folder; Delta passes over names that begin with an underscore."""

Noted = Mapping[str, tuple[int, str]]
_SHOWN = 5
_LOG = "_delta_log/"


class LakeDamaged(LakeError):
    """Files of the lake are not what was written."""


def check_lake(lake: LakeTables, tables: Iterable[tuple[str, str]], *, checked_by: str | None = None) -> int:
    """Compare every file that these tables read with what was noted of it, and note the new ones.

    Gives how many files were compared. Of a table that the same ``checked_by`` (a run) has compared already
    only new files are noted. Raises ``LakeDamaged`` naming files and remedy; then nothing was noted.
    """
    problems, compared, notes = list[str](), 0, list[tuple[Path, Noted]]()
    for layer, name in tables:
        folder = lake.path(layer, name)
        try:
            noted, by = read_note(folder)
            is_known = checked_by is not None and by == checked_by
            in_log = [file for file in noted if file.startswith(_LOG)]
            found = [] if is_known else _damaged(folder, noted, in_log)
            # a damaged log may name other files than were written
            named = (
                []
                if found
                else [Path(file).relative_to(folder).as_posix() for file in lake.files(layer, name)]
            )
            old = [file for file in named if file in noted and not is_known]
            found += [] if found else _damaged(folder, noted, old)
            compared += len(old) + (0 if is_known else len(in_log))
            told = (
                {}
                if found
                else {file: noted.get(file) or _told(folder / file) for file in [*_log_of(folder), *named]}
            )
        except (LakeError, DeltaError, OSError, ValueError) as unreadable:
            found, told = [f"it cannot be read ({unreadable})"], {}
        problems += [f"lake/{layer}/{name}: {problem}." for problem in found[:_SHOWN]]
        if found:
            problems.append(remedy(layer, folder))
        elif told != noted or (checked_by and not is_known):
            notes.append((folder, told))
    if problems:
        raise LakeDamaged(" ".join(problems))
    for folder, files in notes:
        _write_note(folder, files, checked_by)
    return compared


def remedy(layer: str, folder: Path) -> str:
    """What to do about a damaged table."""
    if layer == "raw":
        return (
            f"Put the file back from a backup; or delete the folder {folder} and the shop's ledger.sqlite: "
            "the next run loads the feed again from landing."
        )
    return f"Delete the folder {folder}: the next run computes it again."


def read_note(folder: Path) -> tuple[dict[str, tuple[int, str]], str | None]:
    """Size and SHA-256 by file of a table, and who compared them last; raises ``ValueError`` if damaged."""
    try:
        content = json.loads((folder / NOTE).read_bytes())
        sealed = content.pop("checksum")
        files = {file: (int(size), str(digest)) for file, (size, digest) in content["files"].items()}
    except FileNotFoundError:
        return {}, None
    except (ValueError, KeyError, AttributeError, TypeError) as broken:
        raise ValueError(f"{NOTE} was changed") from broken
    if sealed != _seal(content):
        raise ValueError(f"{NOTE} was changed")
    return files, content["checked_by"]


def forget_note(folder: Path) -> None:
    """Drop what was noted of a table whose files were changed on purpose; the next check notes them anew."""
    (folder / NOTE).unlink(missing_ok=True)


def _write_note(folder: Path, files: Noted, checked_by: str | None) -> None:
    content = {"files": files, "checked_by": checked_by}
    aside = folder / f".tmp-{os.getpid()}-{NOTE}"
    with aside.open("w", encoding="utf-8") as out:
        json.dump({**content, "checksum": _seal(content)}, out, sort_keys=True)
        out.flush()
        os.fsync(out.fileno())
    os.replace(aside, folder / NOTE)


def _seal(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _log_of(folder: Path) -> list[str]:
    """Commits and checkpoints; what points to the last checkpoint is written over, and is only a hint."""
    return sorted(_LOG + p.name for p in (folder / _LOG).iterdir() if p.suffix in (".json", ".parquet"))


def _damaged(folder: Path, noted: Noted, files: Iterable[str]) -> list[str]:
    return [problem for file in files if (problem := _damage(folder, file, noted[file]))]


def _damage(folder: Path, file: str, told: tuple[int, str]) -> str | None:
    path = folder / file
    if not path.is_file():
        return f"{file} is missing"
    if (size := path.stat().st_size) != told[0]:
        return f"{file} has {size} bytes, but {told[0]} were written"
    return f"{file} was changed after it was written (SHA-256 differs)" if _told(path) != told else None


def _told(path: Path) -> tuple[int, str]:
    with path.open("rb") as stream:
        return path.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest()
