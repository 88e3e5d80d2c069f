"""A small shop from files to a published generation, and on: a bad file, the next day, a run without news.

The tests of this file share one shop and follow its days in order; the fixtures say what happened before. Two
whole runs are made (three with ``-m slow``).
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest

from data_quality.contract import all_contracts
from feeds.lake import Lake
from feeds.simulator import simulate
from orchestration.summary import ORDERS_TO_PLACE, WHAT_SELLS
from serving.redact import LINKS, VISITOR
from serving.status import status
from transforms.relay import TAKEN_OVER

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

FEEDS = tuple(contract.name for contract in all_contracts("feeds"))
LAST_DAY_FEEDS = (
    "events",
    "orders",
    "order_lines",
    "order_status_events",
    "payments",
    "stock_levels",
    "fx_rates",
)
SPOILED, COLUMN = "order_status_events", "status_at"


@dataclass(frozen=True)
class AfterRun:
    """The shop as a run left it: how the command ended, and what was stored then."""

    shop: Any
    done: subprocess.CompletedProcess[str]
    generation: int | None
    versions: dict[str, int]
    consumed: dict[str, set[str]]


def seen_after(shop: Any, *arguments: str) -> AfterRun:
    return seen(shop, shop.shopwright(*arguments))


def seen(shop: Any, done: subprocess.CompletedProcess[str]) -> AfterRun:
    lake = Lake(shop.folder / "lake")
    return AfterRun(
        shop=shop,
        done=done,
        generation=status(shop.folder / "published").live,
        versions={name: lake.version("raw", name) for name in lake.names("raw")},
        consumed={feed: consumed_files(shop.folder, feed) for feed in FEEDS},
    )


def told(after: AfterRun) -> str:
    """The end of what a run said: why it failed."""
    return after.done.stdout[-1500:] + after.done.stderr[-1500:]


def consumed_files(folder: Path, feed: str) -> set[str]:
    """Names of the files that loads have taken, from the ledger."""
    with sqlite3.connect(folder / "ledger.sqlite") as ledger:
        rows = ledger.execute(
            "select name from consumed join landed using (source, sha256) where feed = ?", [feed]
        ).fetchall()
    return {name for (name,) in rows}


@pytest.fixture(scope="module")
def first(small_shop: Any, first_run: subprocess.CompletedProcess[str]) -> AfterRun:
    """The first run: ninety days at once."""
    after = seen(small_shop, first_run)
    assert after.done.returncode == 0, told(after)
    return after


@pytest.fixture(scope="module")
def facts(first: AfterRun) -> Callable[[str], list[tuple[Any, ...]]]:
    """Asks the generation of the first run, which stays readable whatever is published later."""
    file = first.shop.folder / "published" / "generations" / str(first.generation) / "serve.duckdb"

    def ask(query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(file), read_only=True) as connection:
            return connection.execute(query.format(feeds=first.shop.feeds)).fetchall()

    return ask


@pytest.fixture(scope="module")
def broken(first: AfterRun, params: Any) -> AfterRun:
    """The next day has come, but one file lacks a column."""
    shop = first.shop
    simulate(replace(params, days=params.days + 1), shop.feeds, since=params.date_of(params.days))
    file = shop.feeds / SPOILED / f"{params.date_of(params.days)}.csv"
    shutil.copy(file, shop.home / "whole.csv")
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * exclude ({COLUMN}) from '{shop.home / 'whole.csv'}') to '{file}' (header)"
        )
    return seen_after(shop, "run", "--shop", "demo")


@pytest.fixture(scope="module")
def next_day(broken: AfterRun, params: Any) -> AfterRun:
    """The whole file has replaced the broken one."""
    shop = broken.shop
    shutil.copy(shop.home / "whole.csv", shop.feeds / SPOILED / f"{params.date_of(params.days)}.csv")
    return seen_after(shop, "run", "--shop", "demo")


def test_the_run_publishes_a_generation_that_knows_the_last_day(
    first: AfterRun, facts: Any, params: Any
) -> None:
    assert first.generation == 1
    as_of = params.date_of(params.days - 1)
    assert facts("select shop, as_of from meta.publication") == [("demo", as_of)]
    assert f"Published: generation 1, as of {as_of}" in first.done.stdout


def test_the_guard_refuses_and_notes_what_leaves_the_machine(small_shop: Any, tmp_path: Path) -> None:
    tries = (
        "import socket, sys\n"
        "for host in ('192.0.2.1', 'shop.test'):\n"
        "    try: socket.create_connection((host, 80), 1)\n"
        "    except ConnectionRefusedError: continue\n"
        "    sys.exit('it got out')\n"
        "socket.create_server(('127.0.0.1', 0)).close()\n"
    )
    log = tmp_path / "network.log"
    environment = {**small_shop.environment, "SHOPWRIGHT_NETWORK_LOG": str(log)}
    subprocess.run([sys.executable, "-c", tries], env=environment, check=True)
    noted = log.read_text().splitlines()
    assert [line.split()[1] for line in noted] == ["'192.0.2.1'", "'shop.test'"]


def test_a_run_prints_its_shop_and_a_line_for_each_step_and_nothing_else(first: AfterRun) -> None:
    lines = first.done.stderr.splitlines()
    assert lines[0].startswith("shop demo: feeds from")
    assert [line for line in lines[1:] if not re.fullmatch(r"  done +[0-9.]+ s  \w+", line)] == []


@pytest.mark.parametrize("query", [ORDERS_TO_PLACE, WHAT_SELLS])
def test_the_query_to_paste_shows_rows_in_a_shell(query: str, first: AfterRun) -> None:
    (line,) = [line for line in first.done.stdout.splitlines() if line.startswith("  python -c ")]
    assert ORDERS_TO_PLACE in line
    pasted = line.strip().replace("python", sys.executable, 1).replace(ORDERS_TO_PLACE, query)
    done = subprocess.run(pasted, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "rows" in done.stdout


def processes_that_stand_by(shop: Any) -> list[str]:
    """Of this shop, with their Java."""
    return [
        f"{process.pid} {process.status()} {' '.join(process.info['cmdline'])}"
        for process in psutil.process_iter(["cmdline"])
        if str(shop.folder / "tmp") in " ".join(process.info["cmdline"] or ())
    ]


def test_spark_had_been_started_before_its_events_were_there(first: AfterRun) -> None:
    log = (first.shop.folder / "spark" / "last_run.log").read_text()
    assert TAKEN_OVER in log
    assert list((first.shop.folder / "tmp").iterdir()) == []
    assert processes_that_stand_by(first.shop) == []


def test_no_process_tried_to_leave_the_machine(first: AfterRun) -> None:
    assert not first.shop.network_log.exists() or first.shop.network_log.read_text() == ""


def test_every_served_table_has_rows(facts: Any) -> None:
    empty = [
        c.name for c in all_contracts("served") if facts(f"select count(*) from serving.{c.name}") == [(0,)]
    ]
    assert empty == []


def test_every_row_of_every_file_is_accounted_for(first: AfterRun, rows_in_files: Any) -> None:
    shop = first.shop
    lake = Lake(shop.folder / "lake")
    with sqlite3.connect(shop.folder / "ledger.sqlite") as ledger:
        loads = ledger.execute(
            "select feed, source_rows, rows_read, accepted, deduplicated + quarantined + filtered "
            "from loads where number = 1"
        ).fetchall()
    last = str(shop.last_day)
    told = {feed: (source, read) for feed, source, read, _, _ in loads}
    written = {feed: rows_in_files(shop.feeds / feed, until=last) for feed in FEEDS}
    assert told == {feed: (rows, rows) for feed, rows in written.items()}
    for feed, _, read, accepted, others in loads:
        assert read == accepted + others
        history = lake.read("raw", feed, columns=["_load_number"]).column(0).to_pylist()
        assert history.count(1) == accepted


def test_planted_faults_are_quarantined_line_by_line(first: AfterRun) -> None:
    planted = first.shop.truth(
        "select feed, file, line, rule from {faults} where fault in ('future_timestamp', 'negative_units')"
    )
    with duckdb.connect() as connection:
        found = connection.execute(
            "select feed, file_name, line, rule from read_parquet($files)",
            {"files": [str(path) for path in (first.shop.folder / "quarantine").glob("*/*.parquet")]},
        ).fetchall()
    assert len(planted) == 6
    assert sorted(found) == sorted(planted)


def test_rows_sent_twice_are_taken_once(first: AfterRun) -> None:
    with sqlite3.connect(first.shop.folder / "ledger.sqlite") as ledger:
        assert ledger.execute(
            "select deduplicated from loads where feed = 'events' and number = 1"
        ).fetchall() == [(3,)]


def test_revenue_of_the_fact_table_is_the_revenue_in_the_files(facts: Any) -> None:
    in_files = facts(
        "select sum(total_amount::decimal(18, 2)) from (select * from read_csv('{feeds}/orders/*.csv') "
        "qualify row_number() over (partition by order_id order by updated_at desc) = 1) "
        "where ordered_at < (select as_of + 1 from meta.publication)"
    )
    assert in_files == facts("select sum(total_amount) from marts.fct_orders")


def test_stock_outs_of_what_is_on_sale_are_flagged_and_nothing_else_is(first: AfterRun, facts: Any) -> None:
    flagged = set(
        facts("select sku, location_id, stock_date from marts.fct_stock_daily where is_stocked_out")
    )
    known = f"demand_date <= '{first.shop.last_day}'"
    on_sale = set(first.shop.truth(f"select sku, location_id, demand_date from {{demand}} where {known}"))
    true = set(
        first.shop.truth(
            f"select sku, location_id, demand_date from {{demand}} where is_stocked_out and {known}"
        )
    )
    assert len(true) > 20
    assert flagged & on_sale == true


def test_planted_complements_are_found_and_substitutes_never_bundled(first: AfterRun, facts: Any) -> None:
    bundled = {(sku, other) for sku, other in facts("select sku, bundled_sku from serving.bundles")}
    complements = set(first.shop.truth("select sku, complement_sku from {complements}"))
    substitutes = set(first.shop.truth("select sku, substitute_sku from {substitutes}"))
    true = {pair for pair in bundled if pair in complements or pair[::-1] in complements}
    assert len(true) >= 5
    assert len(true) / len(bundled) >= 0.7
    assert not bundled & substitutes


def test_every_open_order_has_a_priority_and_no_other_has(facts: Any) -> None:
    open_orders = facts(
        "select order_id from read_csv('{feeds}/orders/*.csv') "
        "qualify row_number() over (partition by order_id order by updated_at desc) = 1 "
        "and order_status in ('placed', 'paid', 'packed') order by 1"
    )
    assert len(open_orders) > 10
    assert facts("select order_id from serving.order_priorities order by 1") == open_orders


def test_proposed_orders_are_whole_packs_of_at_least_the_minimum(facts: Any) -> None:
    assert facts("select count(*) from serving.replenishment_orders")[0][0] > 3
    assert (
        facts(
            "select sku, units, pack_size_units, moq_units from serving.replenishment_orders "
            "where units % pack_size_units <> 0 or units < moq_units or units <= 0"
        )
        == []
    )


def test_forecasts_cover_the_days_after_the_last_one_in_order(facts: Any) -> None:
    assert facts(
        "select min(demand_date) = any_value(as_of) + 1, "
        "bool_and(units_p05 <= units_p50 and units_p50 <= units_p95) "
        "from serving.demand_forecasts"
    ) == [(True, True)]


def test_no_name_or_address_of_a_customer_is_published(facts: Any) -> None:
    assert (
        facts(
            "select table_name, column_name from information_schema.columns "
            "where regexp_matches(column_name, 'email|phone|recipient|address|first_name|last_name$')"
        )
        == []
    )


def test_only_columns_that_forgetting_knows_hold_identifiers_of_customers_and_visitors(facts: Any) -> None:
    known = (
        "with known as (select customer_id as id from marts.dim_customers "
        f"union select unnest([visitor_id, '{VISITOR}' || visitor_id]) from marts.dim_visitors) "
    )
    texts = facts(
        "select table_schema, table_name, column_name from information_schema.columns "
        "where contains(data_type, 'VARCHAR')"
    )

    def holds_any(schema: str, table: str, column: str) -> bool:
        told = f'select 1 from "{schema}"."{table}" where cast("{column}" as varchar) in (from known) limit 1'
        return bool(facts(known + told))

    telling = {column for schema, table, column in texts if holds_any(schema, table, column)}
    assert telling == set(LINKS)


def test_a_run_that_fails_leaves_no_spark_waiting(broken: AfterRun) -> None:
    assert broken.done.returncode == 1
    assert processes_that_stand_by(broken.shop) == []


def test_a_broken_file_fails_the_run_with_file_column_and_remedy(broken: AfterRun, params: Any) -> None:
    assert broken.done.returncode == 1
    told = " ".join(broken.done.stdout.split())
    assert f"{params.date_of(params.days)}.csv" in told
    assert COLUMN in told
    assert "What was published before is still what readers see" in told
    assert any(word in told for word in ("Correct", "correct", "Send", "add the column"))


def test_after_a_broken_file_the_generation_before_is_live_and_intact(
    first: AfterRun, broken: AfterRun
) -> None:
    assert broken.generation == first.generation
    assert broken.versions[SPOILED] == first.versions[SPOILED]
    assert status(broken.shop.folder / "published").is_healthy


def test_the_next_day_takes_only_its_own_files_each_once(
    first: AfterRun, next_day: AfterRun, params: Any
) -> None:
    assert next_day.done.returncode == 0, told(next_day)
    day = str(params.date_of(params.days))
    for feed in FEEDS:
        new = next_day.consumed[feed] - first.consumed[feed]
        assert {Path(name).stem for name in new} <= {day}
        assert {Path(name).stem for name in new} >= ({day} if feed in LAST_DAY_FEEDS else set())
        # one commit where something came, none elsewhere
        assert next_day.versions[feed] - first.versions[feed] == len(new)


def test_the_next_day_moves_as_of_by_one_day(first: AfterRun, next_day: AfterRun, params: Any) -> None:
    assert next_day.generation == first.generation + 1
    assert next_day.shop.ask("select as_of from meta.publication") == [(params.date_of(params.days),)]
    late = next_day.shop.ask("select count(*) from serving.demand_forecasts where demand_date <= as_of")
    assert late == [(0,)]


@pytest.mark.slow
def test_a_run_without_news_publishes_again_and_leaves_the_raw_tables_alone(
    next_day: AfterRun, params: Any
) -> None:
    again = seen_after(next_day.shop, "run", "--shop", "demo")
    assert again.done.returncode == 0, told(again)
    assert again.versions == next_day.versions
    assert again.consumed == next_day.consumed
    assert again.generation == next_day.generation + 1
    assert again.shop.ask("select as_of from meta.publication") == [(params.date_of(params.days),)]


def test_the_published_status_says_what_is_live(next_day: AfterRun, params: Any) -> None:
    done = next_day.shop.shopwright("publish", "status", "--shop", "demo")
    assert done.returncode == 0
    assert str(params.date_of(params.days) - timedelta(days=1)) in done.stdout
    assert str(params.date_of(params.days)) in done.stdout
