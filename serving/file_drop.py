"""The file drop: Parquet files with a manifest, in a folder that another system collects from.

    <folder>/<shop>/manifest.json                        the newest finished drop, replaced atomically
    <folder>/<shop>/<sequence>/<schema>/<table>.parquet
    <folder>/<shop>/<sequence>/manifest.json             written last: a drop without it is not finished

Both manifests are the same: run, and of every file its rows, columns, bytes and SHA-256.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.durable import CorruptFile, copy_hashed, failpoint, read_sealed, sha256_of, sync, write_sealed
from serving.generations import MANIFEST_FILE, Manifest
from serving.lock import publisher_lock
from serving.targets import Live, TargetRefused

DROP_FAILPOINTS = ("file_dropped", "drop_sealed", "drop_renamed", "drop_pointed")
"""The steps after which ``SHOPWRIGHT_FAILPOINT`` can end the process, in order."""


@dataclass(frozen=True)
class FileDrop:
    """Parquet files with checksums under ``folder``; the newest ``keep`` drops stay."""

    folder: Path
    keep: int = 5
    name: str = "files"

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    def deliver(self, live: Live) -> str:
        """Drop the generation's files; ``superseded`` when a newer one lies there already."""
        shop = self.folder / live.manifest.run.shop
        with publisher_lock(shop, live.manifest.run.run_id):
            _delete_leftovers(shop)
            newest = _newest(shop)
            if newest and newest["sequence"] > live.sequence:
                return "superseded"
            final = shop / str(live.sequence)
            if not (newest and newest["sequence"] == live.sequence and not verify_drop(final)):
                _drop(shop, final, live)
            _collect(shop, self.keep)
        return "delivered"

    def verify(self, live: Live) -> list[str]:
        """Damaged files of the newest drop."""
        remedy = "Delete the drop's folder and run: shopwright publish deliver"
        return [f"{problem} {remedy}" for problem in verify_drop(self.folder / live.manifest.run.shop)]


def verify_drop(folder: Path) -> list[str]:
    """What is wrong with a drop, or the newest one in a shop's folder; empty when every byte is right."""
    try:
        manifest = read_sealed(folder / MANIFEST_FILE)
    except FileNotFoundError:
        return [f"{folder.name}: there is no {MANIFEST_FILE}, so the drop is not finished."]
    except CorruptFile as error:
        return [f"{folder.name}: {error}"]
    base = folder if folder.name == str(manifest["sequence"]) else folder / str(manifest["sequence"])
    return [
        problem for name, told in manifest["files"].items() if (problem := _file_problem(base, name, told))
    ]


def _file_problem(base: Path, name: str, told: Mapping[str, Any]) -> str | None:
    path = base / name
    if not path.is_file():
        return f"{base.name}: {name} is missing."
    if path.stat().st_size != told["bytes"]:
        return f"{base.name}: {name} has {path.stat().st_size} bytes, but {told['bytes']} were written."
    if sha256_of(path) != told["sha256"]:
        return f"{base.name}: {name} was changed after it was written (SHA-256 differs)."
    return None


def _drop(shop: Path, final: Path, live: Live) -> None:
    aside = shop / f".tmp-{live.sequence}"
    for entry in live.manifest.tables:
        target = aside / entry.schema / f"{entry.table}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        if copy_hashed(live.folder / entry.file, target) != entry.sha256:
            shutil.rmtree(aside)
            raise TargetRefused(
                f"{entry.file} of generation {live.manifest.generation} was changed after it was written; "
                "nothing was dropped. Publish again, or go back to an intact generation."
            )
        failpoint("file_dropped")
    document = _document(live.manifest, live)
    write_sealed(aside / MANIFEST_FILE, document)
    for parent, _, _ in os.walk(aside, topdown=False):
        sync(Path(parent))
    failpoint("drop_sealed")
    if final.exists():  # damaged, or it would not be dropped again
        shutil.rmtree(final)
    os.rename(aside, final)
    sync(shop)
    failpoint("drop_renamed")
    write_sealed(shop / MANIFEST_FILE, document)
    failpoint("drop_pointed")


def _document(manifest: Manifest, live: Live) -> dict[str, Any]:
    run = manifest.run
    return {
        "format_version": 1,
        "shop": run.shop,
        "as_of": run.as_of.isoformat(),
        "run_id": run.run_id,
        "generation": manifest.generation,
        "sequence": live.sequence,
        "folder": str(live.sequence),
        "published_at": live.published_at,
        "skipped": manifest.skipped,
        "files": {
            f"{entry.schema}/{entry.table}.parquet": {
                "table": entry.name,
                "rows": entry.rows,
                "columns": entry.columns,
                "key": list(entry.key),
                "bytes": entry.bytes,
                "sha256": entry.sha256,
            }
            for entry in manifest.tables
        },
    }


def _newest(shop: Path) -> dict[str, Any] | None:
    """The shop's manifest; a damaged one counts as none, because it is about to be written again."""
    try:
        return read_sealed(shop / MANIFEST_FILE)
    except (FileNotFoundError, CorruptFile):
        return None


def _delete_leftovers(shop: Path) -> None:
    for path in shop.glob(".tmp-*"):
        shutil.rmtree(path)
    for path in shop.glob(".*.tmp"):
        path.unlink()


def _collect(shop: Path, keep: int) -> None:
    drops = sorted((p for p in shop.iterdir() if p.name.isdecimal()), key=lambda p: int(p.name))
    for path in drops[:-keep]:
        doomed = shop / f".tmp-collected-{path.name}"
        os.replace(path, doomed)
        shutil.rmtree(doomed)
