"""What the relay makes of the process that stands by: its answer, its silence, its absence."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path

import pytest

from transforms.relay import SOCKET, STANDBY, passed_on, send_away


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose path is longer than the address of a socket may be."""
    made = tmp_path / ("long " * 30)
    made.mkdir()
    return made


def answering(folder: Path, answer: bytes, beside: ThreadPoolExecutor) -> Future[bytes]:
    """Listen in the folder, once; gives what was asked."""
    listening = socket.socket(socket.AF_UNIX)
    with chdir(folder):
        listening.bind(SOCKET)
    listening.settimeout(10)
    listening.listen(1)

    def serve() -> bytes:
        connection, _ = listening.accept()
        with listening, connection, connection.makefile("rb") as asked:
            line = asked.readline()
            if answer:
                connection.sendall(answer)
            return line

    return beside.submit(serve)


def ask(folder: Path, answer: bytes, arguments: list[str]) -> tuple[int | None, dict]:
    with ThreadPoolExecutor(1) as beside:
        asked = answering(folder, answer, beside)
        return passed_on(folder, arguments), json.loads(asked.result())


def test_arguments_environment_and_folder_are_passed_on(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_PIPES_CONTEXT", "what it runs for")
    monkeypatch.chdir(tmp_path)
    _, request = ask(folder, b"begun\n0\n", ["--plan", "plan.json"])
    assert request["arguments"] == ["--plan", "plan.json"]
    assert request["environment"]["DAGSTER_PIPES_CONTEXT"] == "what it runs for"
    assert request["folder"] == str(tmp_path)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_launch_ends_with_the_code_it_has_there(folder, code):
    assert ask(folder, f"begun\n{code}\n".encode(), [])[0] == code


def test_a_process_that_ends_without_a_word_is_a_failure_and_nothing_is_run_twice(folder, capsys):
    assert ask(folder, b"begun\n", [])[0] == 1
    assert "ended before its work was done" in capsys.readouterr().err


def test_where_the_process_ends_before_it_has_begun_the_jobs_are_to_be_run_here(folder):
    assert ask(folder, b"", [])[0] is None


def left_by_a_killed_one(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone, chdir(folder):
        gone.bind(SOCKET)


@pytest.mark.parametrize("found", [lambda folder: None, left_by_a_killed_one, Path.rmdir])
def test_without_one_the_jobs_are_to_be_run_here(folder, found: Callable[[Path], None]):
    found(folder)
    assert passed_on(folder, []) is None


def test_a_process_that_is_not_needed_is_asked_for_nothing(folder, monkeypatch):
    monkeypatch.setenv(STANDBY, str(folder))
    with ThreadPoolExecutor(1) as beside:
        asked = answering(folder, b"", beside)
        send_away()
        assert asked.result() == b""


@pytest.mark.parametrize("found", [lambda folder: None, left_by_a_killed_one, Path.rmdir])
def test_where_none_stands_by_there_is_none_to_send_away(folder, found, monkeypatch):
    monkeypatch.setenv(STANDBY, str(folder))
    found(folder)
    send_away()
    monkeypatch.delenv(STANDBY)
    send_away()
