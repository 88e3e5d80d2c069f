"""One ``shopwright run`` of a shop at a time, and clearing up after one that was killed.

Dagster leaves the pools of a killed run claimed, and everything after it would wait for them without end. Who
holds the shop's lock knows that any other run of the command which is not finished has no process any more.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import dagster as dg

BY_COMMAND: Final[Mapping[str, str]] = {"shopwright/started_by": "command"}
"""Tag of the runs that the command line starts; those of the UI are watched by Dagster's daemon."""

_UNFINISHED: Final = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class AnotherRun(RuntimeError):
    """The shop is being worked on by another run; the message says by which process."""


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the shop's turn; raises ``AnotherRun`` at once where a living process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AnotherRun(
                f"Another run of this shop is going on (process {file.read().strip() or 'unknown'}). "
                "Wait until it has ended, or end it, then run again."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def clear_up(instance: dg.DagsterInstance) -> list[str]:
    """Mark the runs of the command that died as failed and free their pools; gives their identifiers.

    The caller holds the shop's turn.
    """
    dead = instance.get_runs(dg.RunsFilter(tags=dict(BY_COMMAND), statuses=_UNFINISHED))
    for run in dead:
        instance.report_run_failed(run, "Its process ended without a word; the next run cleared up.")
    ended = [run.run_id for run in dead]
    for run_id in ended:
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    return ended
