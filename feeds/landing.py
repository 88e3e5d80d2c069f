"""Landing: bytes as received, under a name made of their content, written once and sealed (see ``vault``).

The same file twice is a no-op. Archives are unpacked, and text is proved to be UTF-8 or brought to it, on the
way in (``taking``), so that everything downstream reads plain UTF-8. Rows are not looked at.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from feeds.connectors.files import FoundFile
from feeds.connectors.remote import files_of
from feeds.failpoints import reach
from feeds.landed import LandedBytes
from feeds.ledger import Ledger
from feeds.ledger_rows import LandedFile, Sighting
from feeds.report import LandingError
from feeds.shop import Source
from feeds.taking import Taken, take
from feeds.vault import Vault

_STALE_SECONDS = 3600
_CHUNK = 8 << 20


@dataclass(frozen=True)
class LandingReport:
    """What one look into a source brought: new files, files seen again under their hash, files still
    changing.
    """

    landed: int = 0
    repeated: int = 0
    unfinished: int = 0


def land_source(source: Source, home: Path, ledger: Ledger, *, vault: Vault | None = None) -> LandingReport:
    """Take in the files of a source that are new or changed since the last look.

    ``home`` is the shop's folder; without a ``vault`` the originals rest as they came. Raises
    ``LandingError`` naming every unreadable file; the readable ones are kept.
    """
    known = ledger.sightings(source.name)
    found = files_of(source)
    ledger.drop_withdrawn(source.name, {file.name for file in found})
    fresh = [f for f in found if known.get(f.name, (0, 0, ""))[:2] != (f.size, f.mtime_ns)]
    again = [s for f in fresh if (s := _rewritten_alike(source.name, f, known.get(f.name), vault))]
    if again:
        # A sender that writes its whole folder anew costs a look at its bytes, not a second landing of them.
        ledger.record_landed([], again)
        alike = {sighting.name for sighting in again}
        fresh = [f for f in fresh if f.name not in alike]
    return land_written(source, fresh, home, ledger, vault=vault) if fresh else LandingReport()


def land_written(
    source: Source,
    fresh: Sequence[FoundFile],
    home: Path,
    ledger: Ledger,
    *,
    cursor: tuple[str, str | None] | None = None,
    vault: Vault | None = None,
) -> LandingReport:
    """Take in these files of a source, and with them the (resource, cursor) of the pull that wrote them."""
    folder = home / "landing" / source.name
    folder.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder)
    with ThreadPoolExecutor(max_workers=8) as pool:
        outcomes = list(pool.map(lambda f: take(f, folder, source, vault), fresh))
    reach("after_landing_write")
    landed = [file for taken in outcomes for file in taken.landed]
    sightings = [sighting for taken in outcomes for sighting in taken.sightings]
    problems = [problem for taken in outcomes for problem in taken.problems]
    unfinished = sum(taken.unfinished for taken in outcomes)
    kept = (source.name, *cursor) if cursor and not problems else None
    new = ledger.record_landed(landed, sightings, cursor=kept)
    _write_manifest(folder, new)
    _write_encodings(folder, new, outcomes)
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise LandingError("; ".join(problems[:5]) + more)
    return LandingReport(landed=len(new), repeated=len(landed) - len(new), unfinished=unfinished)


def _rewritten_alike(
    source: str, file: FoundFile, known: tuple[int, int, str] | None, vault: Vault | None
) -> Sighting | None:
    """The new sighting of a file whose time alone has changed; ``None`` for any other.

    Content that is stored as something else (transcoded, unpacked) has another address and is taken as new.
    """
    if known is None or file.download is not None or file.refused or known[0] not in (file.size, -1):
        return None
    try:
        digest = hashlib.sha256(file.path.read_bytes() if file.size < _CHUNK else b"")
        if file.size >= _CHUNK:
            with file.path.open("rb", buffering=0) as handle:
                while chunk := handle.read(_CHUNK):
                    digest.update(chunk)
        now = file.path.stat()
    except OSError:
        return None
    address = vault.address(digest.digest()) if vault else digest.hexdigest()
    if address != known[2] or (now.st_size, now.st_mtime_ns) != (file.size, file.mtime_ns):
        return None
    return Sighting(source, file.name, file.size, file.mtime_ns, address)


def open_landed(folder: Path, file: LandedFile, vault: Vault | None = None) -> LandedBytes:
    """The bytes of a landed file as they arrived; ``folder`` is the shop's. The only door to landed files."""
    return LandedBytes(folder / file.path, vault)


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


def _write_encodings(folder: Path, landed: Sequence[LandedFile], outcomes: Sequence[Taken]) -> None:
    """Keep, beside the manifest, which encodings were found and how sure that is."""
    found = {sha256: encoding for taken in outcomes for sha256, encoding in taken.encodings.items()}
    lines = [
        {"name": f.name, "sha256": f.sha256, "encoding": e.name, "confidence": e.confidence}
        for f in landed
        if (e := found.get(f.sha256))
    ]
    if lines:
        with (folder / ".encodings.jsonl").open("a", encoding="utf-8") as out:
            out.write("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))


def _remove_stale(folder: Path) -> None:
    """Delete what a killed process left half-written; a living one is never an hour in one file."""
    for leftover in folder.glob(".tmp-*"):
        writer = leftover.name.split("-")[1]
        dead = writer.isdecimal() and not Path(f"/proc/{writer}").exists() and Path("/proc/self").exists()
        try:
            if dead or time.time() - leftover.stat().st_mtime > _STALE_SECONDS:
                leftover.unlink(missing_ok=True)
        except FileNotFoundError:
            continue


def restore_landing(home: Path, ledger: Ledger) -> None:
    """Tell a new ledger which files the landing folders hold already."""
    for manifest in sorted((home / "landing").glob("*/manifest.jsonl")):
        landed = [file for file in read_manifest(manifest.parent) if (home / file.path).exists()]
        # Size and time are unknown, so the next look at the source reads the files again.
        ledger.record_landed(landed, [Sighting(f.source, f.name, -1, -1, f.sha256) for f in landed])
