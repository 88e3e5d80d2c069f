"""Deliveries under fire: a publisher killed at each step of a delivery while a reader never stops.

Run by the test beside it: ``python target_drill.py TARGET FOLDER PLACE ROUNDS``; prints what happened.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from publish_drill import MARKERS, exit_of, in_a_process, publish_number

from serving.durable import CorruptFile, read_sealed
from serving.file_drop import DROP_FAILPOINTS, FileDrop, verify_drop
from serving.generations import MANIFEST_FILE
from serving.postgres import POSTGRES_FAILPOINTS, PostgresTarget
from serving.targets import Target, deliver_all

Read = Callable[[], set[str]]


def postgres_reader(dsn: str) -> Read:
    """A BI tool that keeps its connection; one query over three views of two schemas."""
    connection = psycopg.connect(dsn, autocommit=True)
    sql = MARKERS.format("marts", "serving").replace("::varchar", "::text")
    return lambda: {row[0] for row in connection.execute(sql).fetchall()}


def file_reader(folder: str) -> Read:
    """A system that collects the newest drop: manifest first, then its files."""
    shop = Path(folder) / "demo"

    def read() -> set[str]:
        files = shop / read_sealed(shop / MANIFEST_FILE)["folder"]
        sql = f"select distinct marker::varchar from '{files}/marts/*.parquet' union "
        return {
            r[0]
            for r in duckdb.execute(sql + f"select run_id from '{files}/serving/bundles.parquet'").fetchall()
        }

    return read


def keep_reading(folder: Path, reader: Callable[[str], Read], place: str) -> None:
    told: dict[str, Any] = {"reads": 0, "errors": [], "mixed": [], "seconds": []}
    read = reader(place)
    while not (folder / "stop").exists():
        started = time.perf_counter()
        try:
            found = read()
        except Exception as error:  # any failure of any kind is what the drill is looking for
            told["errors"].append(repr(error))
            continue
        told["seconds"].append(round(time.perf_counter() - started, 4))
        told["reads"] += 1
        if len(found) != 1:
            told["mixed"].append(sorted(found))
        time.sleep(0.002)
    (folder / "reader.json").write_text(json.dumps(told))


def look(folder: Path, read: Callable[[str], Read], place: str) -> list[str]:
    """What a new reader finds, and for a drop whether its bytes are right."""
    problems = [] if place.startswith("postgres") else verify_drop(Path(place) / "demo")
    try:
        return sorted(read(place)()) + problems
    except (CorruptFile, duckdb.Error, psycopg.Error) as error:
        return [repr(error)]


def main() -> None:
    name, folder, place, rounds = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    target: Target = PostgresTarget(place) if name == "postgres" else FileDrop(Path(place))
    steps = POSTGRES_FAILPOINTS if name == "postgres" else DROP_FAILPOINTS
    reader = postgres_reader if name == "postgres" else file_reader

    def deliver() -> None:
        assert all(told.is_delivered for told in deliver_all(folder / "published", [target]))

    def in_child(work: Callable[[], Any], failpoint: str = "") -> int:
        return exit_of(in_a_process(work, failpoint))

    assert in_child(lambda: publish_number(folder, 1)) == 0
    assert in_child(deliver) == 0
    reading = in_a_process(lambda: keep_reading(folder, reader, place))
    outcomes, number = [], 1
    try:
        for step in steps * rounds:
            before, number = number, number + 1
            assert in_child(lambda n=number: publish_number(folder, n)) == 0
            outcome = {"step": step, "before": str(before), "number": str(number)}
            outcome["exit"] = in_child(deliver, step)
            in_child(lambda: (folder / "seen.json").write_text(json.dumps(look(folder, reader, place))))
            outcome["after_kill"] = json.loads((folder / "seen.json").read_text())
            outcome["again"] = in_child(deliver)
            in_child(lambda: (folder / "seen.json").write_text(json.dumps(look(folder, reader, place))))
            outcome["after_repeat"] = json.loads((folder / "seen.json").read_text())
            outcomes.append(outcome)
    finally:
        (folder / "stop").touch()
        code = exit_of(reading)
    told = json.loads((folder / "reader.json").read_text())
    print(json.dumps({"outcomes": outcomes, "reading": told, "reader_exit": code}))


if __name__ == "__main__":
    main()
