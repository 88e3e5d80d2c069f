"""The command's steps are forks of it: what it imported is there, what it had opened is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

# A real run preloads Dagster, dbt and the models: seconds, which say nothing about the fork itself.
SCRIPT = """
import gc, json, os, sys, threading, time
from multiprocessing import get_context
from multiprocessing.forkserver import _forkserver
from orchestration import executor

def seen(pipe, opened):
    here = {int(name) for name in os.listdir("/proc/self/fd")}
    links = [os.readlink(f"/proc/self/fd/{n}") for n in here if os.path.exists(f"/proc/self/fd/{n}")]
    pipe.send({"server": os.getppid(), "colorsys": "colorsys" in sys.modules,
               "wave": "wave" in sys.modules, "marked": "MARKED" in os.environ, "has_file": opened in links})

if __name__ == "__main__":
    executor.NEEDED_BY_ALL = ("colorsys",)
    executor.PRELOADED = ("colorsys", "wave")
    os.environ["MARKED"] = "1"
    opened = open(sys.argv[1])
    if sys.argv[2] == "beside a thread":
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    executor.start_server(fork_this_process=True)
    told = {"command": os.getpid(), "server": _forkserver._forkserver_pid}
    told["forked"] = "colorsys" in sys.modules
    told["alone_in_steps"] = "wave" not in sys.modules
    told["collects"] = gc.isenabled()
    ours, theirs = get_context("forkserver").Pipe()
    step = get_context("forkserver").Process(target=seen, args=(theirs, os.path.realpath(sys.argv[1])))
    step.start()
    told["step"] = ours.recv()
    step.join()
    told["exit"] = step.exitcode
    executor.stop_server()
    told["stopped"] = not os.path.exists(f"/proc/{told['server']}")
    print(json.dumps(told))
"""


def told_by(tmp_path: Path, how: str) -> dict[str, Any]:
    script, opened = tmp_path / "command.py", tmp_path / "held.lock"
    script.write_text(textwrap.dedent(SCRIPT))
    opened.touch()
    done = subprocess.run(
        [sys.executable, str(script), str(opened), how],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("how", ["alone", "beside a thread"])
def test_a_step_has_what_was_imported_and_none_of_the_files_that_the_command_holds(
    tmp_path: Path, how: str
) -> None:
    told = told_by(tmp_path, how)
    # A process with threads is not forked: its server imports for itself.
    assert told["forked"] == (how == "alone")
    assert told["alone_in_steps"]
    assert told["collects"]
    assert told["step"] == {
        "server": told["server"],
        "colorsys": True,
        "wave": True,
        "marked": True,
        "has_file": False,
    }
    assert told["server"] != told["command"]
    assert (told["exit"], told["stopped"]) == (0, True)
