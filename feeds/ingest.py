"""Ingestion of one feed: land what is new, read it in its dialect, judge it by its contract, commit it once.

Each load is one Delta commit that carries the load's number; the ledger follows. The steps themselves live in
``landing``, ``reading``, ``dialect``, ``data_quality.acceptance`` and ``lake``.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from data_quality.acceptance import Acceptance, ExistingFiles, accept
from data_quality.contract import Contract, load_contract
from feeds.batch import Batch, by_day, read_batch
from feeds.failpoints import reach
from feeds.lake import Lake
from feeds.landing import land_source, restore_landing
from feeds.ledger import Ledger
from feeds.ledger_rows import COUNTS, LandedFile, commit_metadata
from feeds.locks import exclusive
from feeds.quarantine import discard_quarantine, write_quarantine
from feeds.report import FeedError, LoadRejected, LoadReport, merge_reports
from feeds.shop import Shop

MAX_LOAD_BYTES = 1_500_000_000


@dataclass(frozen=True)
class _Work:
    """What every load of one call shares."""

    shop: Shop
    contract: Contract
    folder: Path
    ledger: Ledger
    lake: Lake
    key: bytes
    now: datetime


def ingest_feed(
    shop: Shop,
    feed: str,
    home: Path,
    *,
    first_day: date | None = None,
    last_day: date | None = None,
    key: bytes,
    now: datetime | None = None,
    max_load_bytes: int = MAX_LOAD_BYTES,
) -> LoadReport:
    """Ingest what has arrived for a feed and give the account of it.

    ``home`` is the data home; the shop's folder is ``home/<shop>``. Only files whose name says a day within
    the range (or no day) are taken. ``key`` makes personal data unreadable, ``now`` bounds what can have
    happened. Nothing new, or a feed that the shop lacks, gives a report with ``skipped_reason``. Raises
    ``FeedError`` when the feed cannot be ingested; then nothing of the failing load is visible, and the next
    call takes its files again.
    """
    reason = shop.missing_reason(feed)
    if reason:
        return LoadReport(feed=feed, skipped_reason=reason)
    if not key:
        raise FeedError("The key for personal data is empty. Set it before anything is ingested.")
    folder = home / shop.name
    with exclusive(folder / "locks" / f"{feed}.lock"):
        ledger, lake = _opened(folder), Lake(folder / "lake")
        for number in ledger.catch_up(lake, feed):
            discard_quarantine(folder, feed, number)
        absent = _land(shop, feed, folder, ledger)
        pending = ledger.pending(feed, [s.name for s in shop.sources_of(feed)], first_day, last_day)
        if not pending:
            return LoadReport(feed=feed, skipped_reason=absent or "nothing new has arrived")
        work = _Work(shop, load_contract(feed), folder, ledger, lake, key, now or datetime.now(UTC))
        return merge_reports([_load(work, files) for files in _batches(pending, max_load_bytes)])


def _opened(folder: Path) -> Ledger:
    """The shop's ledger; one that was lost starts from what the landing folders say they hold."""
    lost = not (folder / "ledger.sqlite").exists()
    ledger = Ledger(folder / "ledger.sqlite")
    if lost:
        restore_landing(folder, ledger)
    return ledger


def _land(shop: Shop, feed: str, folder: Path, ledger: Ledger) -> str | None:
    """Land every source of the feed; gives why there may be nothing, when a folder is not there."""
    absent = None
    for source in shop.sources_of(feed):
        if source.path.exists():
            land_source(source, folder, ledger)
            continue
        if shop.data is None and "<feeds folder not given>" in str(source.path):
            raise FeedError(
                f"The shop {shop.name!r} reads from a feeds folder, but none was given. "
                "Name it with --feeds DIR."
            )
        if shop.data is not None and not shop.data.exists():
            raise FeedError(
                f"The feeds folder {shop.data} does not exist. "
                "Correct --feeds, or simulate feeds into it first."
            )
        absent = f"nothing has arrived for {feed}: there is no {source.path}"
    return absent


