"""Publishes under fire, in processes of their own: killed publishers, rivals, readers that never stop.

Run by the tests beside it: ``python publish_drill.py DRILL FOLDER ROUNDS``, where FOLDER holds
``template.duckdb``; prints what happened as JSON. Every process is forked from one that has opened no
database yet, so that a kill costs milliseconds instead of the start of an interpreter.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from data_quality.contract import all_contracts
from data_quality.examples import FIRST_DATE
from serving.generations import generation_folder, read_pointer
from serving.publish import FAILPOINTS, PublishRefused, RunInfo, publish_warehouse, recover, status
from serving.store import Store

MARKERS = (
    "select distinct marker::varchar from {0}.fct_orders union select marker::varchar from {0}.dim_markers "
    "union select run_id from {1}.bundles"
)
N_ORDERS = 2000
NOT_BUILT = {
    f"serving.{c.name}": "not part of the drill" for c in all_contracts("served") if c.name != "bundles"
}
PAUSE_SECONDS = {"store": 0.03, "parquet": 0.06, "bi": 0.15}
"""Rest of each reader between two reads, so that a short drill ends soon; in a long one there is none."""
LONG_DRILL = 5
_DIE_WITH_PARENT = 1


def in_a_process(work: Callable[[], Any], failpoint: str = "") -> int:
    """Start the work in a forked process that dies at the failpoint, and with this one; return its id."""
    child = os.fork()
    if child:
        return child
    if sys.platform == "linux":  # a drill that is given up would leave readers that never stop
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    os.environ["SHOPWRIGHT_FAILPOINT"] = failpoint
    try:
        work()
    except PublishRefused:
        os._exit(3)
    except BaseException as error:
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


def exit_of(child: int) -> int:
    """0 for success, 3 for a refused publish, -9 for a kill."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def publish_number(folder: Path, number: int) -> None:
    """Publish a warehouse that carries the number in three tables."""
    warehouse = folder / f"warehouse_{number}_{os.getpid()}.duckdb"
    shutil.copy(folder / "template.duckdb", warehouse)
    with closing(duckdb.connect(str(warehouse))) as connection:
        connection.execute(
            "create table marts.fct_orders as "
            f"select i as order_id, {number} as marker from range({N_ORDERS}) t(i);"
            "create table marts.dim_markers as select distinct marker from marts.fct_orders;"
            f"update serving.bundles set run_id = '{number}'"
        )
    run = RunInfo(f"run-{number}", number, FIRST_DATE, "demo")
    publish_warehouse(warehouse, folder / "published", run=run, skipped=NOT_BUILT)
    warehouse.unlink()


def read_through_store(folder: Path) -> Callable[[], set[str]]:
    store = Store(folder / "published")

    def read() -> set[str]:
        with store.snapshot() as cursor:
            found = {row[0] for row in cursor.execute(MARKERS.format("marts", "serving")).fetchall()}
            found |= {
                str(row[0]) for row in cursor.execute("select run_number from meta.publication").fetchall()
            }
            assert cursor.execute("select count(*) from marts.fct_orders").fetchone() == (N_ORDERS,)
        return found

    return read


def read_as_a_bi_tool(folder: Path) -> Callable[[], set[str]]:
    def read() -> set[str]:
        with closing(
            duckdb.connect(str(folder / "published" / "serve.duckdb"), read_only=True)
        ) as connection:
            return {row[0] for row in connection.execute(MARKERS.format("marts", "serving")).fetchall()}

    return read


def read_parquet(folder: Path) -> Callable[[], set[str]]:
    def read() -> set[str]:
        pointer = read_pointer(folder / "published")
        files = generation_folder(folder / "published", pointer.generation) / "parquet"
        sql = f"select distinct marker::varchar from '{files}/marts/*.parquet' union "
        return {
            row[0]
            for row in duckdb.execute(
                sql + f"select run_id from '{files}/serving/bundles.parquet'"
            ).fetchall()
        }

    return read


