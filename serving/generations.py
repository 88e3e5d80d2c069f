"""What a published generation is, where it lies, which one is live, and whether its bytes are intact.

Reading and naming only: building is ``candidate``'s, judging is ``audit``'s, swapping is ``publish``'s.

    published/CURRENT                          sealed JSON: the live generation and the fence
    published/generations/<N>/serve.duckdb     every published table
    published/generations/<N>/parquet/<schema>/<table>.parquet
    published/generations/<N>/manifest.json    sealed JSON: run, tables, rows, columns, checksums
    published/serve.duckdb                     the live generation under a name that stays, for BI tools
    published/STALE.json                       why the last attempt was refused; absent when it was not
"""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from serving.durable import CorruptFile, read_sealed, sha256_of, write_sealed

SERVE_FILE = "serve.duckdb"
MANIFEST_FILE = "manifest.json"
POINTER_FILE = "CURRENT"
STALE_FILE = "STALE.json"
FORMAT_VERSION = 1


class NewerFormat(RuntimeError):
    """A later release wrote this; it is left alone, because this one would misread it."""


class NothingPublished(RuntimeError):
    """There is no intact generation to read."""


@dataclass(frozen=True)
class RunInfo:
    """The run that publishes; ``run_number`` rises from run to run and fences older runs off."""

    run_id: str
    run_number: int
    as_of: date
    shop: str


@dataclass(frozen=True)
class TableEntry:
    """One table of a generation: rows, columns with DuckDB types, Parquet file, and key where known."""

    schema: str
    table: str
    rows: int
    columns: dict[str, str]
    file: str
    bytes: int
    sha256: str
    key: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``schema.table``."""
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class Manifest:
    """What a generation holds and which run made it. One entry per published table."""

    run: RunInfo
    created_at: datetime
    tables: tuple[TableEntry, ...]
    skipped: dict[str, str]
    versions: dict[str, str]
    serve_bytes: int
    serve_sha256: str
    generation: int = 0

    def table(self, name: str) -> TableEntry | None:
        """The entry of ``schema.table``, if the generation has that table."""
        return next((entry for entry in self.tables if entry.name == name), None)

    def document(self) -> dict[str, Any]:
        """The manifest as JSON values."""
        content = asdict(self)
        content["run"]["as_of"] = self.run.as_of.isoformat()
        content["created_at"] = self.created_at.isoformat()
        return {**content, "format_version": FORMAT_VERSION}


@dataclass(frozen=True)
class Pointer:
    """Content of CURRENT: the live generation, and what no later publish may fall behind.

    ``sequence`` rises with every change of the pointer, back or forth, so that targets (see ``targets``) can
    tell the newer of two; releases before it wrote none.
    """

    generation: int
    path: str
    sha256: str
    published_at: str
    run_id: str
    run_number: int
    fence: int
    latest_generation: int
    sequence: int = 0


def generation_folder(published: Path, generation: int) -> Path:
    """Where that generation lies or will lie."""
    return published / "generations" / str(generation)


def generation_numbers(published: Path) -> list[int]:
    """Numbers of the finished generations on disk, ascending."""
    return sorted(
        int(p.name) for p in (published / "generations").glob("*") if p.name.isdecimal() and p.is_dir()
    )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a generation; ``CorruptFile`` when it is missing or changed."""
    try:
        content = read_sealed(folder / MANIFEST_FILE)
        _check_format(folder, content["format_version"])
        run = RunInfo(**{**content["run"], "as_of": date.fromisoformat(content["run"]["as_of"])})
        return Manifest(
            run=run,
            created_at=datetime.fromisoformat(content["created_at"]),
            tables=tuple(
                TableEntry(**{**entry, "key": tuple(entry.get("key", ()))}) for entry in content["tables"]
            ),
            skipped=content["skipped"],
            versions=content["versions"],
            serve_bytes=content["serve_bytes"],
            serve_sha256=content["serve_sha256"],
            generation=content["generation"],
        )
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError) as error:
        raise CorruptFile(f"Generation {folder.name} has no usable manifest: {error}.") from error


def _check_format(folder: Path, version: int) -> None:
    if version > FORMAT_VERSION:
        raise NewerFormat(
            f"Generation {folder.name} was written in format {version} by a newer release; this one reads up "
            f"to {FORMAT_VERSION}. Upgrade, or point this release at a published folder of its own."
        )


def next_sequence(before: int) -> int:
    """A number above the last one, also when the pointer that held it was lost: milliseconds, or one more."""
    return max(before + 1, time.time_ns() // 1_000_000)


def read_pointer(published: Path) -> Pointer | None:
    """The pointer, or None where nothing was published yet; ``CorruptFile`` when its bytes changed."""
    try:
        return Pointer(**read_sealed(published / POINTER_FILE))
    except FileNotFoundError:
        return None
    except TypeError as error:
        raise CorruptFile(f"{POINTER_FILE} lacks a field: {error}.") from error


def write_pointer(published: Path, pointer: Pointer) -> None:
    """Make a generation the live one, atomically."""
    write_sealed(published / POINTER_FILE, asdict(pointer), swap_point="pointer_written")


def damage(folder: Path, *, parquet: bool = False) -> list[str]:
    """What is wrong with a generation's bytes; an empty list when it is intact.

    Parquet files are hashed only on request: readers of the DuckDB file need not wait for them.
    """
    try:
        manifest = read_manifest(folder)
    except CorruptFile as error:
        return [str(error)]
    expected = [(SERVE_FILE, manifest.serve_bytes, manifest.serve_sha256)]
    if parquet:
        expected += [(entry.file, entry.bytes, entry.sha256) for entry in manifest.tables]
    return [problem for item in expected if (problem := _file_damage(folder, *item))]


def newest_intact(published: Path, *, below: int | None = None) -> Manifest:
    """The newest generation whose DuckDB file is intact (and whose number is lower than ``below``)."""
    problems = []
    for number in reversed(generation_numbers(published)):
        if below is not None and number >= below:
            continue
        folder = generation_folder(published, number)
        found = damage(folder)
        if not found:
            return read_manifest(folder)
        problems += found
    detail = f" Damaged: {' '.join(problems)}" if problems else ""
    raise NothingPublished(f"There is no intact generation under {published.name}/generations.{detail}")


def make_read_only(folder: Path) -> None:
    """Take write permission from every file below ``folder``."""
    for path in _files(folder):
        path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)


def _file_damage(folder: Path, name: str, size: int, sha256: str) -> str | None:
    path = folder / name
    if not path.is_file():
        return f"Generation {folder.name}: {name} is missing."
    if path.stat().st_size != size:
        return f"Generation {folder.name}: {name} has {path.stat().st_size} bytes, but {size} were written."
    if sha256_of(path) != sha256:
        return f"Generation {folder.name}: {name} was changed after it was written (SHA-256 differs)."
    return None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
