"""A delivery to Postgres or to a file drop, killed at any step, leaves the old generation or the new one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

psycopg = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")

from serving.file_drop import DROP_FAILPOINTS  # noqa: E402
from serving.postgres import POSTGRES_FAILPOINTS  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FIRST_STEP_THAT_SHOWS = {"postgres": "flip_committed", "files": "drop_pointed"}
STEPS = {"postgres": POSTGRES_FAILPOINTS, "files": DROP_FAILPOINTS}
LONG = [pytest.mark.chaos, pytest.mark.timeout(1800)]


def run_drill(target: str, folder: Path, template: Path, place: str, rounds: int) -> dict[str, Any]:
    shutil.copy(template, folder / "template.duckdb")
    script = Path(__file__).with_name("target_drill.py")
    temporary = folder / "tmp"
    temporary.mkdir()
    finished = subprocess.run(
        [sys.executable, str(script), target, str(folder), place, str(rounds)],
        capture_output=True,
        text=True,
        timeout=1700,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)},
    )
    assert finished.returncode == 0, finished.stderr
    assert list(temporary.iterdir()) == [], "rows of a killed delivery lie in the temporary folder"
    return json.loads(finished.stdout)


def assert_old_or_new(target: str, report: dict[str, Any]) -> None:
    steps = STEPS[target]
    for outcome in report["outcomes"]:
        assert outcome["exit"] == -9, outcome
        shows = steps.index(outcome["step"]) >= steps.index(FIRST_STEP_THAT_SHOWS[target])
        assert outcome["after_kill"] == [outcome["number" if shows else "before"]], outcome
        assert (outcome["again"], outcome["after_repeat"]) == (0, [outcome["number"]]), outcome
    assert report["reader_exit"] == 0
    assert report["reading"]["errors"] == []
    assert report["reading"]["mixed"] == []


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=LONG)])
@pytest.mark.parametrize("target", ["postgres", "files"])
def test_a_killed_delivery_leaves_the_old_generation_or_the_new_one(
    target, rounds, tmp_path, bundles_only, request
):
    place = str(tmp_path / "drop")
    if target == "postgres":
        dsn = request.getfixturevalue("postgres_dsn")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("drop database if exists drill with (force)")
            connection.execute("create database drill")
        place = dsn.replace("/postgres?", "/drill?")
    report = run_drill(target, tmp_path, bundles_only, place, rounds)
    assert len(report["outcomes"]) == rounds * len(STEPS[target])
    assert_old_or_new(target, report)
    assert report["reading"]["reads"] >= 20 * rounds
