"""One load of one feed: files read and judged, their good rows committed once, the account of it kept.

A load is begun in the ledger, committed to the lake and finished in the ledger, in this order; whatever kills
it in between is put right by ``Ledger.catch_up``. Which files are due is ``ingest``'s concern.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb
from pydantic import ByteSize, TypeAdapter

from data_quality.acceptance import Acceptance, ExistingFiles, accept
from data_quality.acceptance_scan import ScanFailed
from data_quality.contract import Contract
from feeds.batch import Batch, by_day, read_batch
from feeds.failpoints import reach
from feeds.lake import Lake
from feeds.ledger import Ledger
from feeds.ledger_rows import COUNTS, DETAILS, LandedFile, commit_metadata
from feeds.limits import check_rejected, check_types, check_volume
from feeds.people import read_forgotten
from feeds.quarantine import discard_quarantine, write_quarantine
from feeds.refusals import FilesRefused
from feeds.report import LoadRejected, LoadReport
from feeds.scratch import private_scratch
from feeds.shop import Shop
from feeds.storing import commit_accepted
from feeds.vault import Vault

COMPACT_AT_FILES = 32
"""Files of one month (or of a table without months) that are written as one: a look for repeated keys opens
each of them, so their number bounds what a small load costs."""

BYTES_PER_THREAD = 125_000_000
"""What DuckDB's guide to performance asks for."""

_BYTES = TypeAdapter(ByteSize)


@dataclass(frozen=True)
class Work:
    """What every load of one call shares; ``folder`` is the shop's."""

    shop: Shop
    contract: Contract
    folder: Path
    ledger: Ledger
    lake: Lake
    key: bytes
    now: datetime
    vault: Vault
    memory_limit: str = "1GB"
    threads: int | None = None


def load_files(work: Work, files: list[LandedFile]) -> LoadReport:
    """Load these files once; ``LoadRejected`` when too much of them is bad, and then nothing is accepted."""
    started, feed = time.monotonic(), work.contract.name
    with begun(work, files) as number:
        try:
            report = _committed(work, number, files, may_scan=True)
        except ScanFailed:
            report = _committed(work, number, files, may_scan=False)
        reach("after_delta_commit")
        report = replace(report, seconds=round(time.monotonic() - started, 3))
        work.ledger.finish(feed, number, "done", asdict(report))
    reach("after_load_finished")
    return report


def _committed(work: Work, number: int, files: list[LandedFile], *, may_scan: bool) -> LoadReport:
    started, feed = time.monotonic(), work.contract.name
    with workspace(work) as (con, scratch):
        report, batch = _judged(work, con, scratch, number, files, may_scan)
        taken = _without_refused(work, number, files, report, batch)
        report = replace(report, seconds=round(time.monotonic() - started, 3))
        try:
            sources = work.shop.sources_of(feed)
            check_types(report, batch.modes)
            check_rejected(report, sources)
            report = check_volume(report, sources, work.contract, work.ledger.rows_by_day(feed))
        except LoadRejected as refused:
            work.ledger.finish(feed, number, "rejected", asdict(refused.report))
            raise
        version = commit_accepted(
            con,
            work.lake,
            work.contract,
            number=number,
            file_ids=[f.sha256 for f in files],
            metadata=commit_metadata(feed, number, taken, told_by(report)),
            variants=batch.variants,
        )
    return replace(report, delta_version=version)


@contextmanager
def begun(work: Work, files: Sequence[LandedFile]) -> Iterator[int]:
    """A load's number for the block; an error in it, unless the load has committed, leaves no trace of it."""
    feed = work.contract.name
    number = work.ledger.begin(feed, files, work.lake.last_load_number("raw", feed) + 1)
    # What an unknown load of this number had set aside, before the ledger was lost, is nobody's now.
    discard_quarantine(work.folder, feed, number)
    reach("after_load_begun")
    try:
        yield number
    except LoadRejected:
        raise
    except BaseException:
        # A load that did commit is kept and told by its commit; catch_up completes it next time.
        if work.lake.last_load_number("raw", feed) < number:
            work.ledger.forget(feed, number)
            discard_quarantine(work.folder, feed, number)
        raise


