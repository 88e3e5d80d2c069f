"""The file connector: which files a path or drop folder holds now. Content is read by landing, not here."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

FORMAT_OF = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
# Names under which senders write files that are not finished yet.
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", "~")
_DAY = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")


@dataclass(frozen=True)
class FoundFile:
    """A file as it stands in the folder: path, name relative to the folder, size and time of last change."""

    path: Path
    name: str
    size: int
    mtime_ns: int
    format: str


def find_files(
    root: Path, pattern: str = "*", form: str = "auto", settle_seconds: float = 0.0
) -> list[FoundFile]:
    """Finished files under ``root`` (or ``root`` itself) whose name matches, by name.

    Hidden files, names of unfinished transfers and files changed within ``settle_seconds`` are left for next
    time; with format ``auto`` so are files whose ending says no known format.
    """
    if root.is_file():
        candidates, base = [root], root.parent
    else:
        candidates, base = sorted(p for p in root.rglob(pattern) if p.is_file()), root
    newest = time.time_ns() - int(settle_seconds * 1e9)
    found = []
    for path in candidates:
        name = path.relative_to(base).as_posix()
        if any(part.startswith(".") for part in Path(name).parts) or name.endswith(_UNFINISHED):
            continue
        kind = FORMAT_OF.get(path.suffix.lower()) if form == "auto" else form
        stat = path.stat()
        if kind is None or (settle_seconds and stat.st_mtime_ns > newest):
            continue
        found.append(FoundFile(path, name, stat.st_size, stat.st_mtime_ns, kind))
    return found


def feed_date(name: str) -> date | None:
    """The day a file's name says (the last YYYY-MM-DD in it), ``None`` when it says none."""
    for text in reversed(_DAY.findall(name)):
        try:
            return date.fromisoformat(text)
        except ValueError:
            continue
    return None
