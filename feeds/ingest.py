"""Ingestion of one feed: land what is new, read it in its dialect, judge it by its contract, commit it once.

Each load is one Delta commit that carries the load's number; the ledger follows. Which files are due is said
here; one load of them is ``loading``'s concern.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from data_quality.contract import load_contract
from feeds.connectors.pull import land_pull
from feeds.lake import Lake
from feeds.landing import land_source, restore_landing
from feeds.ledger import Ledger
from feeds.ledger_rows import LandedFile
from feeds.loading import Work, compact_touched, load_files
from feeds.locks import exclusive
from feeds.originals import delete_taken, settle_originals
from feeds.quarantine import discard_quarantine
from feeds.refusals import FilesRefused
from feeds.report import FeedError, LandingError, LoadReport, merge_reports
from feeds.shop import Shop
from feeds.vault import Vault

MAX_LOAD_BYTES = 1_500_000_000


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
    vault: Vault | None = None,
    memory_limit: str = "1GB",
    threads: int | None = None,
) -> LoadReport:
    """Ingest what has arrived for a feed and give the account of it.

    ``home`` is the data home; the shop's folder is ``home/<shop>``. Only files whose name says a day within
    the range (or no day) are taken. ``key`` makes personal data unreadable and, where no ``vault`` is given,
    seals the landed originals; ``now`` bounds what can have happened. Nothing new, or a feed that the shop
    lacks, gives a report with ``skipped_reason``. Raises ``FeedError`` when the feed cannot be ingested; then
    nothing of the failing load is visible, and the next call takes its files again; ``FilesRefused`` when
    single files cannot be read: the others are loaded.
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
        vault = vault or Vault.of(key)
        absent, refused = _land(shop, feed, folder, ledger, vault)
        pending = ledger.pending(feed, [s.name for s in shop.sources_of(feed)], first_day, last_day)
        if not pending:
            ledger.note_refused(feed, refused)
            if refused:
                raise FilesRefused(LoadReport(feed=feed), refused)
            return LoadReport(feed=feed, skipped_reason=absent or "nothing new has arrived")
        work = Work(
            shop,
            load_contract(feed),
            folder,
            ledger,
            lake,
            key,
            now or datetime.now(UTC),
            vault,
            memory_limit,
            threads,
        )
        try:
            reports = []
            for files in _batches(shop, pending, max_load_bytes):
                try:
                    reports.append(load_files(work, files))
                except FilesRefused as none_left:
                    reports.append(none_left.report)
            report = merge_reports(reports)
            compact_touched(work, report)
            refused += [file["reason"] for file in report.refused]
            ledger.note_refused(feed, refused)
            if refused:
                raise FilesRefused(report, refused)
            return report
        finally:
            if vault.resting == "deleted":
                for source in shop.sources_of(feed):
                    delete_taken(folder, source, ledger)


def _opened(folder: Path) -> Ledger:
    """The shop's ledger; one that was lost starts from what the landing folders say they hold."""
    lost = not (folder / "ledger.sqlite").exists()
    ledger = Ledger(folder / "ledger.sqlite")
    if lost:
        restore_landing(folder, ledger)
    return ledger


def _land(shop: Shop, feed: str, folder: Path, ledger: Ledger, vault: Vault) -> tuple[str | None, list[str]]:
    """Land every source of the feed; gives why there may be nothing (when a folder is not there), and why
    files were refused, which stop no others.
    """
    absent, refused = None, []
    for source in shop.sources_of(feed):
        settle_originals(folder, source.name, vault)
        if source.is_pulled:
            land_pull(source, feed, folder, ledger, vault=vault)
            continue
        if source.exists:
            try:
                land_source(source, folder, ledger, vault=vault)
            except LandingError as unreadable:
                refused.append(str(unreadable))
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
    return absent, refused


def _batches(shop: Shop, pending: Sequence[LandedFile], max_bytes: int) -> list[list[LandedFile]]:
    """The files of each load, in their order; a load is of one dialect."""
    dialects = {source.name: source.dialect for source in shop.sources}
    batches: list[list[LandedFile]] = []
    size, dialect = 0, None
    for file in pending:
        spoken = dialects[file.source]
        if not batches or size + file.size > max_bytes or spoken != dialect:
            batches.append([])
            size, dialect = 0, spoken
        batches[-1].append(file)
        size += file.size
    return batches
