"""Acceptance: the row-level split of a batch into accepted, deduplicated, quarantined and filtered, by the
contract.

Set-based SQL over one DuckDB connection; every row goes exactly one way. Where the rows came from and where
they are stored is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import duckdb

from data_quality.acceptance_drift import DriftModes, drift_cast, drift_rules, variants
from data_quality.acceptance_duplicates import judge_duplicates
from data_quality.acceptance_quarantine import fill_quarantine
from data_quality.acceptance_rules import Rule, literal, quoted
from data_quality.acceptance_scan import Scan, ScanFailed
from data_quality.contract import Column, Contract
from data_quality.forgotten import NOBODY, Forgotten, leave_out_forgotten
from data_quality.free_text import free_text_columns, mask_free_text
from data_quality.pseudonyms import hash_personal, pseudonym

__all__ = ["Acceptance", "ExistingFiles", "accept", "pseudonym"]

EXAMPLES = 5

# Gives the Parquet files of the stored table whose rows may share keys with months YYYY-MM (all, when None).
ExistingFiles = Callable[[Sequence[str] | None], Sequence[str]]


@dataclass(frozen=True)
class Acceptance:
    """Counts of a judged batch; the rows stand in the relations ``accepted`` and ``quarantined`` of the
    connection.
    """

    candidates: int
    accepted: int
    deduplicated: int
    quarantined: int
    filtered: int
    by_rule: dict[str, int] = field(default_factory=dict)
    by_filter: dict[str, int] = field(default_factory=dict)
    examples: tuple[dict[str, str | int | None], ...] = ()
    variants: tuple[str, ...] = ()


def accept(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    candidates: str,
    *,
    key: bytes,
    now: datetime,
    existing: ExistingFiles = lambda months: (),
    countries: Sequence[str] = (),
    forgotten: Forgotten = NOBODY,
    modes: DriftModes | None = None,
    unknown: Sequence[str] = (),
    nested: bool = False,
    scan: Scan | None = None,
) -> Acceptance:
    """Judge the rows of relation ``candidates`` and leave relations ``accepted`` and ``quarantined``.

    The database is this load's own: ``accepted`` is no temporary relation, so that other connections of the
    process to the same database can read it.

    Candidates have any of the contract's columns as text or typed, ``_file_id``, ``_line`` and optionally
    ``_filtered`` (why the contract leaves the row out). A relation ``rejects`` (_file_id, _line, rule,
    message, raw) is added to the quarantine where it exists. Personal columns are replaced by a keyed hash,
    rows of ``forgotten`` customers are left out or unlinked, personal data in free text is masked
    (``countries`` say whose phone numbers are known without a country code); ``now`` bounds what has
    happened. A ``scan`` says what is known of candidates that are read while they are judged; ``ScanFailed``
    when that does not hold after all.
    """
    con.execute("set TimeZone = 'UTC'")
    modes = modes or DriftModes()
    rules, kept_aside = drift_rules(contract, modes, unknown, nested), variants(contract, modes, unknown)
    con.execute("set variable acceptance_now = ?::timestamptz", [now])
    if scan and not scan.has_nul:
        rules = [rule for rule in rules if not rule.name.endswith("_contains_nul")]
    judging = _judge_sql(
        con,
        contract,
        candidates,
        rules,
        modes,
        unknown,
        trimmed=bool(scan and scan.is_trimmed),
        nested=nested,
    )
    line = _judged_lines(con, judging, scan)
    leave_out_forgotten(con, contract, forgotten, key)
    hash_personal(con, contract, key)
    mask_free_text(con, "judged", (*free_text_columns(contract), *kept_aside), countries)
    kept = ", ".join(quoted(name) for name in (*contract.column_names, *kept_aside))
    con.execute(
        f"create view good as select {kept}, _file_id, {line} as _line, rowid as row_id from judged "
        "where _rule is null and _filtered is null"
    )
    # Rows of the table, which ``clean`` ones are compared with, may hold what an older contract allowed.
    as_text = ", ".join(f"{quoted(name)}::varchar as {quoted(name)}" for name in _listed_types(contract))
    con.execute(f"create view clean as select * {f'replace ({as_text})' if as_text else ''} from good")
    judge_duplicates(con, contract, existing(_months(con, contract)))
    con.execute(_accepted_sql(con, contract))
    fill_quarantine(con, contract, rules, line)
    return replace(_counts(con), variants=_filled(con, list(kept_aside)))


def _judged_lines(con: duckdb.DuckDBPyConnection, judging: str, scan: Scan | None) -> str:
    """Create table ``judged``; gives the line of each of its rows, as SQL."""
    if scan is None:
        con.execute(judging)
        return "_line"
    try:
        con.execute(judging)
    except duckdb.Error as broken:
        raise ScanFailed(str(broken)) from broken
    return scan.settle()


def _filled(con: duckdb.DuckDBPyConnection, names: list[str]) -> tuple[str, ...]:
    """Variant columns that hold anything."""
    if not names:
        return ()
    counts = ", ".join(f"count({quoted(name)})" for name in names)
    row = con.execute(f"select {counts} from accepted").fetchone() or ()
    return tuple(name for name, n in zip(names, row, strict=True) if n)


def _judge_sql(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    candidates: str,
    rules: list[Rule],
    modes: DriftModes,
    unknown: Sequence[str],
    *,
    nested: bool,
    trimmed: bool,
) -> str:
    described = con.execute(f"describe {candidates}").fetchall()
    types = {row[0]: row[1] for row in described}
    given = []
    for c in contract.columns:
        column = quoted(c.name)
        if c.name not in types:
            given.append(f"null::varchar as {quoted('g_' + c.name)}")
        elif types[c.name] == "VARCHAR" and trimmed:
            given.append(f"{column} as {quoted('g_' + c.name)}")
        elif types[c.name] == "VARCHAR":
            given.append(f"nullif(trim({column}), '') as {quoted('g_' + c.name)}")
        else:
            given.append(f"{column}::varchar as {quoted('g_' + c.name)}")
    given += [f"nullif(trim({quoted(c)}::varchar), '') as {quoted('g_' + c)}" for c in unknown]
    cast = [f"{drift_cast(c, modes, nested)} as {quoted(c.name)}" for c in contract.columns]
    more = "".join(f", {sql} as {quoted(name)}" for name, sql in variants(contract, modes, unknown).items())
    filtered = "_filtered" if "_filtered" in types else "null::varchar"
    rule = " ".join(f"when {r.condition} then {i}" for i, r in enumerate(rules))
    # As text: a column of lists takes an eighth of the time of the whole table, though nearly all are empty.
    as_given = ", ".join(quoted("g_" + c) for c in contract.column_names)
    listed = _listed_types(contract)
    names = ", ".join(
        f"try_cast({quoted(c)} as {listed[c]}) as {quoted(c)}" if c in listed else quoted(c)
        for c in contract.column_names
    )
    return f"""
        create table judged as
        select
            {names}, _file_id, _line, _filtered, _rule,
            case when _rule is not null then to_json([{as_given}])::varchar end as _given{more}
        from (
            select *, case when _filtered is not null then null {rule} end as _rule
            from (
                select *, {", ".join(cast)}
                from (select {", ".join(given)}, _file_id, _line, {filtered} as _filtered from {candidates})
            )
        )
    """


def _listed_types(contract: Contract) -> dict[str, str]:
    """Types that number the allowed values of columns: a sixteenth of the room, and less to write.

    A value that is not allowed becomes none; its row breaks the rule, and is not accepted.
    """
    return {
        c.name: f"enum ({', '.join(map(literal, c.allowed))})"
        for c in contract.columns
        if c.allowed and c.type == "varchar" and not c.personal
    }


def _months(con: duckdb.DuckDBPyConnection, contract: Contract) -> list[str] | None:
    if contract.partition_by_month_of is None:
        return None
    column = contract.column(contract.partition_by_month_of)
    return [f"{month:%Y-%m}" for month in months_of(con, column, "clean")]


def months_of(con: duckdb.DuckDBPyConnection, column: Column, relation: str) -> list[date]:
    """First days of the months in which the values of a relation's column lie (timestamps in UTC)."""
    # By days, and without the rules of a time zone: a tenth of what truncating to months costs.
    plain = "make_timestamp(epoch_us({}))" if column.type == "timestamptz" else "{}"
    day = f"{plain.format(quoted(column.name))}::date"
    rows = con.execute(f"select distinct {day} from {relation}").fetchall()
    return sorted({moment.replace(day=1) for (moment,) in rows if moment})


