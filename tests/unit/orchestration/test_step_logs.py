"""What a step prints, from Python and from a program that it starts, is kept for the UI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dagster._core.storage.compute_log_manager import ComputeIOType

from orchestration.step_logs import FileStepLogs

SCRIPT = """
import subprocess, sys
from orchestration.step_logs import FileStepLogs
print("before", flush=True)
with FileStepLogs(sys.argv[1]).capture_logs(["run", "compute_logs", "step"]):
    print("from the step")
    subprocess.run(["sh", "-c", "echo from its child; echo a warning >&2"], check=True)
print("after", flush=True)
"""


def test_what_a_step_prints_goes_to_its_files_and_not_to_the_terminal(tmp_path: Path) -> None:
    printed = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert printed.stdout.split() == ["before", "after"]
    kept = FileStepLogs(str(tmp_path))
    key = ["run", "compute_logs", "step"]
    out = kept.get_log_data_for_type(key, ComputeIOType.STDOUT, 0, None)[0] or b""
    err = kept.get_log_data_for_type(key, ComputeIOType.STDERR, 0, None)[0] or b""
    assert sorted(out.decode().splitlines()) == ["from its child", "from the step"]
    assert err.decode() == "a warning\n"
    assert kept.is_capture_complete(key)