@contextmanager
def workspace(work: Work) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A private DuckDB and a scratch folder, both gone afterwards."""
    with private_scratch(work.folder) as scratch:
        config = {"temp_directory": str(scratch / "spill"), "memory_limit": work.memory_limit}
        if work.threads:
            config["threads"] = str(work.threads)
        con = duckdb.connect(config=config)  # type: ignore[arg-type]  # the stub wants wider values
        try:
            con.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
            _keep_to_memory(con)
            yield con, scratch
        finally:
            con.close()


def _keep_to_memory(con: duckdb.DuckDBPyConnection) -> None:
    """No more threads than there is memory for: what each holds while it writes is beyond the limit."""
    ((limit, threads),) = con.execute(
        "select current_setting('memory_limit'), current_setting('threads')"
    ).fetchall()
    enough_for = int(_BYTES.validate_python(limit)) // BYTES_PER_THREAD
    if enough_for < threads:
        con.execute(f"set threads = {max(enough_for, 1)}")


def judge(
    work: Work, con: duckdb.DuckDBPyConnection, number: int, batch: Batch, candidates: str = "candidates"
) -> LoadReport:
    """Judge the rows of a relation: good ones stand in ``accepted`` then, bad ones in ``quarantined``."""
    feed, existing = work.contract.name, _existing(work.lake, work.contract)
    judged = accept(
        con,
        work.contract,
        candidates,
        key=work.key,
        now=work.now,
        existing=existing,
        countries=work.shop.countries,
        forgotten=read_forgotten(work.folder),
        modes=batch.modes,
        unknown=batch.unknown,
        nested=batch.nested,
        scan=batch.scan,
    )
    batch.count_straight(con)
    batch.variants = judged.variants
    days = by_day(con, work.contract, work.shop.time_zone)
    report = _report(feed, number, batch, judged, days, work.contract.version)
    report.check_conservation()
    return report


def told_by(report: LoadReport) -> dict[str, object]:
    """What the Delta commit of a load says of it, beside its files."""
    told = asdict(report)
    told["by_day"] = {str(day): rows for day, rows in report.by_day.items()}
    return {name: told[name] for name in ("seconds", "by_rule", *COUNTS, *DETAILS)}


def compact_touched(work: Work, report: LoadReport) -> None:
    """Keep the number of files small in the months that a load wrote."""
    name = work.contract.name
    if not report.accepted:
        return
    if work.contract.partition_by_month_of is None:
        work.lake.compact("raw", name, {}, when_files=COMPACT_AT_FILES)
        return
    for month in work.lake.partition_values("raw", name, "_month", at_least_files=COMPACT_AT_FILES):
        work.lake.compact("raw", name, {"_month": month}, when_files=COMPACT_AT_FILES)


def _judged(
    work: Work,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    number: int,
    files: list[LandedFile],
    may_scan: bool,
) -> tuple[LoadReport, Batch]:
    """Read and judge the files, and put the bad rows into the quarantine folder."""
    feed = work.contract.name
    batch = read_batch(con, work.shop, feed, files, work.folder, scratch, work.vault, may_scan=may_scan)
    report = judge(work, con, number, batch)
    batch.check_conservation(report.rows_read - batch.duplicate_rows)
    write_quarantine(con, work.folder, feed, number, report.quarantined)
    reach("after_quarantine_written")
    return report, batch


def _without_refused(
    work: Work, number: int, files: list[LandedFile], report: LoadReport, batch: Batch
) -> list[LandedFile]:
    """The files that were read; refused ones are free again. Raises ``FilesRefused`` when none is left."""
    if not batch.refused:
        return files
    refused = {file.number for file in batch.refused}
    work.ledger.note_unreadable([files[n] for n in sorted(refused)])
    if len(refused) == len(files):
        raise FilesRefused(replace(report, files=0), [file.reason for file in batch.refused])
    work.ledger.release(work.contract.name, number, [files[n] for n in sorted(refused)])
    return [file for n, file in enumerate(files) if n not in refused]


def _existing(lake: Lake, contract: Contract) -> ExistingFiles:
    def files(months: Sequence[str] | None) -> list[str]:
        if not lake.exists("raw", contract.name):
            return []
        return lake.files("raw", contract.name, partitions=None if months is None else {"_month": months})

    return files


def _report(
    feed: str, number: int, batch: Batch, judged: Acceptance, days: Mapping[date, int], version: str
) -> LoadReport:
    examples = tuple(
        {
            "file": batch.names[int(e["file_number"] or 0)],
            **{k: v for k, v in e.items() if k != "file_number"},
        }
        for e in judged.examples
    )
    return LoadReport(
        feed=feed,
        load_number=number,
        loads=(number,),
        contract=f"{feed} {version}",
        files=len(batch.names) - len(batch.refused),
        refused=tuple({"file": f.name, "reason": f.reason} for f in batch.refused),
        source_rows=batch.source_rows,
        rows_read=judged.candidates + batch.duplicate_rows,
        accepted=judged.accepted,
        deduplicated=judged.deduplicated + batch.duplicate_rows,
        quarantined=judged.quarantined,
        filtered=judged.filtered,
        by_rule=judged.by_rule,
        by_filter=judged.by_filter,
        examples=examples,
        drift=tuple(batch.drift),
        by_day=days,
    )
