"""The dbt manifest, made anew exactly when the dbt project changed; a stale one describes another graph."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from orchestration.settings import DBT_PROJECT

TARGET = DBT_PROJECT / "target"
PARTS = ("dbt_project.yml", "profiles.yml", "models", "macros", "tests", "snapshots", "seeds")


class DbtParseError(RuntimeError):
    """dbt could not read its project."""


def ensure_manifest() -> Path:
    """Path of a manifest that belongs to the project as it is now."""
    manifest, mark = TARGET / "manifest.json", TARGET / "manifest.sha256"
    digest = project_digest()
    if manifest.exists() and mark.exists() and mark.read_text() == digest:
        return manifest
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET) as scratch:
        _parse(Path(scratch))
        # The mark goes first away and last back: a kill in between leaves no manifest taken for current.
        mark.unlink(missing_ok=True)
        for name in ("manifest.json", "partial_parse.msgpack", "semantic_manifest.json"):
            if (Path(scratch) / name).exists():
                shutil.move(str(Path(scratch) / name), str(TARGET / name))
    mark.write_text(digest)
    return manifest


def project_digest() -> str:
    """A hash over every file that dbt reads."""
    digest = hashlib.sha256()
    for part in PARTS:
        root = DBT_PROJECT / part
        for path in sorted(p for p in ([root] if root.is_file() else root.rglob("*")) if p.is_file()):
            digest.update(str(path.relative_to(DBT_PROJECT)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _parse(target: Path) -> None:
    dbt = Path(sys.executable).with_name("dbt")
    done = subprocess.run(
        [str(dbt), "parse", "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT),
         "--target-path", str(target), "--log-path", str(target), "--no-version-check"],
        # The database is named after the file, and its name is part of what is parsed.
        env={**os.environ, "SHOPWRIGHT_WAREHOUSE": str(target / "warehouse.duckdb")},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise DbtParseError(f"dbt parse failed:\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}")
