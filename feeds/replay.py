"""Replay of the quarantine: lines that were set aside are read again from the originals and judged anew.

What the present dialect and contract find good becomes a load of its own; the rest stays set aside. Which
rows a replay released, to what end, when and by whom is kept beside the quarantine. Ordinary loads are not
done here (see ``loading``).
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from data_quality.contract import load_contract
from feeds.batch import read_batch
from feeds.failpoints import reach
from feeds.lake import Lake
from feeds.ledger import Ledger
from feeds.ledger_rows import LandedFile, commit_metadata
from feeds.loading import Work, begun, judge, told_by, workspace
from feeds.locks import exclusive
from feeds.quarantine import discard_quarantine, open_rows, write_releases
from feeds.report import FeedError, LoadReport
from feeds.shop import Shop
from feeds.storing import commit_accepted
from feeds.vault import Vault


def replay_quarantine(
    shop: Shop,
    feed: str,
    home: Path,
    *,
    key: bytes,
    by: str,
    now: datetime | None = None,
    vault: Vault | None = None,
    memory_limit: str = "1GB",
) -> LoadReport:
    """Judge a feed's quarantined rows again and load those that are good now; gives the account of them.

    ``by`` is who asked, for the audit. Without an open row, or with none that is good now, nothing is
    written and ``skipped_reason`` says so; doing it again changes nothing. Raises ``FeedError`` when the
    originals of all open rows are gone.
    """
    reason = shop.missing_reason(feed)
    if reason:
        return LoadReport(feed=feed, skipped_reason=reason)
    folder, now = home / shop.name, now or datetime.now(UTC)
    with exclusive(folder / "locks" / f"{feed}.lock"):
        ledger, lake = Ledger(folder / "ledger.sqlite"), Lake(folder / "lake")
        for number in ledger.catch_up(lake, feed):
            discard_quarantine(folder, feed, number)
        rows = open_rows(folder, feed, ledger.done_loads(feed))
        if not rows.num_rows:
            return LoadReport(feed=feed, skipped_reason=f"no quarantined row of {feed} is open")
        files = _originals(shop, feed, folder, ledger, rows)
        contract, sealed = load_contract(feed), vault or Vault.of(key)
        work = Work(shop, contract, folder, ledger, lake, key, now, sealed, memory_limit)
        with workspace(work) as (con, scratch):
            return _replayed(work, con, scratch, files, rows, by)


def _originals(shop: Shop, feed: str, folder: Path, ledger: Ledger, rows: pa.Table) -> list[LandedFile]:
    """The landed files of open rows that are still there, one for each content."""
    sources = {source.name for source in shop.sources_of(feed)}
    wanted = set(rows["file_id"].to_pylist())
    known: dict[str, LandedFile] = {}
    for file in ledger.landed():
        if file.sha256 in wanted and file.source in sources and (folder / file.path).exists():
            known.setdefault(file.sha256, file)
    if not known:
        raise FeedError(
            f"{feed}: {rows.num_rows} quarantined rows are open, but their landed originals are gone. "
            "Send the files again; rows that are in the lake already are not doubled."
        )
    return [known[address] for address in sorted(known)]


def _replayed(
    work: Work,
    con: duckdb.DuckDBPyConnection,
    scratch: Path,
    files: list[LandedFile],
    rows: pa.Table,
    by: str,
) -> LoadReport:
    feed = work.contract.name
    batch = read_batch(con, work.shop, feed, files, work.folder, scratch, work.vault)
    con.register("open_rows", rows)
    con.execute(
        """
        create temp table replayed as
        select distinct f._file_id, r.line as _line from open_rows r join files f on r.file_id = f.sha256;
        delete from rejects where (_file_id, _line) not in (select (_file_id, _line) from replayed);
        create temp view replayed_candidates as
        select * from candidates semi join replayed using (_file_id, _line)
        """
    )
    batch.duplicate_rows = 0
    report = judge(work, con, 0, batch, "replayed_candidates")
    report = replace(report, source_rows=report.rows_read)
    con.execute(_OUTCOMES_SQL)
    released = con.execute("select count(*) from outcomes").fetchone()
    if not released or not released[0]:
        return replace(
            report,
            load_number=None,
            loads=(),
            skipped_reason=f"none of {report.rows_read} quarantined rows of {feed} keeps the contract yet",
        )
    with begun(work, []) as number:
        report = replace(report, load_number=number, loads=(number,))
        write_releases(con, work.folder, feed, number, by=by, at=work.now)
        reach("after_quarantine_written")
        version = commit_accepted(
            con,
            work.lake,
            work.contract,
            number=number,
            file_ids=[f.sha256 for f in files],
            metadata=commit_metadata(feed, number, [], told_by(report)),
            variants=batch.variants,
        )
        reach("after_delta_commit")
        report = replace(report, delta_version=version)
        work.ledger.finish(feed, number, "done", asdict(report))
    reach("after_load_finished")
    return report


# A line that the dialect no longer makes a row of stays open: nobody has judged it.
_OUTCOMES_SQL = """
create temp table outcomes as
select r._file_id, r._line,
    case
        when bool_or(a._line is not null) then 'accepted'
        when bool_or(j._filtered is not null) then 'filtered'
        else 'deduplicated'
    end as outcome
from replayed r
join judged j using (_file_id, _line)
left join accepted a using (_file_id, _line)
anti join quarantined q on q._file_id = r._file_id and q._line = r._line
group by all
"""
