"""Putting a published folder right after a kill or a damaged disk; for whoever holds the publisher's lock."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from serving.candidate import is_abandoned
from serving.durable import CorruptFile, sync, write_sealed
from serving.generations import (
    POINTER_FILE,
    SERVE_FILE,
    STALE_FILE,
    Manifest,
    NothingPublished,
    Pointer,
    damage,
    generation_folder,
    generation_numbers,
    newest_intact,
    next_sequence,
    read_manifest,
    read_pointer,
    write_pointer,
)


def recover_locked(published: Path) -> list[str]:
    """Delete left-overs, check the live generation, fall back when it is damaged; says what was done."""
    actions = _delete_leftovers(published)
    try:
        pointer = read_pointer(published)
    except CorruptFile as error:
        return [*actions, *_fall_back(published, None, [str(error)])]
    if pointer is None and not generation_numbers(published):
        return actions
    if pointer is None:
        return [
            *actions,
            *_fall_back(published, None, ["CURRENT is missing although there are generations."]),
        ]
    actions += _delete_unpublished(published, pointer.latest_generation)
    folder = generation_folder(published, pointer.generation)
    problems = damage(folder)
    if not problems and read_manifest(folder).serve_sha256 != pointer.sha256:
        problems = [f"Generation {pointer.generation} is not the one that was published (SHA-256 differs)."]
    if problems:
        return [*actions, *_fall_back(published, pointer, problems)]
    if link_stable_file(published, pointer.generation):
        actions.append(f"linked {SERVE_FILE} to generation {pointer.generation}")
    return actions


def link_stable_file(published: Path, generation: int) -> bool:
    """Let ``published/serve.duckdb`` be the live generation's file; False when it is already.

    A hard link costs nothing; on a file system without them it is a copy.
    """
    source, stable = generation_folder(published, generation) / SERVE_FILE, published / SERVE_FILE
    if stable.exists() and os.path.samefile(source, stable):
        return False
    aside = published / f".{SERVE_FILE}.tmp"
    aside.unlink(missing_ok=True)
    try:
        os.link(source, aside)
    except OSError:
        shutil.copy2(source, aside)
        sync(aside)
    os.replace(aside, stable)
    sync(published)
    return True


def _delete_leftovers(published: Path) -> list[str]:
    actions = []
    for path in sorted((published / "generations").glob(".tmp-*")):
        if is_abandoned(path):
            shutil.rmtree(path)
            actions.append(f"deleted the left-over {path.name}")
    for path in sorted(published.glob(".*.tmp")):
        path.unlink()
        actions.append(f"deleted the left-over {path.name}")
    return actions


def _delete_unpublished(published: Path, latest: int) -> list[str]:
    """A generation beyond the latest published one comes from a publisher that died before the pointer."""
    orphans = [number for number in generation_numbers(published) if number > latest]
    for number in orphans:
        shutil.rmtree(generation_folder(published, number))
    return [f"deleted generation {number}, which never went live" for number in orphans]


def _fall_back(published: Path, pointer: Pointer | None, problems: list[str]) -> list[str]:
    """Point to the newest intact generation, or to nothing when there is none."""
    try:
        manifest = newest_intact(published)
    except NothingPublished:
        (published / POINTER_FILE).unlink(missing_ok=True)
        return [*problems, "no intact generation is left; the next publish starts afresh"]
    numbers = generation_numbers(published)
    write_pointer(
        published,
        Pointer(
            generation=manifest.generation,
            path=f"generations/{manifest.generation}/{SERVE_FILE}",
            sha256=manifest.serve_sha256,
            published_at=datetime.now(UTC).isoformat(),
            run_id=manifest.run.run_id,
            run_number=manifest.run.run_number,
            fence=pointer.fence if pointer else max(_run_numbers(published, numbers, manifest)),
            latest_generation=max([*numbers, pointer.latest_generation if pointer else 0]),
            sequence=next_sequence(pointer.sequence if pointer else 0),
        ),
    )
    link_stable_file(published, manifest.generation)
    action = f"fell back to generation {manifest.generation}"
    stale = {
        "live_generation": manifest.generation,
        "failed_at": datetime.now(UTC).isoformat(),
        "reasons": problems,
    }
    write_sealed(published / STALE_FILE, stale)
    return [*problems, action]


def _run_numbers(published: Path, numbers: list[int], fallback: Manifest) -> list[int]:
    known = [fallback.run.run_number]
    for number in numbers:
        with suppress(CorruptFile):
            known.append(read_manifest(generation_folder(published, number)).run.run_number)
    return known