def _batches(pending: Sequence[LandedFile], max_bytes: int) -> list[list[LandedFile]]:
    batches: list[list[LandedFile]] = []
    size = 0
    for file in pending:
        if not batches or size + file.size > max_bytes:
            batches.append([])
            size = 0
        batches[-1].append(file)
        size += file.size
    return batches


def _load(work: _Work, files: list[LandedFile]) -> LoadReport:
    """One load: begun in the ledger, committed to the lake, finished in the ledger."""
    started, feed = time.monotonic(), work.contract.name
    number = work.ledger.begin(feed, files, work.lake.last_load_number("raw", feed) + 1)
    reach("after_load_begun")
    try:
        with _workspace(work.folder) as (con, scratch):
            report = _judged(work, con, scratch, number, files)
            report = replace(report, seconds=round(time.monotonic() - started, 3))
            limit = min(source.max_rejected_ratio for source in work.shop.sources_of(feed))
            if report.quarantined > limit * report.rows_read:
                work.ledger.finish(feed, number, "rejected", asdict(report))
                raise LoadRejected(report, limit)
            version = _commit(con, work, number, files, report)
    except LoadRejected:
        raise
    except BaseException:
        # A load that did commit is kept and told by its commit; catch_up completes it next time.
        if work.lake.last_load_number("raw", feed) < number:
            work.ledger.forget(feed, number)
            discard_quarantine(work.folder, feed, number)
        raise
    reach("after_delta_commit")
    report = replace(report, delta_version=version, seconds=round(time.monotonic() - started, 3))
    work.ledger.finish(feed, number, "done", asdict(report))
    reach("after_load_finished")
    return report


def _judged(
    work: _Work, con: duckdb.DuckDBPyConnection, scratch: Path, number: int, files: list[LandedFile]
) -> LoadReport:
    """Read and judge the files: bad rows go to the quarantine folder, good ones stand in ``accepted``."""
    feed = work.contract.name
    batch = read_batch(con, work.shop, feed, files, work.folder, scratch)
    existing = _existing(work.lake, work.contract)
    judged = accept(con, work.contract, "candidates", key=work.key, now=work.now, existing=existing)
    report = _report(feed, number, batch, judged, by_day(con, work.contract, work.shop.time_zone))
    report.check_conservation()
    batch.check_conservation(judged.candidates)
    write_quarantine(con, work.folder, feed, number, report.quarantined)
    reach("after_quarantine_written")
    return report


@contextmanager
def _workspace(folder: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A private DuckDB and a scratch folder, both gone afterwards."""
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="load-", dir=folder / "tmp"))
    con = duckdb.connect(config={"temp_directory": str(scratch / "spill"), "memory_limit": "4GB"})
    try:
        con.execute("set TimeZone = 'UTC'")
        yield con, scratch
    finally:
        con.close()
        shutil.rmtree(scratch, ignore_errors=True)


def _existing(lake: Lake, contract: Contract) -> ExistingFiles:
    def files(months: Sequence[str] | None) -> list[str]:
        if not lake.exists("raw", contract.name):
            return []
        return lake.files("raw", contract.name, partitions=None if months is None else {"_month": months})

    return files


def _report(feed: str, number: int, batch: Batch, judged: Acceptance, days: Mapping[date, int]) -> LoadReport:
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
        files=len(batch.names),
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


def _commit(
    con: duckdb.DuckDBPyConnection, work: _Work, number: int, files: list[LandedFile], report: LoadReport
) -> int:
    reach("before_delta_commit")
    contract = work.contract
    month = ", a._month" if contract.partition_by_month_of else ""
    columns = ", ".join(f'a."{name}"' for name in contract.column_names)
    rows = con.sql(
        f"select {columns}, {number}::bigint as _load_number, f.sha256 as _file_id, a._line{month} "
        "from accepted a join files f using (_file_id) "
        f"order by {'a._month, ' if month else ''}a._file_id, a._line"
    )
    told = {k: v for k, v in asdict(report).items() if k in ("seconds", "by_rule", *COUNTS)}
    return work.lake.append(
        "raw",
        contract.name,
        rows.to_arrow_reader(100_000),
        partition_by=("_month",) if month else (),
        load_number=number,
        metadata=commit_metadata(contract.name, number, files, told),
    )
