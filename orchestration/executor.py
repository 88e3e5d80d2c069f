"""How a run's steps are executed: a few at a time, each in a process forked from one that has imported all.

Importing Dagster, dbt, Great Expectations and the models takes longer than most steps do. A server process
that has them (``PRELOADED``) is forked for each step, so that steps run beside each other without paying for
it again, and a step that dies takes no other with it.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from multiprocessing import forkserver, get_context, resource_tracker, util
from pathlib import Path
from typing import Any, Final

import dagster as dg

NEEDED_BY_ALL: Final = ("dagster._core.executor.multiprocess", "orchestration.preload")
"""Dagster's own module comes first, as Dagster itself would have it."""
PRELOADED: Final = (*NEEDED_BY_ALL, "orchestration.preload_steps")

_OPEN_FILES: Final = Path("/proc/self/fd")

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


def start_server(fork_this_process: bool = False) -> None:
    """Begin with the server of step processes: it imports all that steps need.

    With ``fork_this_process`` what this process needs too is imported here, and the server is a fork of it:
    read once, not twice. For processes that have done nothing else yet: a fork has none of their threads.
    The server keeps the environment as it is at this moment: settings are exported before.
    """
    get_context("forkserver").set_forkserver_preload(list(PRELOADED))
    if not fork_this_process or threading.active_count() > 1 or not _OPEN_FILES.exists():
        forkserver.ensure_running()
        gc.enable()
        return
    # Looking for garbage among what is only being imported took an eighth of the time.
    gc.disable()
    for name in NEEDED_BY_ALL:
        import_module(name)
    gc.freeze()
    launch = util.spawnv_passfds
    util.spawnv_passfds = _forked
    try:
        forkserver.ensure_running()
    finally:
        util.spawnv_passfds = launch
        gc.enable()


def _forked(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
    """In place of a new interpreter: a fork of this one that does what the interpreter was to do."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        # As in a new process: only these files are open, and nobody holds the lock of the server's handle.
        for name in os.listdir(_OPEN_FILES):
            if int(name) > 2 and int(name) not in {*passfds, resource_tracker.getfd()}:
                with suppress(OSError):
                    os.close(int(name))
        forkserver._forkserver._lock = threading.Lock()  # type: ignore[attr-defined]
        exec(args[-1], {})  # the command that multiprocessing itself made
        status = 0
    except SystemExit:
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        util._exit_function()  # type: ignore[attr-defined]  # gives back the locks that dbt has made
        os._exit(status)


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
