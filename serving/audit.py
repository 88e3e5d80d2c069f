"""Judging a candidate before anybody sees it: the served contracts, and a comparison with what is live.

Pure questions to read-only files; nothing is moved, deleted or repaired here (see ``publish``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from data_quality.contract import all_contracts
from serving.audit_rows import SERVED_SCHEMA, Finding, row_findings
from serving.candidate import Candidate
from serving.duck import open_hardened
from serving.generations import SERVE_FILE, Manifest, TableEntry


@dataclass(frozen=True)
class AuditPolicy:
    """How far a generation may differ from the live one.

    A table that the contract calls steady may lose at most ``max_loss_ratio`` of its rows once it has
    ``min_rows`` of them, and may never become empty; expected demand may grow
    ``max_growth_factor``-fold at most.
    """

    max_loss_ratio: float = 0.5
    min_rows: int = 20
    max_growth_factor: float = 10.0
    allow_older_as_of: bool = False


def audit(
    candidate: Candidate, live: Manifest | None, live_folder: Path | None, policy: AuditPolicy | None = None
) -> list[Finding]:
    """Everything that forbids publishing the candidate over the live generation; empty when nothing does."""
    policy = policy or AuditPolicy()
    manifest = candidate.manifest
    findings = list(_time_findings(manifest, live, policy))
    findings += _absent_tables(manifest)
    with closing(open_hardened(candidate.serve_file)) as connection:
        findings += row_findings(connection, manifest)
        for entry in manifest.tables:
            findings += _volume_findings(entry, live, manifest, policy)
        findings += _growth_findings(connection, live, live_folder, policy)
    return findings


def _absent_tables(manifest: Manifest) -> Iterator[Finding]:
    for contract in all_contracts("served"):
        name = f"{SERVED_SCHEMA}.{contract.name}"
        if manifest.table(name) is None and name not in manifest.skipped:
            yield Finding(name, "table_exists", "the table is missing and was not declared as skipped")


def _time_findings(manifest: Manifest, live: Manifest | None, policy: AuditPolicy) -> Iterator[Finding]:
    if live and manifest.run.shop != live.run.shop:
        detail = f"this is shop {manifest.run.shop!r}, but the live generation is of shop {live.run.shop!r}"
        yield Finding("generation", "same_shop", detail)
    elif live and manifest.run.as_of < live.run.as_of and not policy.allow_older_as_of:
        detail = (
            f"as of {manifest.run.as_of}, but the live generation is as of {live.run.as_of}; "
            "allow an older as_of to go back on purpose"
        )
        yield Finding("generation", "as_of_not_older", detail)


def _volume_findings(
    entry: TableEntry, live: Manifest | None, manifest: Manifest, policy: AuditPolicy
) -> Iterator[Finding]:
    before = live.table(entry.name) if live else None
    if (
        before is None
        or not before.rows
        or entry.name in manifest.skipped
        or entry.table in _varying_tables()
    ):
        return
    if not entry.rows:
        yield Finding(
            entry.name, "rows_remain", f"the live generation has {before.rows} rows, this one has none"
        )
    elif before.rows >= policy.min_rows and entry.rows < before.rows * (1 - policy.max_loss_ratio):
        detail = f"{entry.rows} rows, but the live generation has {before.rows}"
        yield Finding(entry.name, "rows_remain", f"{detail}: more than {policy.max_loss_ratio:.0%} lost")


def _growth_findings(
    connection: duckdb.DuckDBPyConnection,
    live: Manifest | None,
    live_folder: Path | None,
    policy: AuditPolicy,
) -> Iterator[Finding]:
    """Expected demand in total does not explode from one generation to the next."""
    if live is None or live_folder is None:
        return
    with closing(open_hardened(live_folder / SERVE_FILE)) as before_connection:
        before, now = _demand_per_row(before_connection), _demand_per_row(connection)
    if before and now and now > before * policy.max_growth_factor:
        detail = f"mean expected demand is {now:.2f} units a period, {now / before:.0f} times the live one"
        yield Finding(f"{SERVED_SCHEMA}.demand_forecasts", "demand_plausible", detail)


def _demand_per_row(connection: duckdb.DuckDBPyConnection) -> float | None:
    try:
        row = connection.execute(f"select avg(units_mean) from {SERVED_SCHEMA}.demand_forecasts").fetchone()
    except duckdb.CatalogException:
        return None
    return row[0] if row else None


def _varying_tables() -> set[str]:
    """Served tables whose size is no sign of health: a queue may be worked off, nothing may need ordering."""
    return {contract.name for contract in all_contracts("served") if contract.volume == "varies"}
