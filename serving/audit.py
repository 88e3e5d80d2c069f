"""Judging a candidate before anybody sees it: the served contracts, and a comparison with what is live.

Pure questions to read-only files; nothing is moved, deleted or repaired here (see ``publish``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb

from data_quality.contract import Column, Contract, all_contracts
from data_quality.personal import personal_column_names
from serving.candidate import Candidate
from serving.duck import identifier, literal, open_hardened
from serving.generations import SERVE_FILE, Manifest, TableEntry

SERVED_SCHEMA = "serving"
_QUANTILE = re.compile(r"units_p(\d+)")
_HASHED = "^[0-9a-f]{16,128}$"
_EMAIL = r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"
_ROUNDING = 1e-9


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


@dataclass(frozen=True)
class Finding:
    """One reason why a candidate may not go live."""

    table: str
    rule: str
    detail: str

    def __str__(self) -> str:
        """The finding as one line for a message."""
        return f"{self.table}: {self.rule}: {self.detail}"


def audit(
    candidate: Candidate, live: Manifest | None, live_folder: Path | None, policy: AuditPolicy | None = None
) -> list[Finding]:
    """Everything that forbids publishing the candidate over the live generation; empty when nothing does."""
    policy = policy or AuditPolicy()
    manifest = candidate.manifest
    findings = list(_time_findings(manifest, live, policy))
    with closing(open_hardened(candidate.serve_file)) as connection:
        for contract in all_contracts("served"):
            entry = manifest.table(f"{SERVED_SCHEMA}.{contract.name}")
            findings += _contract_findings(connection, contract, entry, manifest)
        for entry in manifest.tables:
            findings += _personal_findings(connection, entry)
            findings += _volume_findings(entry, live, manifest, policy)
        findings += _growth_findings(connection, live, live_folder, policy)
    return findings


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


def _contract_findings(
    connection: duckdb.DuckDBPyConnection, contract: Contract, entry: TableEntry | None, manifest: Manifest
) -> list[Finding]:
    name = f"{SERVED_SCHEMA}.{contract.name}"
    if entry is None:
        if name in manifest.skipped:
            return []
        return [Finding(name, "table_exists", "the table is missing and was not declared as skipped")]
    columns = list(_column_findings(contract, entry))
    if columns or not entry.rows:
        return columns
    return [
        *_value_findings(connection, contract, entry, manifest),
        *_key_findings(connection, contract, entry),
    ]


def _column_findings(contract: Contract, entry: TableEntry) -> Iterator[Finding]:
    expected = {column.name: column.type for column in contract.columns}
    for column in sorted(set(expected) | set(entry.columns)):
        if column not in entry.columns:
            yield Finding(entry.name, "columns_match_contract", f"column {column} is missing")
        elif column not in expected:
            yield Finding(entry.name, "columns_match_contract", f"column {column} is not in the contract")
        elif entry.columns[column].lower() != expected[column]:
            found = entry.columns[column].lower()
            detail = f"column {column} is {found}, but the contract says {expected[column]}"
            yield Finding(entry.name, "columns_match_contract", detail)


def _value_findings(
    connection: duckdb.DuckDBPyConnection, contract: Contract, entry: TableEntry, manifest: Manifest
) -> Iterator[Finding]:
    """All row rules of a table, counted in one scan."""
    rules = [rule for column in contract.columns for rule in _column_rules(column)]
    rules += _quantile_rules(contract)
    as_of = literal(manifest.run.as_of.isoformat())
    rules.append(
        ("as_of_known", f"as_of > date {as_of}", f"as_of is later than the run's, {manifest.run.as_of}")
    )
    counts = ", ".join(f"count(*) filter (where {condition})" for _, condition, _ in rules)
    table = identifier(entry.schema, entry.table)
    row = connection.execute(f"select {counts} from {table}").fetchone() or ()
    for (rule, _, meaning), count in zip(rules, row, strict=True):
        if count:
            yield Finding(entry.name, rule, f"{meaning} in {count} of {entry.rows} rows")


def _column_rules(column: Column) -> Iterator[tuple[str, str, str]]:
    """Rule name, SQL condition of an offending row, and what it means, for each thing the contract says."""
    name = identifier(column.name)
    if column.required:
        yield "required", f"{name} is null", f"{column.name} is null"
    if column.type == "double":
        yield "finite", f"not isfinite({name})", f"{column.name} is not a finite number"
    if column.minimum is not None:
        yield "minimum", f"{name} < {column.minimum}", f"{column.name} is below {column.minimum}"
    if column.maximum is not None:
        yield "maximum", f"{name} > {column.maximum}", f"{column.name} is above {column.maximum}"
    if column.max_length is not None:
        meaning = f"{column.name} is longer than {column.max_length} characters"
        yield "max_length", f"length({name}) > {column.max_length}", meaning
    if column.pattern is not None:
        condition = f"not regexp_matches({name}, {literal(column.pattern)})"
        yield "pattern", condition, f"{column.name} does not match {column.pattern}"
    if column.allowed:
        values = ", ".join(literal(value) for value in column.allowed)
        yield "allowed", f"{name} not in ({values})", f"{column.name} is none of {', '.join(column.allowed)}"


def _quantile_rules(contract: Contract) -> list[tuple[str, str, str]]:
    """A higher quantile of the same row is never below a lower one (units_p975 is the 97.5 % quantile)."""
    levels = {c.name: float(f"0.{m[1]}") for c in contract.columns if (m := _QUANTILE.fullmatch(c.name))}
    ordered = sorted(levels, key=lambda name: levels[name])
    return [
        ("quantiles_rise", f"{identifier(low)} > {identifier(high)} + {_ROUNDING}", f"{low} is above {high}")
        for low, high in pairwise(ordered)
    ]


def _key_findings(
    connection: duckdb.DuckDBPyConnection, contract: Contract, entry: TableEntry
) -> Iterator[Finding]:
    key = ", ".join(identifier(name) for name in contract.key)
    repeated = connection.execute(
        f"select {key}, count(*) over () as n_keys from {identifier(entry.schema, entry.table)} "
        f"group by {key} having count(*) > 1 order by {key} limit 5"
    ).fetchall()
    if repeated:
        shown = "; ".join(str(row[:-1]) for row in repeated)
        yield Finding(
            entry.name, "key_unique", f"{repeated[0][-1]} keys ({', '.join(contract.key)}) repeat: {shown}"
        )


def _personal_findings(connection: duckdb.DuckDBPyConnection, entry: TableEntry) -> Iterator[Finding]:
    """Columns tagged personal may leave only as hashes, and no text column may hold an e-mail address."""
    personal = personal_column_names()
    rules = []
    for column, kind in entry.columns.items():
        name = identifier(column)
        if column in personal:
            condition = f"not regexp_matches({name}::varchar, '{_HASHED}')"
            rules.append((condition, f"column {column} holds {personal[column]} in clear"))
        elif kind == "VARCHAR":
            condition = f"contains({name}, '@') and regexp_matches({name}, {literal(_EMAIL)})"
            rules.append((condition, f"column {column} holds e-mail addresses"))
    if not rules or not entry.rows:
        return
    counts = ", ".join(f"count(*) filter (where {condition})" for condition, _ in rules)
    row = connection.execute(f"select {counts} from {identifier(entry.schema, entry.table)}").fetchone() or ()
    for (_, meaning), count in zip(rules, row, strict=True):
        if count:
            yield Finding(entry.name, "no_personal_data", f"{meaning} in {count} of {entry.rows} rows")


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
