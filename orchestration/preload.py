"""What steps need, imported and read once: by their server, or by the command that it is forked from.

Nothing is decided here.

Nothing that starts threads when imported may be touched: a fork would lose them.
"""

from __future__ import annotations

import gc
import importlib

from data_quality.suites import warm_up
from orchestration.dbt_runs import parsed_project
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
parsed_project()
warm_up()
for name in OPENED_BY_EACH_STEP:
    importlib.import_module(name)
# What is here stays: a collector that does not visit it leaves its memory shared with the forked processes.
gc.collect()
gc.freeze()
