"""A warehouse whose every table carries one marker value, and the publishing of it."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

from data_quality.contract import Contract, all_contracts, load_contract
from data_quality.examples import FIRST_DATE, example_table
from serving.generations import Manifest
from serving.publish import RunInfo, publish_warehouse


def write_warehouse(path: Path, contracts: Iterable[Contract]) -> Path:
    """Twenty valid rows in the served table of each contract."""
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("begin; create schema marts; create schema serving")
        for contract in contracts:
            connection.register("incoming", example_table(contract, 20))
            connection.execute(f"create table serving.{contract.name} as select * from incoming")
            connection.unregister("incoming")
        connection.execute("commit")
    return path


@pytest.fixture(scope="session")
def unmarked_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_warehouse(tmp_path_factory.mktemp("unmarked") / "warehouse.duckdb", all_contracts("served"))


@pytest.fixture(scope="session")
def bundles_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse small enough to publish it many times in seconds."""
    path = tmp_path_factory.mktemp("bundles") / "warehouse.duckdb"
    return write_warehouse(path, [load_contract("bundles", "served")])


def write_marked(folder: Path, unmarked: Path, marker: int) -> Path:
    """A warehouse whose marts and bundles carry the number of their run."""
    path = folder / f"warehouse_{marker}.duckdb"
    shutil.copy(unmarked, path)
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute(
            "create table marts.fct_orders as "
            f"select i as order_id, {marker} as marker from range(2000) t(i);"
            "create table marts.dim_markers as select distinct marker from marts.fct_orders;"
            f"update serving.bundles set run_id = '{marker}'"
        )
    return path


@pytest.fixture
def warehouse(tmp_path: Path, unmarked_warehouse: Path) -> Callable[[int], Path]:
    """A function that writes a marked warehouse."""
    return lambda marker: write_marked(tmp_path, unmarked_warehouse, marker)


@pytest.fixture(scope="session")
def published_twice(tmp_path_factory: pytest.TempPathFactory, unmarked_warehouse: Path) -> Path:
    """Generations 1 and 2, published once for all tests: to copy, never to change."""
    folder = tmp_path_factory.mktemp("published_twice")
    for number in (1, 2):
        run = RunInfo(f"run-{number}", number, FIRST_DATE, "demo")
        publish_warehouse(write_marked(folder, unmarked_warehouse, number), folder / "published", run=run)
    return folder / "published"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return tmp_path / "published"


@pytest.fixture
def run() -> Callable[[int], RunInfo]:
    return lambda number: RunInfo(f"run-{number}", number, FIRST_DATE, "demo")


@pytest.fixture
def publish_marker(warehouse, published, run) -> Callable[[int], Manifest]:
    return lambda number: publish_warehouse(warehouse(number), published, run=run(number))


@pytest.fixture(scope="session")
def ingest_drill() -> ModuleType:
    """The module ``ingest_drill``, under a name by which children of a test can import it."""
    return load_neighbour("ingest_drill")


def load_neighbour(name: str) -> ModuleType:
    """A module of this folder that is no test."""
    folder = str(Path(__file__).parent)
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)
