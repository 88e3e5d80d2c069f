"""A backfill that is killed and resumed leaves what a straight one leaves, and publishes it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from feeds.simulator import SimulationParams, simulate
from orchestration.commands.backfill import agreed, finish, unfinished
from serving.status import status

PARAMS = SimulationParams(days=30, skus=40, customers=200)
FIRST, LAST = PARAMS.date_of(0), PARAMS.date_of(19)
MADE_ANEW = {"run_id"}
PAUSE_SECONDS, PATIENCE_SECONDS = 0.05, 600


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feeds")
    simulate(PARAMS, folder)
    return folder


def command(home: Path, feeds: Path, *arguments: str) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SHOPWRIGHT_", "DAGSTER_"))}
    environment = kept | {"SHOPWRIGHT_HOME": str(home), "SHOPWRIGHT_PSEUDONYM_KEY": "a key for tests only"}
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "backfill", "--feeds", str(feeds), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def succeeds(process: subprocess.Popen[str]) -> None:
    told, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, told[-4000:]


def killed_when(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    """Kill the command and every process of its session as soon as the point is reached."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not reached():
        assert process.poll() is None, f"ended before the kill: {process.communicate()[0][-4000:]}"
        assert time.monotonic() < deadline, "the point of the kill was never reached"
        time.sleep(PAUSE_SECONDS)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def loads_done(home: Path) -> int:
    ledger = home / "demo" / "ledger.sqlite"
    if not ledger.exists():
        return 0
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as db:
        try:
            return int(db.execute("select count(*) from loads where state = 'done'").fetchone()[0])
        except sqlite3.OperationalError:  # the table is not there yet, or being written
            return 0


def tables(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of marts and features, in one order; what a run stamps on its rows left out."""
    with duckdb.connect(str(home / "demo" / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        listed = connection.execute(
            "select schema_name || '.' || table_name, list(column_name) from duckdb_columns() "
            "where schema_name in ('marts', 'features') group by all"
        ).fetchall()
        return {
            name: connection.execute(
                f"select {', '.join(sorted(set(columns) - MADE_ANEW))} from {name} order by all"
            ).fetchall()
            for name, columns in listed
        }


@pytest.fixture(scope="module")
def straight(feeds: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    home = tmp_path_factory.mktemp("straight")
    succeeds(command(home, feeds, "--from", str(FIRST), "--to", str(LAST)))
    made = tables(home)
    shutil.rmtree(home)
    return made


@pytest.mark.chaos
@pytest.mark.spark
@pytest.mark.timeout(1800)
def test_a_backfill_killed_while_loading_and_while_building_equals_a_straight_one(
    straight: dict[str, list[tuple[object, ...]]], feeds: Path, tmp_path: Path
) -> None:
    killed_when(
        command(tmp_path, feeds, "--from", str(FIRST), "--to", str(LAST)), lambda: loads_done(tmp_path) > 3
    )
    assert status(tmp_path / "demo" / "published").live is None
    built = tmp_path / "demo" / "warehouse" / "dbt" / "dbt.log"
    killed_when(command(tmp_path, feeds), lambda: built.exists() and "fct_orders" in built.read_text())
    succeeds(command(tmp_path, feeds))

    assert unfinished(tmp_path / "demo") is None
    assert status(tmp_path / "demo" / "published").live is not None
    resumed = tables(tmp_path)
    assert sorted(resumed) == sorted(straight)
    assert [name for name in straight if straight[name] != resumed[name]] == []
    assert max(row[0] for row in days_of(tmp_path)) == LAST


def days_of(home: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "demo" / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute("select distinct ordered_date from marts.fct_orders").fetchall()


def test_a_killed_backfill_is_known_until_it_is_finished(tmp_path: Path) -> None:
    begun = agreed(tmp_path, FIRST, LAST)
    assert agreed(tmp_path, None, None) == begun
    assert agreed(tmp_path, FIRST, LAST) == begun
    with pytest.raises(ValueError, match="is not finished"):
        agreed(tmp_path, FIRST, FIRST)
    finish(tmp_path)
    assert unfinished(tmp_path) is None


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [(None, None, "Say which days"), (FIRST, None, "both"), (LAST, FIRST, "before")],
)
def test_a_backfill_without_sensible_days_is_refused_and_leaves_no_note(
    tmp_path: Path, first: object, last: object, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        agreed(tmp_path, first, last)  # type: ignore[arg-type]
    assert unfinished(tmp_path) is None
