"""DuckDB types as Postgres types, and DuckDB values as the text that Postgres' COPY reads.

Timestamps without a zone are UTC in the warehouse, so they become ``timestamptz``. Lists, structs and maps
become ``jsonb``.
"""

from __future__ import annotations

import re

from serving.duck import identifier

_SAME = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "UTINYINT": "smallint",
    "SMALLINT": "smallint",
    "USMALLINT": "integer",
    "INTEGER": "integer",
    "UINTEGER": "bigint",
    "BIGINT": "bigint",
    "UBIGINT": "numeric(20, 0)",
    "HUGEINT": "numeric(39, 0)",
    "UHUGEINT": "numeric(39, 0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "VARCHAR": "text",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamptz",
    "TIMESTAMP_S": "timestamptz",
    "TIMESTAMP_MS": "timestamptz",
    "TIMESTAMP_NS": "timestamptz",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "INTERVAL": "interval",
    "UUID": "uuid",
    "BLOB": "bytea",
    "JSON": "jsonb",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_NESTED = re.compile(r"(\[\d*\]$)|^(STRUCT|MAP|UNION)\(")


def postgres_type(kind: str) -> str:
    """The Postgres type of a DuckDB type.

    >>> postgres_type("DECIMAL(18,2)"), postgres_type("TIMESTAMP"), postgres_type("VARCHAR[]")
    ('numeric(18, 2)', 'timestamptz', 'jsonb')
    >>> postgres_type("GEOMETRY")
    Traceback (most recent call last):
    ValueError: DuckDB type GEOMETRY has no Postgres counterpart here; cast it in the model.
    """
    if decimal := _DECIMAL.fullmatch(kind):
        return f"numeric({decimal[1]}, {decimal[2]})"
    if _NESTED.search(kind):
        return "jsonb"
    if kind.startswith("ENUM("):
        return "text"
    if kind not in _SAME:
        raise ValueError(f"DuckDB type {kind} has no Postgres counterpart here; cast it in the model.")
    return _SAME[kind]


def csv_expression(column: str, kind: str) -> str:
    """SQL for the column as COPY reads it; text loses NUL characters, which Postgres cannot store."""
    name = identifier(column)
    if kind == "VARCHAR":
        return f"replace({name}, chr(0), '') as {name}"
    if postgres_type(kind) == "jsonb":
        return f"to_json({name})::varchar as {name}"
    if kind == "BLOB":
        return f"'\\x' || hex({name}) as {name}"
    return name
