"""The file connector: which files a path or drop folder holds now. Content is read by landing, not here.

Object stores and web addresses are listed by ``remote``, beside this module.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

FORMAT_OF = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
    ".zip": "zip",
}
_PACKED = (".gz", ".gzip")
# Names under which senders write files that are not finished yet.
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", "~")
_DAY = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")


@dataclass(frozen=True)
class FoundFile:
    """A file as it stands in the folder: path, name relative to the folder, size and time of last change.

    ``refused`` says why a file that is there will not be opened. Of a remote file ``mtime_ns`` stands for
    whatever its store says of its version, and ``download`` brings it to a local path.
    """

    path: Path
    name: str
    size: int
    mtime_ns: int
    format: str
    refused: str | None = None
    download: Callable[[Path], None] | None = None


def format_of(name: str) -> str | None:
    """The format that a file's name says, whatever it is compressed with; ``None`` when it says none."""
    stem, ending = os.path.splitext(name.lower())
    return FORMAT_OF.get(os.path.splitext(stem)[1] if ending in _PACKED else ending)


def is_finished(name: str) -> bool:
    """Whether a name is neither hidden nor that of a transfer under way."""
    return not (any(part.startswith(".") for part in name.split("/")) or name.endswith(_UNFINISHED))


def find_files(
    root: Path, pattern: str = "*", form: str = "auto", settle_seconds: float = 0.0
) -> list[FoundFile]:
    """Finished files under ``root`` (or ``root`` itself) whose name matches, by name.

    Hidden files, names of unfinished transfers and files changed within ``settle_seconds`` are left for next
    time; with format ``auto`` so are files whose ending says no known format. Devices, and links that lead
    out of the folder, are given as refused.
    """
    trusted = root.is_file()
    base = root.parent if trusted else root
    newest = time.time_ns() - int(settle_seconds * 1e9)
    found, links = [], Counter[tuple[int, int]]()
    for name in [root.name] if trusted else _names_under(root, pattern):
        kind = format_of(name) if form == "auto" else form
        if not is_finished(name) or kind is None:
            continue
        try:
            file, status = _seen(base / name, name, kind, None if trusted else base)
        except FileNotFoundError:
            continue
        if not file.refused and settle_seconds and file.mtime_ns > newest:
            continue
        links[status.st_dev, status.st_ino] += 1
        found.append((file, status))
    return [file if trusted else _checked_links(file, status, links) for file, status in found]


def _names_under(root: Path, pattern: str) -> list[str]:
    """Names, relative to the folder, of what in it and below it is no folder and matches.

    Plain texts: a drop folder keeps years of files, and a ``Path`` of each costs more than all else here.
    """
    if "/" in pattern:
        paths = (path for path in root.rglob(pattern) if path.is_symlink() or not path.is_dir())
        return sorted((path.relative_to(root).as_posix() for path in paths), key=_parts)
    matches = re.compile(fnmatch.translate(pattern)).match
    names, folders = [], [""]
    while folders:
        folder = folders.pop()
        try:
            listed = os.scandir(root / folder)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        with listed:
            for entry in listed:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{entry.name}/")
                elif matches(entry.name):
                    names.append(f"{folder}{entry.name}")
    return sorted(names, key=_parts)


def _parts(name: str) -> list[str]:
    return name.split("/")


def _seen(path: Path, name: str, kind: str, base: Path | None) -> tuple[FoundFile, os.stat_result]:
    """The file as it stands; ``base`` is the folder that no link may lead out of."""
    status = os.lstat(path)
    refused = None
    if stat.S_ISLNK(status.st_mode):
        if base is not None and not path.resolve().is_relative_to(base.resolve()):
            refused = "it is a link that leads out of the folder. Put the file itself there"
        else:
            status = path.stat()
    if not refused and not stat.S_ISREG(status.st_mode):
        refused = "it is a device, a pipe or a folder, no file. Remove it from the folder"
    return FoundFile(path, name, status.st_size, status.st_mtime_ns, kind, refused), status


def _checked_links(file: FoundFile, status: os.stat_result, links: Counter[tuple[int, int]]) -> FoundFile:
    """The file, refused when some of its hard links are not in the folder."""
    if file.refused or status.st_nlink <= links[status.st_dev, status.st_ino]:
        return file
    return replace(file, refused="it is a hard link to a file outside of the folder. Put a copy there")


def feed_date(name: str) -> date | None:
    """The day a file's name says (the last YYYY-MM-DD in it), ``None`` when it says none."""
    for text in reversed(_DAY.findall(name)):
        try:
            return date.fromisoformat(text)
        except ValueError:
            continue
    return None
