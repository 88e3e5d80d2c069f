"""A process that stands by does what a launch of its own does, and ends with whoever has started it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from transforms.java import spark_environment
from transforms.plan import JOBS, OUTPUTS_OF_JOB
from transforms.relay import SOCKET, STANDBY, send_away

OUTPUTS = tuple(output for job in JOBS for output in OUTPUTS_OF_JOB[job])
NOON = datetime(2026, 2, 27, 12, tzinfo=UTC)
EVENTS = [
    {
        "event_id": f"e{n}",
        "visitor_id": f"v{n % 7}",
        "event_type": ("view", "add_to_cart", "purchase")[n % 3],
        "occurred_at": NOON + timedelta(minutes=17 * n),
        "sku": f"s{n % 5}",
    }
    for n in range(120)
]
LINES = [
    {"order_id": f"o{n // 2}", "sku": f"s{n % 5}", "line_number": 1, "line_kind": "product", "units": 1,
     "unit_price_amount": 1, "currency": "EUR", "ordered_at": NOON + timedelta(hours=n)}
    for n in range(24)
]  # fmt: skip
SECONDS = 120

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process that stands by in a folder whose path is longer than a socket's address may be."""
    folder = tmp_path / ("a folder with a long name " * 4)
    folder.mkdir()
    with ExitStack() as stack:

        def begin(*command: str) -> subprocess.Popen[bytes]:
            log = stack.enter_context((tmp_path / "standby.log").open("wb"))
            environment = {k: v for k, v in os.environ.items() if not k.startswith("SPARK_")}
            process = subprocess.Popen(
                [sys.executable, *(command or ("-m", "transforms.standby")), str(folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment | spark_environment(tmp_path / "java") | {"SPARK_MASTER": "local[2]"},
            )
            stack.callback(process.kill)
            wait_until(lambda: (folder / SOCKET).exists() or process.poll() is not None)
            return process

        begin.folder = folder  # type: ignore[attr-defined]
        yield begin


def java_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [child for child in psutil.Process(process.pid).children(recursive=True) if "java" in child.name()]


def wait_until(true: Callable[[], object]) -> None:
    until = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.slow
def test_a_launch_that_is_passed_on_writes_the_tables_that_one_of_its_own_writes(start, launching, tmp_path):
    alone, passed = launching(tmp_path / "alone"), launching(tmp_path / "passed")
    standby = start()
    for launch in (alone, passed):
        launch.folder.mkdir()
    told = passed.run(
        passed.lake(events=EVENTS, order_lines=LINES),
        "--log",
        str(tmp_path / "launch.log"),
        module="transforms.relay",
        SHOPWRIGHT_SPARK_STANDBY=str(start.folder),
    )
    assert told.returncode == 0, (tmp_path / "standby.log").read_text()
    assert standby.wait(SECONDS) is not None
    # It was the other process that printed the launch's last line, into the launch's own log.
    assert told.stdout == ""
    assert '"item_pairs"' in (tmp_path / "launch.log").read_text()
    assert not (start.folder / SOCKET).exists()
    done = alone.run(alone.lake(events=EVENTS, order_lines=LINES))
    assert done.returncode == 0, done.stderr
    assert {output: passed.rows(output) for output in OUTPUTS} == {
        output: alone.rows(output) for output in OUTPUTS
    }
    assert alone.rows("sessions")
    assert alone.rows("item_pairs")


def test_a_caller_that_is_gone_leaves_neither_the_process_nor_its_java(start):
    standby = start()
    wait_until((start.folder / "rehearsal").exists)  # Java is at work
    java = java_of(standby)
    assert standby.stdin is not None
    standby.stdin.close()  # what the end of the caller does
    assert standby.wait(SECONDS) == 1
    # Not some time later, by itself: it would write on into a folder that the next run may have.
    assert java
    assert not any(process.is_running() for process in java)


def test_a_run_without_work_for_it_ends_it(start, monkeypatch):
    standby = start()
    monkeypatch.setenv(STANDBY, str(start.folder))
    send_away()
    assert standby.wait(SECONDS) == 0


@pytest.mark.slow
def test_long_work_has_a_java_that_is_set_for_it(start, launching, tmp_path):
    """And not the one that stood by, which is set for a day."""
    any_size_is_long = (
        "import sys, transforms.session, transforms.standby as s; from pathlib import Path; "
        "transforms.session.LONG_INPUT_BYTES = s.LONG_INPUT_BYTES = 0; s.main(Path(sys.argv[1]))"
    )
    standby = start("-c", any_size_is_long)
    wait_until(lambda: java_of(standby))
    quick = java_of(standby)[0]
    launch = launching(tmp_path / "launch")
    launch.folder.mkdir()
    with ThreadPoolExecutor(1) as beside:
        told = beside.submit(
            launch.run,
            launch.lake(events=EVENTS, order_lines=LINES),
            "--log",
            str(tmp_path / "launch.log"),
            module="transforms.relay",
            SHOPWRIGHT_SPARK_STANDBY=str(start.folder),
        )
        wait_until(lambda: told.done() or any(is_set_for_long_work(java) for java in java_of(standby)))
        assert not told.done()
        assert not quick.is_running()
        assert told.result().returncode == 0
    assert launch.rows("sessions")


def is_set_for_long_work(java: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "-XX:+UseParallelGC" in " ".join(java.cmdline())
    return False
