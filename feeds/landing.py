"""Landing: bytes as received, under the name of their SHA-256, written once.

The same file twice is a no-op. Text is proved to be UTF-8 here, or brought to it from the encoding the source
declares, so that everything downstream reads UTF-8. Rows are not looked at.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from feeds.connectors.files import FoundFile, feed_date, find_files
from feeds.failpoints import reach
from feeds.ledger import Ledger
from feeds.ledger_rows import LandedFile, Sighting
from feeds.report import LandingError
from feeds.shop import Source

_CHUNK = 8 << 20
_SUFFIX = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet"}
_STALE_SECONDS = 3600


@dataclass(frozen=True)
class LandingReport:
    """What one look into a source brought: new files, files seen again under their hash, files still
    changing.
    """

    landed: int = 0
    repeated: int = 0
    unfinished: int = 0


def land_source(source: Source, home: Path, ledger: Ledger) -> LandingReport:
    """Take in the files of a source that are new or changed since the last look.

    ``home`` is the shop's folder. Raises ``LandingError`` naming every unreadable file; the readable ones are
    kept.
    """
    folder = home / "landing" / source.name
    known = ledger.sightings(source.name)
    found = find_files(source.path, source.pattern, source.format, source.settle_seconds)
    fresh = [f for f in found if known.get(f.name, (0, 0, ""))[:2] != (f.size, f.mtime_ns)]
    if not fresh:
        return LandingReport()
    folder.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder)
    with ThreadPoolExecutor(max_workers=8) as pool:
        outcomes = list(pool.map(lambda f: _try_land(f, folder, source.encoding), fresh))
    reach("after_landing_write")
    landed, sightings, problems, unfinished = [], [], [], 0
    for file, outcome in zip(fresh, outcomes, strict=True):
        if isinstance(outcome, LandingError):
            problems.append(str(outcome))
        elif outcome is None:
            unfinished += 1
        else:
            landed.append(_landed(source.name, file, *outcome))
            sightings.append(Sighting(source.name, file.name, file.size, file.mtime_ns, outcome[0]))
    new = ledger.record_landed(landed, sightings)
    _write_manifest(folder, new)
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise LandingError("; ".join(problems[:5]) + more)
    return LandingReport(landed=len(new), repeated=len(landed) - len(new), unfinished=unfinished)


def read_manifest(folder: Path) -> list[LandedFile]:
    """Files that a landing folder says it holds; the ledger is rebuilt from it."""
    manifest = folder / "manifest.jsonl"
    if not manifest.exists():
        return []
    entries = [
        json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines() if line.endswith("}")
    ]
    for entry in entries:
        entry["feed_date"] = date.fromisoformat(entry["feed_date"]) if entry["feed_date"] else None
    return [LandedFile(**entry) for entry in entries]


def _landed(source: str, file: FoundFile, sha256: str, size: int) -> LandedFile:
    path = f"landing/{source}/{sha256}{_SUFFIX[file.format]}"
    return LandedFile(source, sha256, file.name, size, feed_date(file.name), path, file.format)


def _try_land(file: FoundFile, folder: Path, encoding: str | None) -> tuple[str, int] | LandingError | None:
    """Hash and size of the landed bytes; ``None`` for a file that changed while it was read."""
    temporary = folder / f".tmp-{os.getpid()}-{hashlib.sha256(file.name.encode()).hexdigest()[:24]}"
    try:
        sha256, size = _copy(file, temporary, encoding)
        after = file.path.stat()
        if (after.st_size, after.st_mtime_ns) != (file.size, file.mtime_ns):
            return None
        target = folder / f"{sha256}{_SUFFIX[file.format]}"
        if not (target.exists() and target.stat().st_size == size):
            os.replace(temporary, target)
        return sha256, size
    except FileNotFoundError:
        return None
    except LandingError as unreadable:
        return unreadable
    except OSError as failed:
        return LandingError(
            f"{file.path} could not be landed: {failed}. Check permissions and free space, then run again."
        )
    finally:
        temporary.unlink(missing_ok=True)


def _copy(file: FoundFile, temporary: Path, encoding: str | None) -> tuple[str, int]:
    digest, size, offset = hashlib.sha256(), 0, 0
    text = file.format != "parquet"
    decoder = codecs.getincrementaldecoder(encoding or "utf-8")("strict") if text else None
    with file.path.open("rb", buffering=0) as origin, temporary.open("wb", buffering=0) as out:
        while True:
            chunk = origin.read(_CHUNK)
            if decoder is not None:
                pending = len(decoder.getstate()[0])
                try:
                    decoded = decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as broken:
                    raise _not_text(file.path, offset - pending + broken.start, encoding) from broken
                written = decoded.encode() if encoding else chunk
            else:
                written = chunk
            offset += len(chunk)
            if written:
                digest.update(written)
                size += len(written)
                out.write(written)
            if not chunk:
                break
        os.fsync(out.fileno())
    return digest.hexdigest(), size


def _not_text(path: Path, offset: int, encoding: str | None) -> LandingError:
    remedy = (
        f"Correct the source's `encoding` (now {encoding}) or the file."
        if encoding
        else "Declare the source's `encoding` in the shop file (gb18030, utf-16, cp1252, …) or send UTF-8."
    )
    return LandingError(f"{path}: byte {offset} is not valid {encoding or 'UTF-8'}. {remedy}")


def _write_manifest(folder: Path, landed: Sequence[LandedFile]) -> None:
    if not landed:
        return
    lines = []
    for file in landed:
        entry = asdict(file)
        entry["feed_date"] = file.feed_date.isoformat() if file.feed_date else None
        lines.append(json.dumps(entry, sort_keys=True) + "\n")
    with (folder / "manifest.jsonl").open("a", encoding="utf-8") as manifest:
        manifest.write("".join(lines))
        manifest.flush()
        os.fsync(manifest.fileno())


def _remove_stale(folder: Path) -> None:
    """Delete what a killed process left half-written; a living one is never an hour in one file."""
    for leftover in folder.glob(".tmp-*"):
        try:
            if time.time() - leftover.stat().st_mtime > _STALE_SECONDS:
                leftover.unlink(missing_ok=True)
        except FileNotFoundError:
            continue


def restore_landing(home: Path, ledger: Ledger) -> None:
    """Tell a new ledger which files the landing folders hold already."""
    for manifest in sorted((home / "landing").glob("*/manifest.jsonl")):
        landed = [file for file in read_manifest(manifest.parent) if (home / file.path).exists()]
        # Size and time are unknown, so the next look at the source reads the files again.
        ledger.record_landed(landed, [Sighting(f.source, f.name, -1, -1, f.sha256) for f in landed])
