"""The jobs of one launch in one Spark session: read, compute, write, count. The thinking is elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from data_quality.contract import load_contract
from transforms.bots import judged, of_bots, of_people, without_bots
from transforms.changes import Changes, find_changes
from transforms.interactions import daily_interactions
from transforms.pairs import pair_days, summed_pairs
from transforms.plan import OUTPUTS_OF_JOB, Plan
from transforms.session import start_session
from transforms.sessions import DAY, moment, summarise, with_sessions
from transforms.tables import PAIR_DAYS, WHOLE, read_files, read_output, write_aside, write_empty

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
    "pair_days": ("events", "order_lines"),
    "item_pairs": ("events", "order_lines"),
    "daily_interactions": ("events",),
}
# Each of these reads what another has written or kept, and so comes after it.
AFTER = {"item_pairs": "pair_days"}


InSession = Callable[[Plan], AbstractContextManager[SparkSession]]
"""Gives the session that a plan is carried out in."""


def input_bytes_of(plan: Plan) -> int:
    """The size of a plan's local input files."""
    local = [path for files in plan.inputs.values() for path in files.paths if "://" not in path]
    return sum(Path(path).stat().st_size for path in local)


@contextmanager
def own_session(plan: Plan) -> Iterator[SparkSession]:
    """A session for one launch, stopped after it."""
    spark = start_session(
        plan.scratch, partitions=plan.run.shuffle_partitions, input_bytes=input_bytes_of(plan)
    )
    try:
        yield spark
    finally:
        spark.stop()


@dataclass(frozen=True)
class Written:
    """One table written aside: where, how many rows, and how long it took."""

    output: str
    folder: str
    rows: int
    seconds: float


def run_jobs(
    plan: Plan,
    jobs: tuple[str, ...],
    report: Callable[[Written], None],
    session: InSession = own_session,
) -> dict[str, Any]:
    """Run the jobs and write their tables; the counts and seconds by table, and the seconds of the whole.

    A table whose feeds the shop lacks is written empty. Where that is all, no Java is started. Where the plan
    says what the tables held before, only the rows of the days that changed are written.
    """
    began = time.perf_counter()
    outputs = [output for job in jobs for output in OUTPUTS_OF_JOB[job]]
    plan, changes = _narrowed(plan)
    if changes is not None and not changes.days:
        outputs = [output for output in outputs if output in WHOLE]
    given = {name for name, files in plan.inputs.items() if files.paths}
    fed = [output for output in outputs if not given.isdisjoint(INPUTS_OF_OUTPUT[output])]
    written = []
    for output in outputs:
        if output not in fed:
            written.append(_timed(plan, output, partial(_empty, plan, output)))
            report(written[-1])
    start_seconds = 0.0
    if fed:
        with session(plan) as spark:
            start_seconds = time.perf_counter() - began
            for done in _all_written(plan, fed, Tables(spark, plan, changes)):
                written.append(done)
                report(done)
    return {
        "as_of": plan.as_of.isoformat(),
        "outputs": {w.output: {"folder": w.folder, "rows": w.rows, "seconds": w.seconds} for w in written},
        "days": None if changes is None else [day.isoformat() for day in changes.days],
        "business_days": None if changes is None else [day.isoformat() for day in changes.business_days],
        "start_seconds": round(start_seconds, 2),
        "seconds": round(time.perf_counter() - began, 2),
    }


