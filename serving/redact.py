"""A customer taken out of what is published: the live generation is built again without them, and audited.

Kept generations that hold the customer are deleted, so going back to one of them ends here. Rows of orders
stay as a guest's, every other row of the customer goes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb

from data_quality.personal import personal_column_names
from serving.candidate import build_generation
from serving.duck import identifier, literal
from serving.generations import (
    SERVE_FILE,
    generation_folder,
    generation_numbers,
    read_manifest,
    read_pointer,
)
from serving.leases import drop_leases
from serving.lock import publisher_lock
from serving.publish import publish

LINKS = ("customer_id", "person_id", "shopper_id", "visitor_id")
"""All columns that name a customer or a visitor. ``person_id`` is the smallest identifier of customers whose
accounts are linked, ``shopper_id`` is a person's or ``VISITOR`` and a visitor's.
"""
VISITOR = "visitor "
# A row of an order that has one of these is an action of a visitor, not what the shop sold.
_BEHAVIOUR = {"session_id", "event_id"}


def redact_published(
    published: Path, scratch: Path, customers: Sequence[str], visitors: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Rows of the customer before and after, by generation; ``scratch`` is a private folder."""
    pointer, told = read_pointer(published), {}
    holding = {
        number: rows
        for number in generation_numbers(published)
        if (rows := _rows_in(generation_folder(published, number) / SERVE_FILE, customers, visitors))
    }
    if pointer and pointer.generation in holding:
        _publish_without(published, scratch, pointer.generation, pointer.fence, customers, visitors)
    for number, rows in holding.items():
        with publisher_lock(published, "forget"):
            folder = generation_folder(published, number)
            doomed = folder.with_name(f".tmp-collected-{number}")
            os.replace(folder, doomed)
            shutil.rmtree(doomed)
            drop_leases(published, number)
        told[f"published/generations/{number}"] = {"before": rows, "after": 0}
    return told


def _publish_without(
    published: Path, scratch: Path, live: int, fence: int, customers: Sequence[str], visitors: Sequence[str]
) -> None:
    copy = scratch / "redacted.duckdb"
    folder = generation_folder(published, live)
    shutil.copyfile(folder / SERVE_FILE, copy)
    copy.chmod(0o600)
    with closing(duckdb.connect(str(copy))) as connection:
        for schema, table, columns in _tables(connection):
            connection.execute(_change(schema, table, columns, _mine(columns, customers, visitors)))
            for column in _borrowed(columns):
                # Another's row under the identifier that both accounts had: it keeps its own.
                connection.execute(
                    f"update {identifier(schema, table)} set {column} = customer_id "
                    f"where {column} in ({_listed(customers)})"
                )
    manifest = read_manifest(folder)
    candidate = build_generation(
        copy,
        published,
        run=replace(manifest.run, run_number=fence + 1),
        schemas=tuple(sorted({entry.schema for entry in manifest.tables})),
        versions=manifest.versions,
        skipped=manifest.skipped,
    )
    publish(candidate, published, keep=len(generation_numbers(published)) + 1)
    copy.unlink()


def _change(schema: str, table: str, columns: set[str], mine: str) -> str:
    if "order_id" in columns and not columns & _BEHAVIOUR:
        emptied = sorted(columns & {*LINKS, *personal_column_names()})
        values = ", ".join(f"{identifier(column)} = null" for column in emptied)
        return f"update {identifier(schema, table)} set {values} where {mine}"
    return f"delete from {identifier(schema, table)} where {mine}"


def _rows_in(file: Path, customers: Sequence[str], visitors: Sequence[str]) -> int:
    if not file.is_file():
        return 0
    with closing(duckdb.connect(str(file), read_only=True)) as connection:
        total = 0
        for schema, table, columns in _tables(connection):
            named = [f"{column} in ({_listed(customers)})" for column in _borrowed(columns)]
            where = " or ".join([_mine(columns, customers, visitors), *named])
            row = connection.execute(
                f"select count(*) from {identifier(schema, table)} where {where}"
            ).fetchone()
            total += row[0] if row else 0
        return total


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, set[str]]]:
    """Tables that say whose a row is, with their columns."""
    rows = connection.execute(
        "select schema_name, table_name, list(column_name) from duckdb_columns() "
        "where not internal group by all "
        "having list_has_any(list(column_name), $links) order by all",
        {"links": list(LINKS)},
    ).fetchall()
    return [(schema, table, set(columns)) for schema, table, columns in rows]


def _mine(columns: set[str], customers: Sequence[str], visitors: Sequence[str]) -> str:
    """SQL: the row is the customer's by its customer id; by any other link only if it names no customer."""
    shoppers = [*customers, *visitors, *(VISITOR + visitor for visitor in visitors)]
    links = {"person_id": customers, "visitor_id": visitors, "shopper_id": shoppers}
    linked = [f"{name} in ({_listed(values)})" for name, values in links.items() if name in columns]
    if "customer_id" not in columns:
        return f"({' or '.join(linked)})"
    unnamed = f" or (customer_id is null and ({' or '.join(linked)}))" if linked else ""
    return f"(customer_id in ({_listed(customers)}){unnamed})"


def _borrowed(columns: set[str]) -> list[str]:
    """Columns that may hold the identifier of another account of the person whose row it is."""
    return [c for c in ("person_id", "shopper_id") if c in columns and "customer_id" in columns]


def _listed(values: Sequence[str]) -> str:
    return ", ".join(map(literal, values)) or "null"
