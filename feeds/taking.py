"""Taking one found file in: its contents written aside, proved to be whole, and renamed to their address.

What is new, and what the ledger is told, is ``landing``'s concern.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feeds.connectors.files import FoundFile, feed_date
from feeds.contents import Content, contents
from feeds.encodings import Encoding
from feeds.ledger_rows import LandedFile, Sighting
from feeds.originals import is_cut
from feeds.report import LandingError
from feeds.sent_file import note_landed, status_of
from feeds.shop import Source
from feeds.vault import Vault

SUFFIX = {
    "csv": ".csv",
    "tsv": ".tsv",
    "jsonl": ".jsonl",
    "json": ".json",
    "parquet": ".parquet",
    "excel": ".xlsx",
}
_PLAIN = Vault("plain", (), b"")
_WORTH_A_THREAD, _SYNC_BYTES = 1 << 20, 64 << 20


@dataclass
class Taken:
    """What became of one found file: landed contents with their sightings, and what was refused and why.

    ``unfinished`` files changed while they were read. ``encodings`` tells those that were found, not
    declared. ``as_sent`` is the address of a content that landed byte for byte as the file has it.
    """

    landed: list[LandedFile] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unfinished: bool = False
    encodings: dict[str, Encoding] = field(default_factory=dict)
    as_sent: str | None = None


def take(file: FoundFile, folder: Path, source: Source, vault: Vault | None) -> Taken:
    """Land all contents of a file in ``folder``; of an archive the good members, whatever the others are."""
    taken = Taken()
    temporary = folder / f".tmp-{os.getpid()}-{hashlib.sha256(file.name.encode()).hexdigest()[:24]}"
    before = status_of(file.path)
    try:
        with _local(file, temporary) as path:
            for content in contents(file, path, source.encoding, source.members):
                if isinstance(content, LandingError):
                    taken.problems.append(str(content))
                    continue
                try:
                    _land(content, temporary, folder, source, vault, taken)
                except LandingError as refused:
                    taken.problems.append(str(refused))
        if file.download is None and _changed(file):
            return Taken(unfinished=True)
        if taken.as_sent:
            note_landed(file.path, before, taken.as_sent)
    except FileNotFoundError:
        return Taken(unfinished=True)
    except LandingError as refused:
        # A file that is still growing is seldom whole; the next look tells.
        if file.download is None and not file.refused and _changed(file):
            return Taken(unfinished=True)
        taken.problems.append(str(refused))
    except OSError as failed:
        taken.problems.append(
            f"{file.path} could not be landed: {failed}. Check permissions and free space, then run again."
        )
    taken.sightings = _sightings(file, source, taken)
    return taken


def _sightings(file: FoundFile, source: Source, taken: Taken) -> list[Sighting]:
    """One for each content, and one for the archive when all of it was taken."""
    seen = [Sighting(source.name, f.name, file.size, file.mtime_ns, f.sha256) for f in taken.landed]
    if not taken.problems and file.name not in {s.name for s in seen}:
        whole = hashlib.sha256("\n".join(s.sha256 for s in seen).encode()).hexdigest()
        seen.append(Sighting(source.name, file.name, file.size, file.mtime_ns, whole))
    return seen


@contextmanager
def _local(file: FoundFile, temporary: Path) -> Iterator[Path]:
    """A path to the file; a remote one is downloaded aside and removed afterwards."""
    if file.download is None:
        yield file.path
        return
    copy = temporary.with_name(temporary.name + "-download")
    try:
        file.download(copy)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _changed(file: FoundFile) -> bool:
    try:
        now = file.path.stat()
    except OSError:
        return True
    return (now.st_size, now.st_mtime_ns) != (file.size, file.mtime_ns)


def _land(
    content: Content, temporary: Path, folder: Path, source: Source, vault: Vault | None, taken: Taken
) -> None:
    try:
        encoding, sha256, size = _written(content, temporary, vault)
        path = f"{sha256}{SUFFIX[content.format]}"
        target = folder / path
        resting = vault.resting_size(size) if vault else size
        if not (is_cut(target) or (target.exists() and target.stat().st_size == resting)):
            os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    if encoding and not encoding.declared and encoding.name != "utf-8":
        taken.encodings[sha256] = encoding
    if content.is_file and (encoding is None or encoding.name == "utf-8"):
        taken.as_sent = sha256
    day = feed_date(content.name)
    where = f"landing/{source.name}/{path}"
    taken.landed.append(LandedFile(source.name, sha256, content.name, size, day, where, content.format))


def _written(content: Content, temporary: Path, vault: Vault | None) -> tuple[Encoding | None, str, int]:
    """Encoding, content address and size of what was written to ``temporary``."""
    encoding = content.encoding()
    digest, size = hashlib.sha256(), 0
    with (
        temporary.open("wb", buffering=0) as out,
        ThreadPoolExecutor(3, thread_name_prefix="landing") as beside,
        (vault or _PLAIN).writer(out) as sink,
    ):
        under_way, syncs = list[Future[object]](), list[Future[None]]()
        for chunk in content.chunks(encoding):
            # One chunk at a time: both of what is done with it stand in the order of the file.
            _finished(under_way)
            if len(chunk) < _WORTH_A_THREAD:
                digest.update(chunk)
                sink.write(chunk)
            else:
                # Both let go of the interpreter, so a chunk is hashed, and sealed, while the next is read.
                under_way = [beside.submit(digest.update, chunk), beside.submit(sink.write, chunk)]
            if size // _SYNC_BYTES < (size + len(chunk)) // _SYNC_BYTES:
                # Early, so that the sync at the end, which says that all is on disk, finds little to do.
                syncs.append(beside.submit(os.fsync, out.fileno()))
            size += len(chunk)
        _finished(under_way)
        _finished(syncs)
    return encoding, vault.address(digest.digest()) if vault else digest.hexdigest(), size


def _finished(futures: Iterable[Future[Any]]) -> None:
    """Wait for all of them; an error of one is raised here."""
    for future in futures:
        future.result()
