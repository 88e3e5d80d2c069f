"""A fresh environment for settings: what a test sets is gone afterwards, also what the code exports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.settings import settings


@pytest.fixture(autouse=True)
def _fresh_settings(tmp_path: Path) -> Iterator[None]:
    """No setting of the machine is seen, none of the test remains; no ``.env`` is in sight."""
    before, folder = dict(os.environ), Path.cwd()
    for name in before:
        if name.startswith(("SHOPWRIGHT_", "DAGSTER_HOME")):
            del os.environ[name]
    os.environ["SHOPWRIGHT_HOME"] = str(tmp_path / "home")
    os.environ["SHOPWRIGHT_PSEUDONYM_KEY_FILE"] = str(tmp_path / "config" / "pseudonym.key")
    os.chdir(tmp_path)
    settings.cache_clear()
    yield
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(before)
    settings.cache_clear()
