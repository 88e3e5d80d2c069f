"""The file connector: which files a path or drop folder holds now. Content is read by landing, not here.

Object stores and web addresses are listed by ``remote``, beside this module.
"""

from __future__ import annotations

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
    path = Path(name.lower())
    return FORMAT_OF.get(path.with_suffix("").suffix if path.suffix in _PACKED else path.suffix)


def is_finished(name: str) -> bool:
    """Whether a name is neither hidden nor that of a transfer under way."""
    return not (any(part.startswith(".") for part in Path(name).parts) or name.endswith(_UNFINISHED))


def find_files(
    root: Path, pattern: str = "*", form: str = "auto", settle_seconds: float = 0.0
) -> list[FoundFile]:
    """Finished files under ``root`` (or ``root`` itself) whose name matches, by name.

    Hidden files, names of unfinished transfers and files changed within ``settle_seconds`` are left for next
    time; with format ``auto`` so are files whose ending says no known format. Devices, and links that lead
    out of the folder, are given as refused.
    """
    if root.is_file():
        candidates, base = [root], root.parent
    else:
        candidates, base = sorted(p for p in root.rglob(pattern) if p.is_symlink() or not p.is_dir()), root
    newest = time.time_ns() - int(settle_seconds * 1e9)
    found, links = [], Counter[tuple[int, int]]()
    for path in candidates:
        name = path.relative_to(base).as_posix()
        kind = format_of(name) if form == "auto" else form
        if not is_finished(name) or kind is None:
            continue
        try:
            file, status = _seen(path, name, kind, None if path == root else base)
        except FileNotFoundError:
            continue
        if not file.refused and settle_seconds and file.mtime_ns > newest:
            continue
        links[status.st_dev, status.st_ino] += 1
        found.append((file, status))
    trusted = root.is_file()
    return [file if trusted else _checked_links(file, status, links) for file, status in found]


def _seen(path: Path, name: str, kind: str, base: Path | None) -> tuple[FoundFile, os.stat_result]:
    """The file as it stands; ``base`` is the folder that no link may lead out of."""
    status = path.lstat()
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
