"""A small private warehouse whose served tables satisfy their contracts, and runs that publish it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import pytest

from data_quality.contract import all_contracts
from data_quality.examples import FIRST_DATE, example_table
from serving.publish import RunInfo

BuildWarehouse = Callable[..., Path]


@pytest.fixture(scope="session")
def valid_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty valid rows in every served table; copied, because building it for each test would take longer."""
    path = tmp_path_factory.mktemp("valid") / "warehouse.duckdb"
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("begin; create schema marts; create schema serving; create schema staging")
        for contract in all_contracts("served"):
            connection.register("incoming", example_table(contract, 40))
            connection.execute(f"create table serving.{contract.name} as select * from incoming")
            connection.unregister("incoming")
        connection.execute("create table staging.secret as select 1 as x; commit")
    return path


@pytest.fixture
def warehouse(tmp_path: Path, valid_warehouse: Path) -> BuildWarehouse:
    """A function that writes the warehouse; SQL statements change it afterwards (plant a fault)."""

    def build(*changes: str, marker: int = 1, rows: int = 40) -> Path:
        path = tmp_path / "warehouse.duckdb"
        shutil.copy(valid_warehouse, path)
        with closing(duckdb.connect(str(path))) as connection:
            connection.execute(
                "create table marts.fct_orders as "
                f"select i as order_id, {marker} as marker from range({rows}) t(i);"
                "create view marts.dim_markers as select distinct marker from marts.fct_orders"
            )
            for change in changes:
                connection.execute(change)
        return path

    return build


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return tmp_path / "published"


@pytest.fixture
def run() -> Callable[..., RunInfo]:
    def make(number: int, as_of: date = FIRST_DATE, shop: str = "demo") -> RunInfo:
        return RunInfo(run_id=f"run-{number}", run_number=number, as_of=as_of, shop=shop)

    return make
