"""Named moments at which a chaos test may kill the process, so that recovery is tested at each of them.

Inactive unless ``SHOPWRIGHT_FAILPOINT`` names the moment. Nothing else belongs here.
"""

from __future__ import annotations

import os
import signal

FAILPOINTS = (
    "between_pull_pages",
    "after_pull_written",
    "after_landing_write",
    "after_load_begun",
    "after_quarantine_written",
    "before_files_written",
    "before_delta_commit",
    "after_delta_commit",
    "after_load_finished",
)


def reach(name: str) -> None:
    """Kill this process as a power cut would (SIGKILL) when the environment asks for it at this moment."""
    if name not in FAILPOINTS:
        raise ValueError(f"Got failpoint {name!r}, but expected one of {FAILPOINTS}.")
    if os.environ.get("SHOPWRIGHT_FAILPOINT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
