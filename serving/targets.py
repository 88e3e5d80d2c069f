"""Where a live generation is also delivered: what every target has in common, and what is known of each.

A target takes the generation that is live and makes it its own in one step; ``file_drop`` and ``postgres``
are the two there are. Its token is the pointer's sequence: a target never goes back to a lower one, so a
publisher that was overtaken while it was loading changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from serving.durable import CorruptFile, read_sealed, write_sealed
from serving.generations import (
    Manifest,
    NothingPublished,
    Pointer,
    generation_folder,
    read_manifest,
    read_pointer,
)
from serving.leases import Lease


class TargetRefused(RuntimeError):
    """The target cannot take this generation; what it shows stays. The message says what to do."""


@dataclass(frozen=True)
class Live:
    """The live generation as a target takes it."""

    folder: Path
    manifest: Manifest
    sequence: int
    published_at: str


@dataclass(frozen=True)
class Delivery:
    """What became of the last attempt: ``delivered``, ``superseded`` by a newer one, or ``failed``."""

    target: str
    state: str
    generation: int
    sequence: int
    at: str
    seconds: float
    rows: int = 0
    told: str = ""

    @property
    def is_delivered(self) -> bool:
        """Whether the target shows this generation or a newer one."""
        return self.state in {"delivered", "superseded"}


class Target(Protocol):
    """A place that shows the live generation to somebody."""

    @property
    def name(self) -> str:
        """Short name, one per target of a shop."""

    @property
    def place(self) -> str:
        """Where it is, without any secret."""

    def deliver(self, live: Live) -> str:
        """Show this generation; gives ``delivered`` or ``superseded``. Repeating it changes nothing."""

    def verify(self, live: Live) -> list[str]:
        """What is wrong with what it shows of this generation, with the remedy; empty when all is right."""


def live_generation(published: Path) -> Live:
    """What the pointer names; ``NothingPublished`` before the first publish."""
    pointer: Pointer | None = read_pointer(published)
    if pointer is None:
        raise NothingPublished(f"Nothing was published yet at {published}; run the pipeline first.")
    folder = generation_folder(published, pointer.generation)
    return Live(folder, read_manifest(folder), pointer.sequence, pointer.published_at)


def deliver_all(published: Path, targets: Sequence[Target]) -> list[Delivery]:
    """Deliver the live generation to each target; a failing one stops no other. Results are kept on disk."""
    if not targets:
        return []
    live = live_generation(published)
    lease = Lease(published, live.manifest.generation)
    try:
        return [_deliver(published, target, live) for target in targets]
    finally:
        lease.release()


def verify_all(published: Path, targets: Sequence[Target]) -> list[str]:
    """What is wrong with what the targets show; a target that cannot be asked is a finding, too."""
    if not targets:
        return []
    live, problems = live_generation(published), list[str]()
    for target in targets:
        try:
            problems += [f"{target.name}: {problem}" for problem in target.verify(live)]
        except (TargetRefused, OSError) as error:
            problems.append(f"{target.name}: {error}")
    return problems


def deliveries(published: Path) -> list[Delivery]:
    """The last attempt at each target, by name."""
    told = []
    for path in sorted((published / "targets").glob("*.json")):
        try:
            told.append(Delivery(**read_sealed(path)))
        except (CorruptFile, TypeError) as error:
            told.append(Delivery(path.stem, "failed", 0, 0, "", 0.0, told=str(error)))
    return told


def _deliver(published: Path, target: Target, live: Live) -> Delivery:
    started = time.perf_counter()
    attempt = Delivery(
        target=target.name,
        state="failed",
        generation=live.manifest.generation,
        sequence=live.sequence,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
    )
    try:
        state = target.deliver(live)
    except (TargetRefused, OSError) as error:
        attempt = replace(attempt, told=str(error))
    else:
        rows = sum(entry.rows for entry in live.manifest.tables)
        attempt = replace(attempt, state=state, rows=rows, told=target.place)
    attempt = replace(attempt, seconds=round(time.perf_counter() - started, 3))
    folder = published / "targets"
    folder.mkdir(parents=True, exist_ok=True)
    write_sealed(folder / f"{target.name}.json", _document(attempt))
    return attempt


def _document(delivery: Delivery) -> dict[str, Any]:
    return {name: getattr(delivery, name) for name in Delivery.__dataclass_fields__}
