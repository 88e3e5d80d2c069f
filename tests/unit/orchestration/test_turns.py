"""A shop has one run at a time, and what a killed one left claimed is freed by the next."""

from __future__ import annotations

import multiprocessing
import os
import signal

import dagster as dg
import pytest

from orchestration.turns import BY_COMMAND, AnotherRun, clear_up, only_run

CONTEXT = multiprocessing.get_context("fork")


def _hold(folder, held) -> None:
    with only_run(folder):
        held.set()
        signal.pause()


@pytest.fixture
def running(tmp_path):
    held = CONTEXT.Event()
    process = CONTEXT.Process(target=_hold, args=(tmp_path, held))
    process.start()
    assert held.wait(10)
    yield process
    process.kill()
    process.join(10)


def test_a_second_run_is_refused_and_told_which_process_has_the_shop(running, tmp_path):
    with pytest.raises(AnotherRun, match=f"process {running.pid}"), only_run(tmp_path):
        pass


def test_a_killed_run_does_not_keep_the_shop(running, tmp_path):
    os.kill(running.pid, signal.SIGKILL)
    running.join(10)
    with only_run(tmp_path):
        pass


@dg.op(pool="warehouse")
def write() -> None:
    """A step that stands in the pool."""


@dg.job
def work() -> None:
    write()


def test_the_pools_of_dead_runs_are_freed_and_runs_of_the_ui_left_alone():
    with dg.instance_for_test(overrides={"concurrency": {"pools": {"default_limit": 1}}}) as instance:
        dead = instance.create_run_for_job(work, status=dg.DagsterRunStatus.STARTED, tags=dict(BY_COMMAND))
        alive = instance.create_run_for_job(work, status=dg.DagsterRunStatus.STARTED)
        storage = instance.event_log_storage
        storage.initialize_concurrency_limit_to_default("warehouse")
        assert storage.claim_concurrency_slot("warehouse", dead.run_id, "write").is_claimed

        assert clear_up(instance) == [dead.run_id]

        assert instance.get_run_by_id(dead.run_id).status == dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(alive.run_id).status == dg.DagsterRunStatus.STARTED
        assert storage.claim_concurrency_slot("warehouse", alive.run_id, "write").is_claimed
