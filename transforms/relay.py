"""``python -m transforms.relay ...``: what ``python -m transforms ...`` does, in the process that stands by.

Where ``SHOPWRIGHT_SPARK_STANDBY`` names the folder of one (see ``standby``), this process only passes its
arguments and its environment on, waits, and ends with the same exit code. Where none is named, or none is
left, it runs the jobs itself. It imports nothing that takes time before it knows.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import chdir, suppress
from pathlib import Path

STANDBY = "SHOPWRIGHT_SPARK_STANDBY"
SOCKET = "socket"
BEGUN = b"begun\n"
"""What is answered first: from here on the launch has been worked on there, and may not be here."""
TAKEN_OVER = "transforms: taken over by the process that stood by"
"""The first line of the launch's log."""

EXIT_ENDED_EARLY = 1


def main(arguments: list[str]) -> int:
    """Have the jobs run there, or here; the exit code."""
    folder = os.environ.pop(STANDBY, None)
    code = passed_on(Path(folder), arguments) if folder else None
    if code is not None:
        return code
    from transforms.__main__ import main as run_here

    return run_here(arguments)


def passed_on(folder: Path, arguments: list[str]) -> int | None:
    """The exit code of the process that stands by in this folder; ``None`` if it has not begun there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            # By its name in the folder: the whole path may be longer than an address may be.
            with chdir(folder):
                connection.connect(SOCKET)
        except OSError:
            return None
        request = {"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}
        has_begun = False
        with suppress(OSError), connection.makefile("rb") as answer:
            connection.sendall(json.dumps(request).encode() + b"\n")
            has_begun = answer.readline() == BEGUN
            if line := answer.readline():
                return int(json.loads(line))
    if not has_begun:
        return None
    print("transforms: the Spark process that stood by ended before its work was done.", file=sys.stderr)
    return EXIT_ENDED_EARLY


def send_away() -> None:
    """End the process that stands by, if there is one: this run has no work for it."""
    folder = os.environ.get(STANDBY)
    if not folder:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, suppress(OSError), chdir(folder):
        connection.connect(SOCKET)  # and asks for nothing


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