def _accepted_sql(con: duckdb.DuckDBPyConnection, contract: Contract) -> str:
    month = contract.partition_by_month_of
    extra = f", strftime({quoted(month)}, '%Y-%m') as _month" if month else ""
    judged = con.execute("select count(*) from verdicts").fetchone()
    wanted = "where row_id not in (select row_id from verdicts)" if judged and judged[0] else ""
    return f"create view accepted as select * exclude (row_id){extra} from good {wanted}"


def _counts(con: duckdb.DuckDBPyConnection) -> Acceptance:
    def one(query: str) -> int:
        row = con.execute(query).fetchone()
        return int(row[0]) if row else 0

    by_filter = con.execute(
        "select _filtered, count(*) from judged where _filtered is not null group by all order by all"
    )
    filters = dict(by_filter.fetchall())
    by_rule = dict(con.execute("select rule, count(*) from quarantined group by all order by all").fetchall())
    columns = ("file_number", "line", "field", "rule", "message", "value")
    # One example of each rule first, so that a flood of one kind hides no other.
    examples = con.execute(
        f"""
        select _file_id, _line, field, rule, message, value from quarantined
        order by row_number() over (partition by rule order by _file_id, _line), rule, _file_id, _line
        limit {EXAMPLES}
        """
    ).fetchall()
    rejects = one("select count(*) from quarantined") - one(
        "select (select count(*) from judged where _rule is not null) + "
        "(select count(*) from verdicts where verdict = 'key_conflict')"
    )
    return Acceptance(
        candidates=one("select count(*) from judged") + rejects,
        accepted=one("select count(*) from accepted"),
        deduplicated=one("select count(*) from verdicts where verdict = 'duplicate'"),
        quarantined=sum(by_rule.values()),
        filtered=sum(filters.values()),
        by_rule=by_rule,
        by_filter=filters,
        examples=tuple(dict(zip(columns, example, strict=True)) for example in examples),
    )
