"""The Postgres target: each generation in schemas of its own, shown by views in schemas that stay.

    marts.<table>, serving.<table>             views that readers use; they and their grants stay
    marts_g<N>, serving_g<N>                   the tables of generation N
    shopwright.generations                     what is loaded, and which one is shown

Loading (``postgres_load``) is one transaction and showing (``postgres_views``) is another, so that a kill in
either leaves the old views.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from serving.durable import failpoint
from serving.postgres_load import CONTROL, drop_schemas, load
from serving.postgres_views import show
from serving.targets import Live, TargetRefused

if TYPE_CHECKING:
    import psycopg

POSTGRES_FAILPOINTS = ("table_loaded", "loaded", "load_committed", "views_flipped", "flip_committed")
"""The steps after which ``SHOPWRIGHT_FAILPOINT`` can end the process, in order."""

_FLIP_ATTEMPTS = 40
_CONTROL_DDL = f"""
create schema if not exists {CONTROL};
create table if not exists {CONTROL}.generations (
    generation bigint primary key, sequence bigint not null, shop text not null, run_id text not null,
    as_of date not null, sha256 text not null, schemas text[] not null,
    loaded_at timestamptz not null default now(), is_live boolean not null default false
);
create unique index if not exists one_is_live on {CONTROL}.generations (is_live) where is_live;
"""


@dataclass(frozen=True)
class PostgresTarget:
    """Views in Postgres over the newest ``keep`` generations; ``readers`` are roles that may read them."""

    dsn: str = field(repr=False)
    readers: tuple[str, ...] = ()
    keep: int = 2
    lock_timeout_ms: int = 200
    name: str = "postgres"

    @property
    def place(self) -> str:
        """Host and database, without user or password."""
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        try:
            told = conninfo_to_dict(self.dsn)
        except ProgrammingError:
            return "a DSN that cannot be read"
        return f"{told.get('host', 'localhost')}/{told.get('dbname', told.get('user', ''))}"

    def deliver(self, live: Live) -> str:
        """Load the generation unless it is there, then show it; ``superseded`` when a newer one is shown."""
        import psycopg

        with self._connected() as connection:
            try:
                if _shown_sequence(connection, live) > live.sequence:
                    return "superseded"
                load(connection, live)
                state = self._flip(connection, live)
                self._drop_old(connection)
            except (psycopg.Error, ValueError) as error:
                raise TargetRefused(f"Postgres at {self.place} says: {str(error).strip()}") from None
        return state

    def verify(self, live: Live) -> list[str]:
        """Tables that show other numbers of rows than were loaded; and whether the server checks its pages.

        Which bytes of its pages are right only the server can tell, by its data checksums.
        """
        import psycopg

        problems = []
        with self._connected() as connection:
            row = connection.execute("show data_checksums").fetchone()
            if row and row[0] != "on":
                problems.append(
                    "The server keeps no data checksums, so it cannot notice a damaged page. Stop it and "
                    "run: pg_checksums --enable"
                )
            if _shown_sequence(connection, live) != live.sequence:
                return [*problems, "It shows another generation. Run: shopwright publish deliver"]
            for entry in live.manifest.tables:
                try:
                    counted = f'select count(*) from "{entry.schema}"."{entry.table}"'
                    row = connection.execute(counted).fetchone()
                except psycopg.Error as error:
                    problems.append(f"{entry.name} cannot be read: {str(error).strip()}")
                    continue
                if row and row[0] != entry.rows:
                    problems.append(
                        f"{entry.name} shows {row[0]} rows, but {entry.rows} were loaded. Drop schema "
                        f"{CONTROL} and the schemas of generation {live.manifest.generation}, and run: "
                        "shopwright publish deliver"
                    )
        return problems

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            import psycopg
        except ImportError as error:
            raise TargetRefused(
                "Publishing to Postgres needs psycopg: pip install 'shopwright[postgres]'."
            ) from error
        try:
            connection = psycopg.connect(self.dsn, autocommit=True, connect_timeout=10)
        except psycopg.Error as error:
            # The server's message may quote the DSN; only its class is told.
            raise TargetRefused(
                f"No connection to Postgres at {self.place} ({type(error).__name__}); check "
                "SHOPWRIGHT_POSTGRES_DSN, the network and the role's right to log in."
            ) from None
        with connection:
            connection.execute("set timezone = 'UTC'; set client_min_messages = warning")
            _prepare(connection)
            yield connection

    def _flip(self, connection: psycopg.Connection[Any], live: Live) -> str:
        """Point all views at the generation in one transaction; asks again while a reader is in the way.

        A waiting lock request holds up the readers behind it, so it is given up after ``lock_timeout_ms``.
        """
        from psycopg import errors

        for attempt in range(_FLIP_ATTEMPTS):
            try:
                with connection.transaction():
                    connection.execute(f"set local lock_timeout = '{self.lock_timeout_ms}ms'")
                    connection.execute(f"lock table {CONTROL}.generations in share row exclusive mode")
                    if _shown_sequence(connection, live) > live.sequence:
                        return "superseded"
                    show(connection, live.manifest, self.readers)
                    _mark_live(connection, live)
                    failpoint("views_flipped")
            except errors.LockNotAvailable:
                time.sleep(min(0.05 * 2**attempt, 2.0))
            else:
                failpoint("flip_committed")
                return "delivered"
        raise TargetRefused(
            "Long queries or open transactions on the published views held the change up; the old generation "
            "is still shown. End them (pg_stat_activity) and deliver again."
        )

    def _drop_old(self, connection: psycopg.Connection[Any]) -> None:
        """Drop generations beyond the newest ``keep``; one still being read waits for the next time."""
        from psycopg import errors

        rows = connection.execute(
            f"select generation, schemas from {CONTROL}.generations "
            "where not is_live order by sequence desc offset %s",
            [max(self.keep - 1, 0)],
        ).fetchall()
        for generation, schemas in rows:
            try:
                with connection.transaction():
                    connection.execute(f"set local lock_timeout = '{self.lock_timeout_ms}ms'")
                    drop_schemas(connection, schemas)
                    connection.execute(
                        f"delete from {CONTROL}.generations where generation = %s", [generation]
                    )
            except errors.LockNotAvailable:
                continue


def _prepare(connection: psycopg.Connection[Any]) -> None:
    """The control table, made once; two first publishers at once do not collide."""
    found = connection.execute("select to_regclass(%s)", [f"{CONTROL}.generations"]).fetchone()
    if found and found[0]:
        return
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext('shopwright'))")
        connection.execute(_CONTROL_DDL)


def _shown_sequence(connection: psycopg.Connection[Any], live: Live) -> int:
    row = connection.execute(f"select sequence, shop from {CONTROL}.generations where is_live").fetchone()
    if row and row[1] != live.manifest.run.shop:
        own = live.manifest.run.shop
        raise TargetRefused(f"This database shows shop {row[1]!r}; give shop {own!r} a database of its own.")
    return row[0] if row else -1


def _mark_live(connection: psycopg.Connection[Any], live: Live) -> None:
    connection.execute(f"update {CONTROL}.generations set is_live = false where is_live")
    connection.execute(
        f"update {CONTROL}.generations set is_live = true, sequence = %s where generation = %s",
        [live.sequence, live.manifest.generation],
    )
