"""Two hundred BI readers at once while the warehouse is rebuilt and published: no lock error, no mixture."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READERS = 200
LONG = [pytest.mark.chaos, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("rebuilds", [1, pytest.param(10, marks=LONG)])
def test_two_hundred_readers_at_once_meet_no_lock_while_everything_is_rebuilt(
    tmp_path, bundles_only, rebuilds
):
    shutil.copy(bundles_only, tmp_path / "template.duckdb")
    script = Path(__file__).with_name("reader_drill.py")
    finished = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(READERS), str(rebuilds)],
        capture_output=True,
        text=True,
        timeout=1700,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"},
    )
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    assert told["errors"] == []
    assert told["mixed"] == []
    assert told["readers"] == READERS
    assert told["reads"] >= READERS
    assert told["generations_seen"] >= 2
    assert told["live_run"] == 1 + rebuilds
