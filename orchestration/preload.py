"""What a run and its steps need, imported and read once: by the server of steps, or by the command before it.

Nothing is decided here.

Nothing that starts threads when imported may be touched: a fork would lose them.
"""

from __future__ import annotations

import importlib

from orchestration.event_log import keep_connections
from orchestration.executor import main_job

OPENED_BY_EACH_STEP = (
    "dagster._core.storage.runs",
    "dagster._core.storage.schedules",
    "orchestration.cli",
    "orchestration.step_logs",
    "upath.core",
)
"""What opening the run's storage imports, and the command itself, which each process looks at again."""

keep_connections()
main_job()
for name in OPENED_BY_EACH_STEP:
    importlib.import_module(name)
