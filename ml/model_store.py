"""Fitted models on disk: one folder a model, written aside and renamed, read only when no byte has changed.

What a model is made of is its own affair: it writes and reads its files (text, JSON, Parquet, arrays without
objects; nothing is unpickled). Whether a stored model may still be used is judged in ``refits``.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

FORMAT = 1
MANIFEST = "manifest.json"


class NotStorable(RuntimeError):
    """The model has a part that cannot be written without pickling; it is made anew each time."""


class Unreadable(RuntimeError):
    """There is no usable model in the folder; the message says what is wrong with it."""


@dataclass(frozen=True)
class Recipe:
    """What a model is made with: another version, setting, column or library makes another model."""

    name: str
    model_version: str
    params: Mapping[str, Any]
    columns: Mapping[str, tuple[str, ...]]
    libraries: Mapping[str, str]
    code: str

    def as_written(self) -> dict[str, Any]:
        """The recipe as JSON gives it back, so that a stored one can be compared."""
        written: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str, sort_keys=True))
        return written


@dataclass(frozen=True)
class Manifest:
    """What is told of a stored model: its recipe, the day and run that made it, and the sums it learnt from.

    ``sums`` are amounts by view (such as ``week``) and group, up to ``as_of``; ``files`` the SHA-256 of each
    file.
    """

    recipe: Mapping[str, Any]
    as_of: date
    run_id: str
    sums: Mapping[str, Mapping[str, float]]
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of the folder, after every file was compared with it; raises ``Unreadable``."""
        try:
            told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            if told.pop("format") != FORMAT:
                raise Unreadable("the stored model has another format")
            manifest = cls(**{**told, "as_of": date.fromisoformat(told["as_of"])})
            damaged = [name for name, digest in manifest.files.items() if _digest(folder / name) != digest]
        except FileNotFoundError as error:
            missing = Path(str(error.filename)).name
            raise Unreadable(
                "there is no stored model" if missing == MANIFEST else f"the stored model lacks {missing}"
            ) from error
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unreadable(f"the stored model's manifest cannot be read: {error}") from error
        if damaged:
            raise Unreadable(f"the stored model is damaged: {', '.join(damaged)}")
        return manifest

    def write(self, folder: Path) -> None:
        """Write it beside the files it tells of, their digests included."""
        files = {path.name: _digest(path) for path in sorted(folder.iterdir())}
        told = {**asdict(self), "format": FORMAT, "as_of": self.as_of.isoformat(), "files": files}
        (folder / MANIFEST).write_text(json.dumps(told, indent=1, sort_keys=True), encoding="utf-8")


@dataclass(frozen=True)
class ModelStore:
    """The stored models of one shop, ``<folder>/<name>/``, and how many days of data one stays in use."""

    folder: Path
    refit_days: int = 7

    def of(self, name: str) -> Path:
        """Folder of the model."""
        return self.folder / name

    def save(self, name: str, manifest: Manifest, write: Callable[[Path], None]) -> None:
        """Have the files written aside, add the manifest, and put the folder in the place of the old one.

        A process that dies between the two renames leaves no model, and the next run makes one.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f".{name}-{os.getpid()}-{secrets.token_hex(4)}"
        old = aside.with_name(f"{aside.name}-old")
        aside.mkdir()
        try:
            write(aside)
            manifest.write(aside)
            if self.of(name).exists():
                self.of(name).rename(old)
            aside.rename(self.of(name))
        finally:
            for left in (aside, old):
                shutil.rmtree(left, ignore_errors=True)

    def discard(self, name: str) -> None:
        """Remove the model, so that nobody takes it for a current one."""
        shutil.rmtree(self.of(name), ignore_errors=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
