"""How a run's steps are executed: a few at a time, each in a process forked from one that has imported all.

Importing Dagster, dbt, Great Expectations and the models takes longer than most steps do. A server process
imports them once (``PRELOADED``) and is forked for each step, so that steps run beside each other without
paying for it again, and a step that dies takes no other with it.
"""

from __future__ import annotations

from functools import cache
from multiprocessing import forkserver, get_context
from typing import Final

import dagster as dg

PRELOADED: Final = ("dagster._core.executor.multiprocess", "orchestration.preload")
"""Dagster's own module comes first, as Dagster itself would have it."""

FIRST: Final = {"dagster/priority": "1"}
"""Tags of the steps that the longest chain waits for: the executor takes them before the others."""


def step_processes(steps_at_a_time: int) -> dg.ExecutorDefinition:
    """The executor of every job of the code location."""
    return dg.multiprocess_executor.configured(
        {
            "max_concurrent": steps_at_a_time,
            "start_method": {"forkserver": {"preload_modules": list(PRELOADED)}},
        },
        name="step_processes",
    )


def start_server() -> None:
    """Begin importing in the server process now, beside what the caller does until its first step.

    The server keeps the environment as it is at this moment: settings are exported before.
    """
    get_context("forkserver").set_forkserver_preload(list(PRELOADED))
    forkserver.ensure_running()


def stop_server() -> None:
    """End the server process; the next run starts one with the environment of then."""
    # Only the private method ends it before the interpreter does.
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


def main_job() -> dg.JobDefinition:
    """The main job, found again by each step's process: built once in the server, then shared by forking."""
    return _built_once()


@cache
def _built_once() -> dg.JobDefinition:
    from orchestration.definitions import build_defs

    return build_defs().resolve_job_def("main")
