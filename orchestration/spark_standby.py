"""A Spark process that gets ready while the command still imports: on two cores one is idle then.

What it does is in ``transforms.standby``. A launch finds it by the environment, and does without where there
is none; so nothing here is ever a reason to fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from feeds.scratch import private_scratch
from orchestration.workspace import Workspace
from transforms.java import JavaNotFoundError, runs_here, spark_environment
from transforms.relay import STANDBY

INPUTS = ("events", "order_lines")
"""Feeds that the jobs read; a shop without them needs no Spark."""
SECONDS_TO_END = 10.0


def spark_log(workspace: Workspace) -> Path:
    """The file with what the last Spark process and its Java printed."""
    return workspace.folder / "spark" / "last_run.log"


@contextmanager
def standing_by(workspace: Workspace) -> Iterator[None]:
    """Have one Spark process ready for the launch of this run, if there may be one on this machine."""
    has_input = not workspace.shop.feeds.isdisjoint(INPUTS)
    if not has_input or not runs_here() or (os.cpu_count() or 1) < 2:
        yield
        return
    # It is asked through a socket in this folder, which nobody else may open.
    with private_scratch(workspace.folder) as folder:
        process = _started(workspace, folder)
        if process is not None:
            os.environ[STANDBY] = str(folder)
        try:
            yield
        finally:
            os.environ.pop(STANDBY, None)
            if process is not None:
                _end(process)


def _started(workspace: Workspace, folder: Path) -> subprocess.Popen[bytes] | None:
    log = spark_log(workspace)
    log.parent.mkdir(exist_ok=True)
    log.write_bytes(b"")
    # Three processes write to it, each after what is there: this one's Java never opens it itself.
    with suppress(JavaNotFoundError, OSError), log.open("ab") as printed:
        return subprocess.Popen(
            [sys.executable, "-m", "transforms.standby", str(folder)],
            stdin=subprocess.PIPE,  # its end, which is also that of a killed command, ends the process
            stdout=printed,
            stderr=printed,
            env={**os.environ, **spark_environment(workspace.home / "java")},
        )
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