def keep_reading(
    folder: Path, name: str, reader: Callable[[Path], Callable[[], set[str]]], pause_seconds: float
) -> None:
    """Read until the stop file appears; any error and any answer from two generations is written down."""
    seen: dict[str, Any] = {"reads": 0, "errors": [], "mixed": [], "backwards": [], "seconds": []}
    read, last = reader(folder), 0
    while not (folder / "stop").exists():
        time.sleep(pause_seconds)  # leaves the publisher a core
        started = time.perf_counter()
        try:
            found = read()
        except Exception as error:  # any failure of any kind is what the drill is looking for
            seen["errors"].append(repr(error))
            continue
        seen["seconds"].append(round(time.perf_counter() - started, 4))
        seen["reads"] += 1
        if len(found) != 1:
            seen["mixed"].append(sorted(found))
        elif int(min(found)) < last:
            seen["backwards"].append([last, *found])
        else:
            last = int(min(found))
    (folder / f"{name}.json").write_text(json.dumps(seen))


def state(folder: Path) -> dict[str, Any]:
    """What a process that comes after a kill finds, before and after recovery."""
    killed = status(folder / "published")
    recover(folder / "published")
    found = status(folder / "published")
    return {
        "live_run": next((g.run_number for g in killed.generations if g.is_live), None),
        "healthy": killed.is_healthy and found.is_healthy and killed.live == found.live,
        "left_overs": [p.name for p in (folder / "published" / "generations").glob(".*")],
    }


def write_state(folder: Path) -> None:
    (folder / "state.json").write_text(json.dumps(state(folder)))


def kill_at_each_step(folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Kill a publisher at each failpoint and look; twice a round, let one finish."""
    outcomes, number = [], 1
    for failpoint in FAILPOINTS * rounds:
        number += 1
        code = exit_of(in_a_process(lambda n=number: publish_number(folder, n), failpoint))
        outcomes.append({"failpoint": failpoint, "exit": code, "number": number, **look(folder)})
        if failpoint in {"built", FAILPOINTS[-1]}:
            number += 1
            code = exit_of(in_a_process(lambda n=number: publish_number(folder, n)))
            outcomes.append({"failpoint": None, "exit": code, "number": number, **look(folder)})
    return outcomes


def kill_at_random(folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Kill a publisher at an arbitrary instant, look, and go on; every sixth is let finish."""
    outcomes, chance = [], random.Random(7)
    started = time.perf_counter()
    assert exit_of(in_a_process(lambda: publish_number(folder, 2))) == 0
    usual_seconds = time.perf_counter() - started
    for number in range(3, rounds + 3):
        started = time.perf_counter()
        child = in_a_process(lambda n=number: publish_number(folder, n))
        if number % 6:
            time.sleep(chance.uniform(0.0, 1.3 * usual_seconds))
            os.kill(child, signal.SIGKILL)
        code = exit_of(child)
        if not number % 6:
            usual_seconds = time.perf_counter() - started  # the load of the machine changes
        outcomes.append({"failpoint": "random", "exit": code, "number": number, **look(folder)})
    return outcomes


def rival_publishers(folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Two runs publish at the same moment; the newer one must be live in the end."""
    outcomes = []
    for number in range(2, 2 * rounds + 2, 2):
        older = in_a_process(lambda n=number: publish_number(folder, n))
        newer = in_a_process(lambda n=number: publish_number(folder, n + 1))
        exits = [exit_of(older), exit_of(newer)]
        outcomes.append({"failpoint": None, "exits": exits, "number": number + 1, **look(folder)})
    return outcomes


def look(folder: Path) -> dict[str, Any]:
    assert exit_of(in_a_process(lambda: write_state(folder))) == 0
    return json.loads((folder / "state.json").read_text())


DRILLS = {
    "kill_at_each_step": kill_at_each_step,
    "kill_at_random": kill_at_random,
    "rivals": rival_publishers,
}
READERS = {"store": read_through_store, "bi": read_as_a_bi_tool, "parquet": read_parquet}


def main() -> None:
    drill, folder, rounds = DRILLS[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3])
    assert exit_of(in_a_process(lambda: publish_number(folder, 1))) == 0
    pauses = PAUSE_SECONDS if rounds < LONG_DRILL else dict.fromkeys(PAUSE_SECONDS, 0.0)
    readers = [
        in_a_process(lambda n=name, r=reader: keep_reading(folder, n, r, pauses[n]))
        for name, reader in READERS.items()
    ]
    try:
        outcomes = drill(folder, rounds)
    finally:
        (folder / "stop").touch()
        exits = [exit_of(reader) for reader in readers]
    readings = {name: json.loads((folder / f"{name}.json").read_text()) for name in READERS}
    print(json.dumps({"outcomes": outcomes, "readings": readings, "reader_exits": exits}))


if __name__ == "__main__":
    main()
