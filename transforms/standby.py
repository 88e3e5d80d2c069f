"""``python -m transforms.standby FOLDER``: Spark, started and rehearsed before there is anything to do.

A day of a shop is little work, and most of a launch is Java: its start, and each query's first planning and
compilation. All of that can be done while the caller has not come to it yet. This process does it on
invented rows, then takes one launch from ``transforms.relay`` over a socket in the folder, and ends with it;
or without one, if it is called and asked for nothing. It also ends, with its Java, when its standard input
does: a caller that is killed leaves no process behind.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from select import select
from typing import Any

from pyspark.sql import SparkSession

from transforms.__main__ import main as run_launch
from transforms.jobs import Written, input_bytes_of, own_session, run_jobs
from transforms.plan import JOBS, Plan
from transforms.rehearsal import rehearsal
from transforms.relay import BEGUN, SOCKET, TAKEN_OVER
from transforms.session import LONG_INPUT_BYTES, end_java, partitions_for, sql_settings, start_session


def main(folder: Path) -> int:
    """Get ready, take one launch, carry it out; the exit code is that of this process, not of the launch."""
    _end_with(sys.stdin.fileno())
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        with chdir(folder):
            listening.bind(SOCKET)
        # From here on a relay may call; it waits until this process is ready.
        listening.listen(1)
        spark = start_session(folder / "session")
        rehearse(spark, folder / "rehearsal", until=partial(_is_asked, listening))
        connection, _ = listening.accept()
    (folder / SOCKET).unlink(missing_ok=True)
    with connection.makefile("rb") as asked:
        line = asked.readline()
    if not line:
        end_java(at_once=True)
        return 0
    # A launch that was given up must not write on beside the one that follows it.
    _end_with(connection.fileno())
    connection.sendall(BEGUN)
    code = carry_out(json.loads(line), spark)
    end_java(at_once=True)
    connection.sendall(json.dumps(code).encode() + b"\n")
    return 0


def rehearse(spark: SparkSession, folder: Path, until: Callable[[], bool]) -> None:
    """Run all jobs on invented rows, as on a shop's day, or some ``until`` there is work; nothing is kept."""
    folder.mkdir(parents=True, exist_ok=True)

    def go_on(written: Written) -> None:
        if until():
            raise _WorkWaits

    with suppress(_WorkWaits):
        plan = rehearsal(folder, adds_a_day=True)
        run_jobs(plan, JOBS, go_on, session=lambda _: nullcontext(spark))
    spark.catalog.clearCache()
    shutil.rmtree(folder, ignore_errors=True)


class _WorkWaits(Exception):
    """A launch was asked for: what is left of the rehearsal would only keep it waiting."""


def _is_asked(listening: socket.socket) -> bool:
    return bool(select([listening], [], [], 0)[0])


def carry_out(request: Mapping[str, Any], spark: SparkSession) -> int:
    """Run the launch that was asked for, in its environment and folder; its exit code."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    print(TAKEN_OVER, file=sys.stderr, flush=True)
    try:
        return run_launch(request["arguments"], partial(in_this_session, spark))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1


@contextmanager
def in_this_session(spark: SparkSession, plan: Plan) -> Iterator[SparkSession]:
    """This session, set for the plan, and stopped after it; for long work one with a Java set for that."""
    size = input_bytes_of(plan)
    if size > LONG_INPUT_BYTES:
        spark.stop()
        end_java()
        with own_session(plan) as other:
            yield other
        return
    for name, value in sql_settings(partitions_for(size, plan.run.shuffle_partitions)).items():
        spark.conf.set(name, value)
    try:
        yield spark
    finally:
        spark.stop()


def _end_with(descriptor: int) -> None:
    """Watch a pipe or a socket from a thread of its own; its end is the end of this process."""

    def watch() -> None:
        with suppress(OSError):
            while os.read(descriptor, 1):
                pass
        end_java(at_once=True)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()


if __name__ == "__main__":
    exit_code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # the interpreter's own end would call a Java that is gone
