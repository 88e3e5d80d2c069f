"""What is published is built again without a forgotten customer, and no kept generation holds them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import pytest

from data_quality.contract import all_contracts
from data_quality.examples import example_table
from serving.generations import generation_numbers, read_pointer
from serving.publish import RunInfo, publish_warehouse, rollback
from serving.redact import redact_published

Found = Callable[[Path, list[str]], dict[str, list[str]]]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Three generations; the customer is in the last two."""
    folder, warehouse = tmp_path / "published", tmp_path / "warehouse.duckdb"
    with closing(duckdb.connect(str(warehouse))) as con:
        con.execute("create schema marts; create schema serving")
        for contract in all_contracts("served"):
            con.register("incoming", example_table(contract, 40))
            con.execute(f"create table serving.{contract.name} as select * from incoming")
        con.execute(
            "create table marts.fct_orders as select 'order-' || i as order_id, 'buyer-' || i as customer_id, "  # noqa: E501
            "'device-' || i as visitor_id, i as units from range(40) t(i); "
            "create table marts.fct_sessions as select 'session-' || i as session_id, "
            "'device-' || i as visitor_id, null::varchar as customer_id from range(40) t(i); "
            "create table marts.dim_customers as select 'buyer-' || i as customer_id from range(40) t(i)"
        )
    for number in (1, 2, 3):
        if number == 1:
            with closing(duckdb.connect(str(warehouse))) as con:
                con.execute("create table keep as from marts.dim_customers; delete from marts.dim_customers "
                            "where customer_id = 'buyer-7'; create table fct as from marts.fct_orders; "
                            "create table ses as from marts.fct_sessions; "
                            "delete from marts.fct_orders where customer_id = 'buyer-7'; "
                            "delete from marts.fct_sessions where visitor_id = 'device-7'")  # fmt: skip
        if number == 2:
            with closing(duckdb.connect(str(warehouse))) as con:
                con.execute("create or replace table marts.dim_customers as from keep; "
                            "create or replace table marts.fct_orders as from fct; "
                            "create or replace table marts.fct_sessions as from ses")  # fmt: skip
        run = RunInfo(f"run-{number}", number, date(2026, 2, 1), "corner")
        publish_warehouse(warehouse, folder, run=run)
    warehouse.unlink()
    return folder


def test_a_customer_is_in_no_generation_and_sales_stay(
    published: Path, tmp_path: Path, found_under: Found
) -> None:
    assert len(found_under(published, ["buyer-7"])) >= 4
    told = redact_published(published, tmp_path, ["buyer-7"], ["device-7"])
    assert told == {f"published/generations/{n}": {"before": 3, "after": 0} for n in (2, 3)}
    assert found_under(published, ["'buyer-7'", '"buyer-7"', "'device-7'", '"device-7"']) == {}
    assert generation_numbers(published) == [1, 4]
    with closing(duckdb.connect(str(published / "serve.duckdb"), read_only=True)) as con:
        orders = con.execute(
            "select count(*), sum(units), count(customer_id) from marts.fct_orders"
        ).fetchall()
        assert orders == [(40, sum(range(40)), 39)]
        assert con.execute("select count(*) from marts.fct_sessions").fetchall() == [(39,)]
        assert con.execute("select count(*) from marts.dim_customers").fetchall() == [(39,)]


def test_the_next_run_publishes_after_a_redaction_and_a_rollback_goes_to_a_clean_generation(
    published: Path, tmp_path: Path
) -> None:
    redact_published(published, tmp_path, ["buyer-7"], ["device-7"])
    pointer = read_pointer(published)
    assert pointer is not None
    assert (pointer.generation, pointer.fence) == (4, 4)
    assert rollback(published).generation == 1


def test_a_shop_that_published_nothing_has_nothing_to_redact(tmp_path: Path) -> None:
    assert redact_published(tmp_path / "published", tmp_path, ["buyer-7"], []) == {}
