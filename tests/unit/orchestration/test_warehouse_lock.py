"""Processes that read or write the warehouse file wait for each other; the dead hold nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import duckdb
import pytest

from orchestration.warehouse_lock import reading, writing

CONTEXT = multiprocessing.get_context("fork")


def _hold(kind: str, warehouse: Path, held: Event, let_go: Event) -> None:
    with {"read": reading, "write": writing}[kind](warehouse):
        held.set()
        let_go.wait(30)


@pytest.fixture
def warehouse(tmp_path) -> Path:
    return tmp_path / "warehouse" / "warehouse.duckdb"


@pytest.fixture
def holder(warehouse):
    """Starts a process that holds the warehouse, and gives it."""
    started = []

    def start(kind: str):
        held = CONTEXT.Event()
        process = CONTEXT.Process(target=_hold, args=(kind, warehouse, held, CONTEXT.Event()))
        process.start()
        assert held.wait(10)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join(10)


def _blocked(kind: str, warehouse: Path) -> bool:
    """Whether another process that wants the warehouse is still waiting after a moment."""
    held, let_go = CONTEXT.Event(), CONTEXT.Event()
    process = CONTEXT.Process(target=_hold, args=(kind, warehouse, held, let_go))
    process.start()
    got_it = held.wait(0.4)
    let_go.set()
    if not got_it:
        process.kill()
    process.join(10)
    return not got_it


@pytest.mark.parametrize(
    ("holding", "wanting", "waits"),
    [("read", "read", False), ("read", "write", True), ("write", "read", True), ("write", "write", True)],
)
def test_readers_share_the_warehouse_and_a_writer_has_it_alone(holder, warehouse, holding, wanting, waits):
    holder(holding)
    assert _blocked(wanting, warehouse) is waits


def test_a_killed_writer_leaves_the_warehouse_free(holder, warehouse):
    process = holder("write")
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    assert not _blocked("write", warehouse)


def _count_rows(warehouse: Path, seen: list[int]) -> None:
    with reading(warehouse), duckdb.connect(str(warehouse), read_only=True) as connection:
        seen.append(connection.execute("select count(*) from numbers").fetchall()[0][0])


def test_readers_beside_a_writer_see_whole_builds_and_never_a_lock_error(warehouse):
    with writing(warehouse), duckdb.connect(str(warehouse)) as connection:
        connection.execute("create table numbers as select 0 as n where false")

    def build() -> None:
        for rows in range(1, 9):
            with writing(warehouse), duckdb.connect(str(warehouse)) as connection:
                connection.execute("delete from numbers")
                time.sleep(0.02)  # a reader that got in here would find nothing
                connection.execute(f"insert into numbers select * from range({rows * 10})")
            time.sleep(0.01)

    writer = CONTEXT.Process(target=build)
    writer.start()
    seen: list[int] = []
    while writer.is_alive():
        _count_rows(warehouse, seen)
    writer.join(10)
    _count_rows(warehouse, seen)
    assert writer.exitcode == 0
    assert seen[-1] == 80
    assert all(count % 10 == 0 for count in seen)
    assert seen == sorted(seen)
