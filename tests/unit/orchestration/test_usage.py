"""The memory that a run reports is that of all its processes together."""

from __future__ import annotations

import subprocess
import sys

from orchestration.usage import PeakMemory


def test_memory_of_a_child_process_counts():
    hold = "b = bytearray(200_000_000); b[::4096] = b'x' * len(b[::4096]); import time; time.sleep(1.6)"
    with PeakMemory() as idle:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(1.2)"], check=True)
    with PeakMemory() as busy:
        subprocess.run([sys.executable, "-c", hold], check=True)
    assert 180 < busy.megabytes - idle.megabytes < 260