class Tables:
    """The tables of a launch, made on demand; what several of them share is computed once and kept."""

    def __init__(self, spark: SparkSession, plan: Plan, changes: Changes | None = None) -> None:
        self.spark, self.plan, self.changes = spark, plan, changes
        events = self._read("events", EVENT_COLUMNS, "occurred_at")
        self.order_lines = self._read("order_lines", ORDER_LINE_COLUMNS, "ordered_at")
        self.session_events: DataFrame | None = None
        if events is not None:
            all_events = with_sessions(events, plan.sessions).persist()
            self.all_sessions = judged(summarise(all_events), plan.bots).persist()
            self.session_events = without_bots(all_events, of_bots(self.all_sessions))

    def make(self, output: str) -> DataFrame:
        """The table of that name (its rebuilt days only, where not all changed), before it takes its form."""
        if output == "item_pairs":
            return summed_pairs(self._all_pair_days(), self.plan.as_of_end, self.plan.pairs)
        if output == PAIR_DAYS:
            return self._of_days(pair_days(self.session_events, self.order_lines, self.plan.pairs))
        if self.session_events is None:
            raise ValueError(f"{output} needs the events feed, but the plan gives no files of it.")
        if output == "session_events":
            return self._of_days(self.session_events)
        if output == "daily_interactions":
            return self._of_days(daily_interactions(self.session_events))
        return self._of_days((of_bots if output == "bot_sessions" else of_people)(self.all_sessions))

    def _all_pair_days(self) -> DataFrame:
        """Those written by this launch, or computed where it has written none, and those kept from before."""
        folder = self.plan.outputs.get(PAIR_DAYS)
        parts = []
        if folder and Path(folder).exists():
            parts.append(read_output(self.spark, PAIR_DAYS, [folder]))
        elif self.changes is None or self.changes.days:
            parts.append(self.make(PAIR_DAYS))
        if self.changes is not None and self.plan.since is not None:
            kept = read_output(self.spark, PAIR_DAYS, self.plan.since.tables[PAIR_DAYS].paths)
            parts.append(kept.where(~F.col(DAY).isin(*self.changes.days)) if self.changes.days else kept)
        return parts[0] if len(parts) == 1 else parts[0].unionByName(parts[1])

    def _of_days(self, rows: DataFrame) -> DataFrame:
        return rows if self.changes is None else rows.where(F.col(DAY).isin(*self.changes.days))

    def _read(self, name: str, columns: tuple[str, ...], at: str) -> DataFrame | None:
        files = self.plan.inputs.get(name)
        if files is None or not files.paths:
            return None
        rows = read_files(self.spark, load_contract(name), files, columns)
        return rows.where(F.col(at) < moment(self.plan.as_of_end))


def _narrowed(plan: Plan) -> tuple[Plan, Changes | None]:
    """The plan with the rows that changed days are made of as its inputs, and these days; or as it was."""
    if plan.since is None:
        return plan, None
    changes = find_changes(
        plan.inputs,
        plan.since,
        plan.as_of_end,
        plan.sessions.gap_minutes,
        {"events": EVENT_COLUMNS, "order_lines": ORDER_LINE_COLUMNS},
        plan.scratch / "changed",
    )
    if len(changes.days) > plan.run.rebuild_share * changes.n_days:
        return plan, None
    return replace(plan, inputs=changes.inputs), changes


def _all_written(plan: Plan, outputs: list[str], tables: Tables) -> Iterator[Written]:
    """Write the first table, which makes what the others share; then those, two at a time.

    While Spark plans one query it leaves the cores to the other: a day of a shop is more planning than work.
    """
    first, rest = outputs[0], [output for output in outputs[1:] if output not in AFTER]
    last = [output for output in outputs[1:] if output in AFTER]
    yield _timed(plan, first, partial(_write, plan, first, tables))
    with ThreadPoolExecutor(max_workers=TABLES_AT_A_TIME) as pool:
        begun = {pool.submit(_timed, plan, name, partial(_write, plan, name, tables)) for name in rest}
        while begun:
            future = next(as_completed(begun))
            begun.discard(future)
            done = future.result()
            ready = [name for name in last if AFTER[name] == done.output or AFTER[name] not in outputs]
            begun |= {pool.submit(_timed, plan, n, partial(_write, plan, n, tables)) for n in ready}
            last = [name for name in last if name not in ready]
            yield done


def _write(plan: Plan, output: str, tables: Tables) -> int:
    return write_aside(tables.make(output), output, plan.outputs[output], plan.run.output_files)


def _empty(plan: Plan, output: str) -> int:
    write_empty(output, plan.outputs[output])
    return 0


def _timed(plan: Plan, output: str, write: Callable[[], int]) -> Written:
    began = time.perf_counter()
    rows = write()
    return Written(output, plan.outputs[output], rows, round(time.perf_counter() - began, 2))
