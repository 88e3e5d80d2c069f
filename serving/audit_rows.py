"""What the rows of one published table must satisfy: its contract, its key, and nobody's personal data.

All counts of a table come from one scan, its key from a second. Comparisons with the live generation are
``audit``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

import duckdb

from data_quality.contract import Column, Contract, all_contracts
from data_quality.personal import personal_column_names
from serving.duck import identifier, literal
from serving.generations import Manifest, TableEntry

SERVED_SCHEMA = "serving"
_WORKERS = 2
_QUANTILE = re.compile(r"units_p(\d+)")
_HASHED = "^[0-9a-f]{16,128}$"
_EMAIL = r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"
_ROUNDING = 1e-9
_LOOKS_PERSONAL = re.compile(
    r"(^|_)(e_?mail|phone|mobile|telephone|street|postal_code|postcode|zip|iban|passport|birth(day|_date)?"
    r"|first_name|last_name|full_name|surname|family_name|given_name|customer_name|recipient_name|contact_name"
    r"|ip_address|user_agent|address)($|_)"
)

Rule = tuple[str, str, str]
"""Rule name, SQL condition of an offending row, and what such a row means."""


@dataclass(frozen=True)
class Finding:
    """One reason why a candidate may not go live."""

    table: str
    rule: str
    detail: str

    def __str__(self) -> str:
        """The finding as one line for a message."""
        return f"{self.table}: {self.rule}: {self.detail}"


def row_findings(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> list[Finding]:
    """Broken rules of every table of the candidate that the connection is on, in the order of its tables."""
    contracts = {f"{SERVED_SCHEMA}.{contract.name}": contract for contract in all_contracts("served")}

    def judge(entry: TableEntry) -> list[Finding]:
        with closing(connection.cursor()) as cursor:
            return _table_findings(cursor, entry, contracts.get(entry.name), manifest)

    with ThreadPoolExecutor(_WORKERS) as pool:
        return [finding for found in pool.map(judge, manifest.tables) for finding in found]


def _table_findings(
    cursor: duckdb.DuckDBPyConnection, entry: TableEntry, contract: Contract | None, manifest: Manifest
) -> list[Finding]:
    columns = list(_column_findings(contract, entry)) if contract else []
    if not entry.rows:
        return columns
    rules = list(_personal_rules(entry))
    if contract is None or columns:
        return columns + list(_counted(cursor, entry, rules))
    rules += [rule for column in contract.columns for rule in _column_rules(column)]
    rules += _quantile_rules(contract)
    late = f"as_of > date {literal(manifest.run.as_of.isoformat())}"
    rules.append(("as_of_known", late, f"as_of is later than the run's, {manifest.run.as_of}"))
    return [*_counted(cursor, entry, rules), *_key_findings(cursor, contract, entry)]


def _counted(cursor: duckdb.DuckDBPyConnection, entry: TableEntry, rules: list[Rule]) -> Iterator[Finding]:
    """The rules that some rows break, counted in one scan."""
    if not rules:
        return
    counts = ", ".join(f"count(*) filter (where {condition})" for _, condition, _ in rules)
    row = cursor.execute(f"select {counts} from {identifier(entry.schema, entry.table)}").fetchone() or ()
    for (rule, _, meaning), count in zip(rules, row, strict=True):
        if count:
            yield Finding(entry.name, rule, f"{meaning} in {count} of {entry.rows} rows")


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


def _column_rules(column: Column) -> Iterator[Rule]:
    """A rule for each thing that the contract says of the column."""
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


def _quantile_rules(contract: Contract) -> list[Rule]:
    """A higher quantile of the same row is never below a lower one (units_p975 is the 97.5 % quantile)."""
    levels = {c.name: float(f"0.{m[1]}") for c in contract.columns if (m := _QUANTILE.fullmatch(c.name))}
    ordered = sorted(levels, key=lambda name: levels[name])
    return [
        ("quantiles_rise", f"{identifier(low)} > {identifier(high)} + {_ROUNDING}", f"{low} is above {high}")
        for low, high in pairwise(ordered)
    ]


def _key_findings(
    cursor: duckdb.DuckDBPyConnection, contract: Contract, entry: TableEntry
) -> Iterator[Finding]:
    key = ", ".join(identifier(name) for name in contract.key)
    repeated = cursor.execute(
        f"select {key}, count(*) over () as n_keys from {identifier(entry.schema, entry.table)} "
        f"group by {key} having count(*) > 1 order by {key} limit 5"
    ).fetchall()
    if repeated:
        shown = "; ".join(str(row[:-1]) for row in repeated)
        yield Finding(
            entry.name, "key_unique", f"{repeated[0][-1]} keys ({', '.join(contract.key)}) repeat: {shown}"
        )


def _personal_rules(entry: TableEntry) -> Iterator[Rule]:
    """Personal columns, tagged or named like one, leave only as hashes; no text holds an e-mail address."""
    personal = personal_column_names()
    for column, kind in entry.columns.items():
        name = identifier(column)
        if column in personal or _is_untagged(column, kind):
            told = f"holds {personal[column]} in clear" if column in personal else "is named as personal data"
            condition = f"not regexp_matches({name}::varchar, '{_HASHED}')"
            yield "no_personal_data", condition, f"column {column} {told}"
        elif "VARCHAR" in kind or kind == "JSON":
            text = name if kind == "VARCHAR" else f"{name}::varchar"
            condition = f"contains({text}, '@') and regexp_matches({text}, {literal(_EMAIL)})"
            yield "no_personal_data", condition, f"column {column} holds e-mail addresses"


def _is_untagged(column: str, kind: str) -> bool:
    """Whether a text or date column that no contract tags as personal has a name that says so."""
    return kind in {"VARCHAR", "DATE", "JSON"} and bool(_LOOKS_PERSONAL.search(column))
