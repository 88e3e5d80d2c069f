"""The rows that acceptance sets aside: where each came from, which rule it broke, and its values masked."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from data_quality.acceptance_rules import Rule, literal, quoted
from data_quality.contract import Contract

_MASK_WIDTH = 40


def masked(value: str) -> str:
    """SQL of a text of which only the first two characters are shown."""
    return f"left({value}, 2) || repeat('*', least(greatest(length({value}) - 2, 0), {_MASK_WIDTH}))"


def masked_row(contract: Contract, value_of: Callable[[int], str]) -> str:
    """SQL of the whole row as JSON, values masked; of personal ones it only says that there was one.

    ``value_of`` gives the SQL of a value by its column's place in the contract.
    """
    fields = []
    for place, column in enumerate(contract.columns):
        value = f"{value_of(place)}::varchar"
        hidden = f"case when {value} is not null then '***' end"
        fields.append(f"{quoted(column.name)} := {hidden if column.personal else masked(value)}")
    return f"to_json(struct_pack({', '.join(fields)}))::varchar"


def fill_quarantine(
    con: duckdb.DuckDBPyConnection, contract: Contract, rules: list[Rule], line: str = "_line"
) -> None:
    """Create table ``quarantined`` from ``rejects``, ``judged`` and ``verdicts``; ``line`` is the line of a
    judged row, as SQL.
    """
    has_rejects = con.execute("select count(*) from duckdb_tables() where table_name = 'rejects'").fetchone()
    names = list(contract.column_names)
    personal = {c.name for c in contract.columns if c.personal}
    listed = ", ".join(
        f"({i}, {literal(r.name)}, {literal(r.field)}, {literal(r.message)}, {r.field in personal}, "
        f"{names.index(r.field) + 1})"
        for i, r in enumerate(rules)
    )
    key = " || '/' || ".join(f"coalesce({quoted(k)}::varchar, '')" for k in contract.key)
    rejected = f"select _file_id, _line, null, rule, message, {masked('raw')}, null from rejects union all"
    con.execute(
        f"""
        create temp table quarantined (
            _file_id bigint, _line bigint, field varchar, rule varchar, message varchar, value varchar,
            masked_row varchar
        );
        insert into quarantined
        {rejected if has_rejects and has_rejects[0] else ""}
        select
            _file_id, {line}, r.field, r.name, r.message,
            case when r.personal then '***' else {masked("_given[r.place]")} end,
            {masked_row(contract, lambda place: f"_given[{place + 1}]")}
        from (
            select _file_id, _line, _rule, rowid, from_json(_given, '["VARCHAR"]') as _given
            from judged where _rule is not null
        ) join (values {listed}) r(i, name, field, message, personal, place) on _rule = r.i
        union all
        select
            _file_id, _line, {literal(", ".join(contract.key))}, 'key_conflict',
            'the key was seen before with other values; the first one is kept', {masked(f"({key})")},
            {masked_row(contract, lambda place: quoted(names[place]))}
        from clean join verdicts using (row_id) where verdict = 'key_conflict'
        order by all
        """
    )
