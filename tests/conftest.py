"""What every test may share: the real data, where it is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public data sets; tests that need it are skipped, with the reason, where it is absent."""
    folder = Path(os.environ.get("SHOPWRIGHT_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.exists():
        pytest.skip(f"the public data sets are not at {folder}; set SHOPWRIGHT_TEST_DATA to where they are")
    return folder
