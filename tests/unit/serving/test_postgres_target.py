"""Postgres shows the published rows, changes at once, keeps grants, and never goes back by accident."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

psycopg = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")

from serving.generations import generation_folder, read_manifest  # noqa: E402
from serving.postgres import PostgresTarget  # noqa: E402
from serving.publish import publish_warehouse, rollback  # noqa: E402
from serving.targets import TargetRefused, deliver_all, deliveries, live_generation, verify_all  # noqa: E402

KINDS = """
create table marts.kinds as select * from (values
    (1, 12.34::decimal(18,2), timestamp '2026-03-29 01:30:00.123456', date '2026-03-29', true,
     ['a', 'b,"c'], {'x': 1, 'y': 'ü'}, 'plain', 1.5::double, '{"k": [1]}'::json),
    (2, -0.01, timestamp '1969-12-31 23:59:59', date '0044-01-01', false,
     [], {'x': null, 'y': ''}, '', 'infinity'::double, 'null'::json),
    (3, null, null, null, null, null, null, null, null, null),
    (4, 9999999999999999.99, timestamp '9999-12-31 23:59:59', date '9999-12-31', true,
     [null], {'x': 2, 'y': '\\N'}, '\\N', 'nan'::double, '[]'::json),
    (5, 0, timestamp '2026-01-01', date '2026-01-01', true, ['x'], {'x': 3, 'y': 'z'},
     'two' || chr(10) || 'lines, "quoted" \\ 你好' || chr(0), -0.0::double, '"s"'::json)
) t(id, amount, happened_at, happened_date, is_so, labels, detail, words, ratio, extra)
"""

TYPES = {
    "id": "integer",
    "amount": "numeric",
    "happened_at": "timestamp with time zone",
    "happened_date": "date",
    "is_so": "boolean",
    "labels": "jsonb",
    "detail": "jsonb",
    "words": "text",
    "ratio": "double precision",
    "extra": "jsonb",
}
LARGEST, LAST = Decimal("9999999999999999.99"), "9999-12-31 23:59:59+00"
SPRING, BEFORE_1970 = "2026-03-29 01:30:00.123456+00", "1969-12-31 23:59:59+00"
WORDS = 'two\nlines, "quoted" \\ 你好'
ROWS = [
    (1, Decimal("12.34"), SPRING, ["a", 'b,"c'], {"x": 1, "y": "ü"}, "plain", "1.5", {"k": [1]}),
    (2, Decimal("-0.01"), BEFORE_1970, [], {"x": None, "y": ""}, "", "Infinity", None),
    (3, None, None, None, None, None, None, None),
    (4, LARGEST, LAST, [None], {"x": 2, "y": "\\N"}, "\\N", "NaN", []),
    (5, Decimal("0"), "2026-01-01 00:00:00+00", ["x"], {"x": 3, "y": "z"}, WORDS, "-0", "s"),
]


@pytest.fixture
def dsn(postgres_dsn: str) -> Iterator[str]:
    """A database of its own for each test."""
    name = f"shop_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield postgres_dsn.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def ask(dsn: str) -> Callable[..., list[tuple[Any, ...]]]:
    def query(sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with psycopg.connect(dsn, autocommit=True) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    return query


@pytest.fixture
def target(dsn: str) -> PostgresTarget:
    return PostgresTarget(dsn, lock_timeout_ms=100)


def publish_and_deliver(path: Path, published: Path, run: Any, target: PostgresTarget) -> None:
    publish_warehouse(path, published, run=run, keys={"marts.fct_orders": ["order_id"]})
    (told,) = deliver_all(published, [target])
    assert told.state == "delivered", told.told


def test_every_table_has_the_rows_of_the_published_file(warehouse, published, run, target, ask):
    publish_and_deliver(warehouse(), published, run(1), target)
    folder = generation_folder(published, 1)
    for entry in read_manifest(folder).tables:
        columns = [
            name if kind not in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE") else f"{name}::timestamp"
            for name, kind in entry.columns.items()
        ]
        listed = ", ".join(columns)
        order = ", ".join(entry.key or entry.columns)
        there = sorted(ask(f"select {listed} from {entry.name} order by {order}"), key=repr)
        here = duckdb.execute(f"select {listed} from '{folder / entry.file}'").fetchall()
        assert there == sorted(here, key=repr), entry.name
    assert ask("select shop, run_number, generation from meta.publication") == [("demo", 1, 1)]


def test_every_type_arrives_as_its_counterpart(warehouse, published, run, target, ask):
    publish_and_deliver(warehouse(KINDS), published, run(1), target)
    asked = "select column_name, data_type from information_schema.columns where table_name = 'kinds'"
    assert dict(ask(asked)) == TYPES
    asked = "select id, amount, happened_at::text, labels, detail, words, ratio::text, extra from marts.kinds"
    assert ask(asked + " order by id") == ROWS


def test_keys_are_enforced_and_required_columns_are_not_null(warehouse, published, run, target, ask):
    publish_and_deliver(warehouse(), published, run(1), target)
    keys = dict(
        ask(
            "select t.relname, "
            "string_agg(a.attname, ',' order by array_position(i.indkey::int[], a.attnum::int)) "
            "from pg_index i join pg_class t on t.oid = i.indrelid join pg_attribute a "
            "on a.attrelid = t.oid and a.attnum = any(i.indkey) where i.indisunique "
            "and t.relnamespace::regnamespace::text ~ '_g1$' group by t.relname"
        )
    )
    assert keys["fct_orders"] == "order_id"
    assert keys["bundles"] == ",".join(
        read_manifest(generation_folder(published, 1)).table("serving.bundles").key
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        ask("insert into marts_g1.fct_orders values (0, 1)")
    with pytest.raises(psycopg.errors.NotNullViolation):
        ask("insert into serving_g1.bundles default values")


def test_a_new_generation_replaces_all_views_and_old_schemas_go(warehouse, published, run, target, ask):
    for number in (1, 2, 3, 4):
        publish_and_deliver(warehouse(marker=number), published, run(number), target)
        assert ask("select distinct marker from marts.fct_orders") == [(number,)]
    schemas = {row[0] for row in ask("select nspname from pg_namespace where nspname ~ '_g[0-9]+$'")}
    assert schemas == {"marts_g3", "marts_g4", "serving_g3", "serving_g4"}


def test_grants_survive_also_when_the_columns_of_a_view_change(warehouse, published, run, target, ask):
    ask("do $$ begin create role analyst; exception when duplicate_object then null; end $$")
    publish_and_deliver(warehouse(), published, run(1), target)
    ask("grant usage on schema marts to analyst; grant select on marts.fct_orders to analyst")
    publish_and_deliver(
        warehouse("alter table marts.fct_orders add column extra integer"), published, run(2), target
    )
    assert ask("select count(extra), count(*) from marts.fct_orders") == [(0, 40)]
    assert ask("select has_table_privilege('analyst', 'marts.fct_orders', 'select')") == [(True,)]
    publish_and_deliver(
        warehouse("alter table marts.fct_orders alter marker type varchar"), published, run(3), target
    )
    held = "select has_table_privilege('analyst', 'marts.fct_orders', 'select')"
    assert ask(held) == [(True,)]
    assert ask("select has_table_privilege('analyst', 'serving.bundles', 'select')") == [(False,)]


def test_readers_named_in_the_settings_may_read_every_view(warehouse, published, run, dsn, ask):
    ask("do $$ begin create role bi; exception when duplicate_object then null; end $$")
    publish_and_deliver(warehouse(), published, run(1), PostgresTarget(dsn, readers=("bi",)))
    for name in ("marts.fct_orders", "serving.bundles", "meta.publication"):
        assert ask(f"select has_table_privilege('bi', '{name}', 'select')") == [(True,)]
        assert ask(f"select has_table_privilege('bi', '{name}', 'insert')") == [(False,)]


def test_delivering_again_changes_nothing(warehouse, published, run, target, ask):
    publish_and_deliver(warehouse(), published, run(1), target)
    before = ask("select generation, loaded_at from shopwright.generations")
    assert [told.state for told in deliver_all(published, [target])] == ["delivered"]
    assert ask("select generation, loaded_at from shopwright.generations") == before


def test_a_rollback_is_followed_without_loading_again(warehouse, published, run, target, ask):
    for number in (1, 2):
        publish_and_deliver(warehouse(marker=number), published, run(number), target)
    loaded = ask("select loaded_at from shopwright.generations order by generation")
    rollback(published)
    assert [told.state for told in deliver_all(published, [target])] == ["delivered"]
    assert ask("select distinct marker from marts.fct_orders") == [(1,)]
    assert ask("select loaded_at from shopwright.generations order by generation") == loaded


def test_an_overtaken_publisher_changes_nothing(warehouse, published, run, target, ask):
    publish_and_deliver(warehouse(marker=1), published, run(1), target)
    overtaken = live_generation(published)
    publish_and_deliver(warehouse(marker=2), published, run(2), target)
    assert target.deliver(overtaken) == "superseded"
    assert ask("select distinct marker from marts.fct_orders") == [(2,)]


def test_a_long_reader_delays_the_change_and_is_not_disturbed(warehouse, published, run, dsn, ask):
    quick = PostgresTarget(dsn, lock_timeout_ms=20)
    publish_and_deliver(warehouse(marker=1), published, run(1), quick)
    publish_warehouse(warehouse(marker=2), published, run=run(2))
    with psycopg.connect(dsn) as reader:
        assert reader.execute("select distinct marker from marts.fct_orders").fetchall() == [(1,)]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("serving.postgres._FLIP_ATTEMPTS", 2)
            (told,) = deliver_all(published, [quick])
        assert told.state == "failed"
        assert "pg_stat_activity" in told.told
        assert reader.execute("select distinct marker from marts.fct_orders").fetchall() == [(1,)]
    assert [told.state for told in deliver_all(published, [quick])] == ["delivered"]
    assert ask("select distinct marker from marts.fct_orders") == [(2,)]


def test_another_shop_is_refused(warehouse, published, run, target, tmp_path):
    publish_and_deliver(warehouse(), published, run(1), target)
    elsewhere = tmp_path / "elsewhere"
    publish_warehouse(warehouse(), elsewhere, run=run(2, shop="other"))
    (told,) = deliver_all(elsewhere, [target])
    assert told.state == "failed"
    assert "shows shop 'demo'; give shop 'other' a database of its own" in told.told


def test_a_wrong_dsn_is_told_without_its_password(warehouse, published, run):
    publish_warehouse(warehouse(), published, run=run(1))
    wrong = PostgresTarget("postgresql://me:hunter2@127.0.0.1:1/none")
    (told,) = deliver_all(published, [wrong])
    assert (told.state, told.is_delivered) == ("failed", False)
    assert "127.0.0.1/none" in told.told
    assert "hunter2" not in told.told + repr(wrong)
    assert deliveries(published) == [told]


def test_a_key_that_repeats_is_refused_before_anything_changes(warehouse, published, run, target, ask):
    publish_and_deliver(warehouse(marker=1), published, run(1), target)
    keys = {"marts.fct_orders": ["marker"]}
    publish_warehouse(warehouse(marker=2), published, run=run(2), keys=keys)
    (told,) = deliver_all(published, [target])
    assert told.state == "failed"
    assert "could not create unique index" in told.told
    assert ask("select distinct marker from marts.fct_orders") == [(1,)]
    assert ask("select count(*) from pg_namespace where nspname = 'marts_g2'") == [(0,)]


def test_a_damaged_file_is_never_loaded(warehouse, published, run, target, ask):
    publish_and_deliver(warehouse(marker=1), published, run(1), target)
    publish_warehouse(warehouse(marker=2), published, run=run(2))
    victim = generation_folder(published, 2) / "parquet" / "marts" / "fct_orders.parquet"
    victim.chmod(0o644)
    content = bytearray(victim.read_bytes())
    content[100] ^= 1
    victim.write_bytes(content)
    with pytest.raises(TargetRefused, match="was changed after it was written"):
        target.deliver(live_generation(published))
    assert ask("select distinct marker from marts.fct_orders") == [(1,)]


def test_lost_rows_and_a_generation_left_behind_are_found(warehouse, published, run, target, ask):
    publish_and_deliver(warehouse(), published, run(1), target)
    unchecked = [] if ask("show data_checksums") == [("on",)] else [verify_all(published, [target])[0]]
    assert all("pg_checksums --enable" in problem for problem in unchecked)
    assert verify_all(published, [target]) == unchecked
    ask("delete from marts_g1.fct_orders where order_id < 3")
    (lost,) = set(verify_all(published, [target])) - set(unchecked)
    assert lost.startswith("postgres: marts.fct_orders shows 37 rows, but 40 were loaded.")
    ask("drop schema marts_g1, serving_g1 cascade; drop schema shopwright cascade")
    assert deliver_all(published, [target])[0].is_delivered  # as the message says
    assert verify_all(published, [target]) == unchecked
    publish_warehouse(warehouse(), published, run=run(2), keys={"marts.fct_orders": ["order_id"]})
    (behind,) = set(verify_all(published, [target])) - set(unchecked)
    assert behind == "postgres: It shows another generation. Run: shopwright publish deliver"


def test_the_same_number_of_another_history_is_refused(warehouse, published, run, target):
    publish_and_deliver(warehouse(), published, run(1), target)
    live = live_generation(published)
    other = replace(live, manifest=replace(live.manifest, serve_sha256="0" * 64), sequence=live.sequence + 1)
    with pytest.raises(TargetRefused, match="shows another generation 1"):
        target.deliver(other)
