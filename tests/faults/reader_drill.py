"""Many readers at once beside a writer that rebuilds the warehouse and publishes it, again and again.

Run by the test beside it: ``python reader_drill.py FOLDER READERS REBUILDS``; prints what happened as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
from publish_drill import MARKERS, exit_of, in_a_process, publish_number

from serving.publish import status

PROCESSES = 4
LONG_DRILL = 5


def rebuild(folder: Path, number: int) -> None:
    """Rebuild a private warehouse, held for writing meanwhile, and publish."""
    with closing(duckdb.connect(str(folder / "private.duckdb"))) as connection:
        connection.execute("set threads = 1")
        connection.execute(
            "create or replace table facts as select i, md5(i::varchar) as x from range(200000) t(i);"
            "create or replace table sums as select x[1] as c, count(*) as n from facts group by all"
        )
        publish_number(folder, number)


def read_once(folder: Path) -> set[str]:
    """A reader with a connection of its own, as each user of a BI tool has."""
    with closing(duckdb.connect(str(folder / "published" / "serve.duckdb"), read_only=True)) as connection:
        return {row[0] for row in connection.execute(MARKERS.format("marts", "serving")).fetchall()}


def read_together(folder: Path, name: str, readers: int, pause_seconds: float) -> None:
    told: dict[str, Any] = {"reads": 0, "errors": [], "mixed": [], "seen": []}
    with ThreadPoolExecutor(readers) as pool:
        while True:
            is_last = (folder / "stop").exists()
            for answer in [pool.submit(read_once, folder) for _ in range(readers)]:
                if (error := answer.exception()) is not None:
                    told["errors"].append(repr(error))
                    continue
                told["reads"] += 1
                told["seen"] = sorted({*told["seen"], *answer.result()})
                if len(answer.result()) != 1:
                    told["mixed"].append(sorted(answer.result()))
            if is_last:
                break
            time.sleep(pause_seconds)
    (folder / f"{name}.json").write_text(json.dumps(told))


def main() -> None:
    folder, readers, rebuilds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    assert exit_of(in_a_process(lambda: publish_number(folder, 1))) == 0
    pause = 0.1 if rebuilds >= LONG_DRILL else 0.5  # without any, the publisher gets no core
    names = [f"readers_{number}" for number in range(PROCESSES)]
    children = [
        in_a_process(lambda n=name: read_together(folder, n, readers // PROCESSES, pause)) for name in names
    ]
    try:
        exits = [exit_of(in_a_process(lambda n=n: rebuild(folder, n))) for n in range(2, rebuilds + 2)]
    finally:
        (folder / "stop").touch()
        exits += [exit_of(child) for child in children]
    assert not any(exits), exits
    told = [json.loads((folder / f"{name}.json").read_text()) for name in names]
    live = next(g.run_number for g in status(folder / "published").generations if g.is_live)
    report = {
        "readers": readers // PROCESSES * len(told),
        "reads": sum(one["reads"] for one in told),
        "errors": [error for one in told for error in one["errors"]],
        "mixed": [mixed for one in told for mixed in one["mixed"]],
        "generations_seen": len({seen for one in told for seen in one["seen"]}),
        "live_run": live,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
