"""Killed and rival publishers never show a reader half a generation, and never lose what was live."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.publish import FAILPOINTS

ROOT = Path(__file__).resolve().parents[2]
GOES_LIVE = FAILPOINTS.index("pointer_replaced")
LONG = [pytest.mark.chaos, pytest.mark.timeout(1800)]


@pytest.fixture
def drill(tmp_path: Path, bundles_only: Path) -> Callable[[str, int], dict[str, Any]]:
    def run(name: str, rounds: int) -> dict[str, Any]:
        shutil.copy(bundles_only, tmp_path / "template.duckdb")
        script = Path(__file__).with_name("publish_drill.py")
        finished = subprocess.run(
            [sys.executable, str(script), name, str(tmp_path), str(rounds)],
            capture_output=True,
            text=True,
            timeout=1700,
            env={"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"},
        )
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)

    return run


def assert_no_reader_noticed(report: dict[str, Any], at_least: int) -> None:
    for name, reading in report["readings"].items():
        assert reading["errors"] == [], f"{name}: {reading['errors'][:3]}"
        assert reading["mixed"] == [], name
        assert reading["backwards"] == [], name
    assert report["reader_exits"] == [0, 0, 0]
    assert sum(reading["reads"] for reading in report["readings"].values()) >= at_least


def assert_each_kill_was_survived(outcomes: list[dict[str, Any]]) -> None:
    live = 1
    for outcome in outcomes:
        assert outcome["healthy"], outcome
        assert outcome["left_overs"] == [], outcome
        if outcome["failpoint"] is None:
            assert outcome["exit"] == 0, outcome
            live = outcome["number"]
        else:
            assert outcome["exit"] == -9, outcome
            went_live = FAILPOINTS.index(outcome["failpoint"]) >= GOES_LIVE
            live = outcome["number"] if went_live else live
        assert outcome["live_run"] == live, outcome


def test_a_kill_at_any_step_leaves_the_old_generation_or_the_new_one(drill):
    report = drill("kill_at_each_step", 1)
    assert [o["failpoint"] for o in report["outcomes"] if o["failpoint"]] == list(FAILPOINTS)
    assert_each_kill_was_survived(report["outcomes"])
    assert_no_reader_noticed(report, at_least=50)


@pytest.mark.parametrize("rounds", [2, pytest.param(15, marks=LONG)])
def test_of_two_publishers_at_once_the_newer_run_is_live_in_the_end(drill, rounds):
    report = drill("rivals", rounds)
    for outcome in report["outcomes"]:
        older, newer = outcome["exits"]
        assert newer == 0, outcome
        assert older in {0, 3}, outcome  # it came first, or it was refused
        assert outcome["live_run"] == outcome["number"]
        assert outcome["healthy"]
    assert_no_reader_noticed(report, at_least=10)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_ten_thousand_reads_during_fifty_publishes_and_kills(drill):
    report = drill("kill_at_each_step", 5)
    assert_each_kill_was_survived(report["outcomes"])
    assert_no_reader_noticed(report, at_least=10_000)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_kills_at_arbitrary_instants_are_survived(drill):
    report = drill("kill_at_random", 60)
    live = 2
    for outcome in report["outcomes"]:
        assert outcome["exit"] in {0, -9}, outcome
        assert outcome["healthy"], outcome
        assert outcome["left_overs"] == [], outcome
        assert outcome["live_run"] in {live, outcome["number"]}, outcome
        live = outcome["live_run"]
    assert {0, -9} == {outcome["exit"] for outcome in report["outcomes"]}
    assert live > 2
    assert_no_reader_noticed(report, at_least=1_000)
