"""The views that Postgres readers use, changed from generation to generation without losing their grants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving.generations import Manifest, TableEntry

if TYPE_CHECKING:
    import psycopg

Columns = list[tuple[str, str]]


def show(connection: psycopg.Connection[Any], manifest: Manifest, readers: tuple[str, ...]) -> None:
    """Point the views at the generation, inside the caller's transaction; views of vanished tables go.

    A view whose columns only grew at the end is replaced in place; any other is dropped and made again with
    the grants it had, which fails, naming them, when other objects were built on it.
    """
    for schema in sorted({entry.schema for entry in manifest.tables}):
        connection.execute(f'create schema if not exists "{schema}"')
        entries = {entry.table: entry for entry in manifest.tables if entry.schema == schema}
        for view in _views(connection, schema) - set(entries):
            connection.execute(f'drop view "{schema}"."{view}"')
        for entry in entries.values():
            _show_table(connection, entry, manifest.generation)
    _describe(connection, manifest)
    for schema in sorted({"meta"} | {entry.schema for entry in manifest.tables}):
        _grant(connection, schema, readers)


def _show_table(connection: psycopg.Connection[Any], entry: TableEntry, generation: int) -> None:
    source = f'"{entry.schema}_g{generation}"."{entry.table}"'
    view = f'"{entry.schema}"."{entry.table}"'
    before, after = _columns(connection, view), _columns(connection, source)
    listed = ", ".join(f'"{name}"' for name, _ in after)
    if before == after[: len(before)]:
        connection.execute(f"create or replace view {view} as select {listed} from {source}")
        return
    grants = connection.execute(
        """
        select a.privilege_type, coalesce(r.rolname, 'public'), a.is_grantable
        from pg_class c cross join lateral aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee
        where c.oid = to_regclass(%s) and a.grantee <> c.relowner
        """,
        [view],
    ).fetchall()
    connection.execute(f"drop view {view}")
    connection.execute(f"create view {view} as select {listed} from {source}")
    for privilege, role, is_grantable in grants:
        grantee = "public" if role == "public" else _quoted(role)
        option = " with grant option" if is_grantable else ""
        connection.execute(f"grant {privilege} on {view} to {grantee}{option}")


def _describe(connection: psycopg.Connection[Any], manifest: Manifest) -> None:
    """``meta.publication``, as in the DuckDB file: one row that tells what is shown."""
    connection.execute("create schema if not exists meta")
    connection.execute(
        "create table if not exists meta.publication "
        "(shop text, as_of date, run_id text, run_number bigint, generation bigint)"
    )
    connection.execute("delete from meta.publication")
    run = manifest.run
    connection.execute(
        "insert into meta.publication values (%s, %s, %s, %s, %s)",
        [run.shop, run.as_of, run.run_id, run.run_number, manifest.generation],
    )


def _grant(connection: psycopg.Connection[Any], schema: str, readers: tuple[str, ...]) -> None:
    for role in readers:
        connection.execute(f'grant usage on schema "{schema}" to {_quoted(role)}')
        connection.execute(f'grant select on all tables in schema "{schema}" to {_quoted(role)}')


def _views(connection: psycopg.Connection[Any], schema: str) -> set[str]:
    rows = connection.execute("select viewname from pg_views where schemaname = %s", [schema]).fetchall()
    return {row[0] for row in rows}


def _columns(connection: psycopg.Connection[Any], name: str) -> Columns:
    """Names and types of a table's or view's columns, in order; empty when there is none."""
    return connection.execute(
        """
        select attname, format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum
        """,
        [name],
    ).fetchall()


def _quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'
