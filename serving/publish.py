"""Making a candidate the live generation, and going back: write aside, audit, then replace the pointer.

Every step that changes what readers see is one atomic rename. A process killed between any two steps leaves
the old generation live or the new one, and the next publish clears what the dead one left behind.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from serving.audit import AuditPolicy, Finding, audit
from serving.candidate import PUBLISHED_SCHEMAS, Candidate, build_generation
from serving.durable import failpoint, sync, sync_tree, write_sealed
from serving.generations import (
    MANIFEST_FILE,
    SERVE_FILE,
    STALE_FILE,
    Manifest,
    NothingPublished,
    Pointer,
    RunInfo,
    damage,
    generation_folder,
    generation_numbers,
    make_read_only,
    newest_intact,
    next_sequence,
    read_manifest,
    read_pointer,
    write_pointer,
)
from serving.leases import drop_leases, leased_generations
from serving.lock import PublishRefused, publisher_lock
from serving.recovery import link_stable_file, recover_locked
from serving.status import status

__all__ = [
    "AuditFailed",
    "AuditPolicy",
    "PublishRefused",
    "RunInfo",
    "build_generation",
    "publish",
    "publish_warehouse",
    "recover",
    "rollback",
    "status",
]

KEEP_GENERATIONS = 5

FAILPOINTS = (
    "table_copied",
    "built",
    "audited",
    "sealed",
    "synced",
    "renamed",
    "folder_synced",
    "pointer_written",
    "pointer_replaced",
    "stable_linked",
    "collected",
)
"""The steps after which ``SHOPWRIGHT_FAILPOINT`` can end the process, in order."""


class AuditFailed(PublishRefused):
    """The candidate broke rules; the live generation stays and is marked stale. ``findings`` says which."""

    def __init__(self, findings: list[Finding]) -> None:
        lines = "\n  ".join(str(finding) for finding in findings)
        super().__init__(f"The audit found {len(findings)} reasons not to publish:\n  {lines}")
        self.findings = findings


def publish_warehouse(
    warehouse: Path,
    published: Path,
    *,
    run: RunInfo,
    schemas: tuple[str, ...] = PUBLISHED_SCHEMAS,
    versions: Mapping[str, str] | None = None,
    skipped: Mapping[str, str] | None = None,
    keys: Mapping[str, Sequence[str]] | None = None,
    policy: AuditPolicy | None = None,
) -> Manifest:
    """Build a candidate from the warehouse and publish it: the whole of what a run has to do."""
    candidate = build_generation(
        warehouse, published, run=run, schemas=schemas, versions=versions, skipped=skipped, keys=keys
    )
    return publish(candidate, published, policy=policy)


def publish(
    candidate: Candidate, published: Path, *, policy: AuditPolicy | None = None, keep: int = KEEP_GENERATIONS
) -> Manifest:
    """Make the candidate live and return its manifest with the generation number it got.

    Raises ``PublishRefused`` when a newer run has published already, ``AuditFailed`` when the candidate
    breaks a rule; in both cases the candidate is deleted and what was live stays live.
    """
    run = candidate.manifest.run
    try:
        with publisher_lock(published, run.run_id):
            recover_locked(published)
            pointer = read_pointer(published)
            _check_fence(run, pointer)
            _check_audit(candidate, published, pointer, policy)
            failpoint("audited")
            manifest = _install(candidate, published, pointer)
            _go_live(published, manifest, pointer)
            collect(published, keep)
            failpoint("collected")
            return manifest
    finally:
        candidate.discard()  # does nothing to a folder that was renamed into its place


def rollback(published: Path, to: int | None = None) -> Manifest:
    """Make an earlier generation live again: the newest intact one before the live one, or the one named.

    The fence stays where it is: runs older than the newest one ever published are refused as before.
    """
    with publisher_lock(published, "rollback"):
        recover_locked(published)
        pointer = read_pointer(published)
        if pointer is None:
            raise NothingPublished("Nothing was published yet, so there is nothing to go back to.")
        target = newest_intact(published, below=pointer.generation).generation if to is None else to
        folder = generation_folder(published, target)
        if target not in generation_numbers(published):
            kept = ", ".join(map(str, generation_numbers(published)))
            raise PublishRefused(f"There is no generation {target}. Kept generations: {kept}.")
        if problems := damage(folder, parquet=True):
            raise PublishRefused(f"Generation {target} is damaged and cannot go live. {' '.join(problems)}")
        manifest = read_manifest(folder)
        _go_live(published, manifest, pointer)
        return manifest


def recover(published: Path) -> list[str]:
    """Clear what killed publishers left behind, make sure that the live one is intact; says what it did."""
    with publisher_lock(published, "recovery"):
        return recover_locked(published)


def collect(published: Path, keep: int = KEEP_GENERATIONS) -> list[int]:
    """Delete generations beyond the newest ``keep``, but never the live one nor a leased one."""
    pointer = read_pointer(published)
    numbers = generation_numbers(published)
    spared = (
        set(numbers[-keep:]) | leased_generations(published) | ({pointer.generation} if pointer else set())
    )
    collected = [number for number in numbers if number not in spared]
    for number in collected:
        folder = generation_folder(published, number)
        doomed = folder.with_name(f".tmp-collected-{number}")
        os.replace(folder, doomed)  # from here on no reader finds half a generation
        shutil.rmtree(doomed)
        drop_leases(published, number)
    return collected


def _check_fence(run: RunInfo, pointer: Pointer | None) -> None:
    """An older run never replaces a newer one; a retry of the same run may publish again."""
    if pointer is None or run.run_number > pointer.fence:
        return
    if run.run_number == pointer.run_number == pointer.fence and run.run_id == pointer.run_id:
        return
    raise PublishRefused(
        f"Run {run.run_id} has number {run.run_number}, but run number {pointer.fence} was published already."
        " Start a new run instead of publishing an older one."
    )


def _check_audit(
    candidate: Candidate, published: Path, pointer: Pointer | None, policy: AuditPolicy | None
) -> None:
    folder = generation_folder(published, pointer.generation) if pointer else None
    findings = audit(candidate, read_manifest(folder) if folder else None, folder, policy)
    if not findings:
        return
    run = candidate.manifest.run
    stale = {
        "live_generation": pointer.generation if pointer else None,
        "failed_at": datetime.now(UTC).isoformat(),
        "run_id": run.run_id,
        "run_number": run.run_number,
        "as_of": run.as_of.isoformat(),
        "reasons": [str(finding) for finding in findings],
    }
    write_sealed(published / STALE_FILE, stale)
    raise AuditFailed(findings)


def _install(candidate: Candidate, published: Path, pointer: Pointer | None) -> Manifest:
    """Put the audited candidate in its final place, on disk to the last byte, without making it live."""
    latest = max([0, *generation_numbers(published), pointer.latest_generation if pointer else 0])
    manifest = replace(candidate.manifest, generation=latest + 1)
    write_sealed(candidate.folder / MANIFEST_FILE, manifest.document())
    failpoint("sealed")
    candidate.disown()
    make_read_only(candidate.folder)
    sync_tree(candidate.folder)
    failpoint("synced")
    folder = generation_folder(published, manifest.generation)
    os.rename(candidate.folder, folder)
    failpoint("renamed")
    sync(folder.parent)
    failpoint("folder_synced")
    return manifest


def _go_live(published: Path, manifest: Manifest, before: Pointer | None) -> None:
    number, run = manifest.generation, manifest.run
    pointer = Pointer(
        generation=number,
        path=f"generations/{number}/{SERVE_FILE}",
        sha256=manifest.serve_sha256,
        published_at=datetime.now(UTC).isoformat(),
        run_id=run.run_id,
        run_number=run.run_number,
        fence=max(run.run_number, before.fence if before else run.run_number),
        latest_generation=max(number, before.latest_generation if before else 0),
        sequence=next_sequence(before.sequence if before else 0),
    )
    write_pointer(published, pointer)
    failpoint("pointer_replaced")
    (published / STALE_FILE).unlink(missing_ok=True)
    link_stable_file(published, number)
    failpoint("stable_linked")
