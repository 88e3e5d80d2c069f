"""What is published: the generations on disk, which one is live, what is damaged, what is stale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from serving.durable import CorruptFile, read_sealed
from serving.generations import (
    STALE_FILE,
    NewerFormat,
    damage,
    generation_folder,
    generation_numbers,
    read_manifest,
    read_pointer,
)


@dataclass(frozen=True)
class GenerationStatus:
    """One generation on disk; run, times and sizes are None where the manifest cannot be read."""

    generation: int
    is_live: bool
    problems: tuple[str, ...]
    run_id: str | None = None
    run_number: int | None = None
    as_of: date | None = None
    created_at: datetime | None = None
    n_tables: int | None = None
    n_rows: int | None = None
    n_bytes: int | None = None


@dataclass(frozen=True)
class PublishStatus:
    """The whole published folder. ``stale`` gives the reasons why the last attempt did not go live."""

    live: int | None
    generations: tuple[GenerationStatus, ...]
    stale: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def is_healthy(self) -> bool:
        """Something is live, and every kept byte is what was written."""
        return self.live is not None and not self.problems and not any(g.problems for g in self.generations)


def status(published: Path, *, verify: bool = True) -> PublishStatus:
    """The state of a published folder, generations ascending; ``verify`` hashes every file."""
    problems: list[str] = []
    live = None
    try:
        pointer = read_pointer(published)
        live = pointer.generation if pointer else None
    except CorruptFile as error:
        problems.append(str(error))
    return PublishStatus(
        live=live,
        generations=tuple(
            _generation_status(published, number, number == live, verify)
            for number in generation_numbers(published)
        ),
        stale=tuple(stale_reasons(published)),
        problems=tuple(problems),
    )


def stale_reasons(published: Path) -> list[str]:
    """Why the last attempt to publish was refused; empty when the live generation is the newest attempt."""
    try:
        return list(stale_note(published).get("reasons", []))
    except CorruptFile as error:
        return [str(error)]


def stale_note(published: Path) -> dict[str, Any]:
    """Content of STALE.json: reasons, time, run; empty when the live generation is the newest attempt."""
    try:
        return read_sealed(published / STALE_FILE)
    except FileNotFoundError:
        return {}


def _generation_status(published: Path, number: int, is_live: bool, verify: bool) -> GenerationStatus:
    folder = generation_folder(published, number)
    try:
        manifest = read_manifest(folder)
    except (CorruptFile, NewerFormat) as error:
        return GenerationStatus(number, is_live, (str(error),))
    problems = tuple(damage(folder, parquet=True)) if verify else ()
    return GenerationStatus(
        generation=number,
        is_live=is_live,
        problems=problems,
        run_id=manifest.run.run_id,
        run_number=manifest.run.run_number,
        as_of=manifest.run.as_of,
        created_at=manifest.created_at,
        n_tables=len(manifest.tables),
        n_rows=sum(entry.rows for entry in manifest.tables),
        n_bytes=manifest.serve_bytes + sum(entry.bytes for entry in manifest.tables),
    )
