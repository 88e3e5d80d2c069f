"""The jobs of one launch in one Spark session: read, compute, write, count. The thinking is elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from data_quality.contract import load_contract
from transforms.bots import judged, of_bots, of_people, without_bots
from transforms.interactions import daily_interactions
from transforms.pairs import item_pairs
from transforms.plan import OUTPUTS_OF_JOB, Plan
from transforms.session import start_session
from transforms.sessions import moment, summarise, with_sessions
from transforms.tables import read_files, write_aside, write_empty

EVENT_COLUMNS = (
    "event_id", "visitor_id", "customer_id", "source_session_id", "event_type", "occurred_at", "sku",
    "order_id", "search_query", "n_search_results", "units", "device_type", "country", "channel",
)  # fmt: skip
ORDER_LINE_COLUMNS = ("order_id", "sku", "line_kind", "ordered_at")

TABLES_AT_A_TIME = 2

INPUTS_OF_OUTPUT = {
    "session_events": ("events",),
    "sessions": ("events",),
    "bot_sessions": ("events",),
    "item_pairs": ("events", "order_lines"),
    "daily_interactions": ("events",),
}


@dataclass(frozen=True)
class Written:
    """One table written aside: where, how many rows, and how long it took."""

    output: str
    folder: str
    rows: int
    seconds: float


def run_jobs(plan: Plan, jobs: tuple[str, ...], report: Callable[[Written], None]) -> dict[str, Any]:
    """Run the jobs and write their tables; the counts and seconds by table, and the seconds of the whole.

    A table whose feeds the shop lacks is written empty. Where that is all, no Java is started.
    """
    began = time.perf_counter()
    given = {name for name, files in plan.inputs.items() if files.paths}
    outputs = [output for job in jobs for output in OUTPUTS_OF_JOB[job]]
    fed = [output for output in outputs if not given.isdisjoint(INPUTS_OF_OUTPUT[output])]
    written = []
    for output in outputs:
        if output not in fed:
            written.append(_timed(plan, output, partial(_empty, plan, output)))
            report(written[-1])
    start_seconds = 0.0
    if fed:
        spark = start_session(plan.scratch, partitions=plan.run.shuffle_partitions)
        start_seconds = time.perf_counter() - began
        try:
            for done in _all_written(plan, fed, Tables(spark, plan)):
                written.append(done)
                report(done)
        finally:
            spark.stop()
    return {
        "as_of": plan.as_of.isoformat(),
        "outputs": {w.output: {"folder": w.folder, "rows": w.rows, "seconds": w.seconds} for w in written},
        "start_seconds": round(start_seconds, 2),
        "seconds": round(time.perf_counter() - began, 2),
    }


class Tables:
    """The tables of a launch, made on demand; what several of them share is computed once and kept."""

    def __init__(self, spark: SparkSession, plan: Plan) -> None:
        self.plan = plan
        events = self._read(spark, "events", EVENT_COLUMNS, "occurred_at")
        self.order_lines = self._read(spark, "order_lines", ORDER_LINE_COLUMNS, "ordered_at")
        self.session_events: DataFrame | None = None
        if events is not None:
            all_events = with_sessions(events, plan.sessions).persist()
            self.all_sessions = judged(summarise(all_events), plan.bots).persist()
            self.session_events = without_bots(all_events, of_bots(self.all_sessions))

    def make(self, output: str) -> DataFrame:
        """The table of that name, before it takes the form of its contract."""
        if output == "item_pairs":
            return item_pairs(self.session_events, self.order_lines, self.plan.as_of_end, self.plan.pairs)
        if self.session_events is None:
            raise ValueError(f"{output} needs the events feed, but the plan gives no files of it.")
        if output == "session_events":
            return self.session_events
        if output == "daily_interactions":
            return daily_interactions(self.session_events)
        return of_bots(self.all_sessions) if output == "bot_sessions" else of_people(self.all_sessions)

    def _read(self, spark: SparkSession, name: str, columns: tuple[str, ...], at: str) -> DataFrame | None:
        files = self.plan.inputs.get(name)
        if files is None or not files.paths:
            return None
        rows = read_files(spark, load_contract(name), files, columns)
        return rows.where(F.col(at) < moment(self.plan.as_of_end))


def _all_written(plan: Plan, outputs: list[str], tables: Tables) -> Iterator[Written]:
    """Write the first table, which makes what the others share; then those, two at a time.

    While Spark plans one query it leaves the cores to the other: a day of a shop is more planning than work.
    """
    first, rest = outputs[0], outputs[1:]
    yield _timed(plan, first, partial(_write, plan, first, tables))
    with ThreadPoolExecutor(max_workers=TABLES_AT_A_TIME) as pool:
        begun = [pool.submit(_timed, plan, name, partial(_write, plan, name, tables)) for name in rest]
        for future in as_completed(begun):
            yield future.result()


def _write(plan: Plan, output: str, tables: Tables) -> int:
    return write_aside(
        tables.make(output), load_contract(output, "core"), plan.outputs[output], plan.run.output_files
    )


def _empty(plan: Plan, output: str) -> int:
    write_empty(load_contract(output, "core"), plan.outputs[output])
    return 0


def _timed(plan: Plan, output: str, write: Callable[[], int]) -> Written:
    began = time.perf_counter()
    rows = write()
    return Written(output, plan.outputs[output], rows, round(time.perf_counter() - began, 2))
