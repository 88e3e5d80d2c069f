"""A warehouse built once from nothing, and once from a small shop whose every row was written by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from data_quality.contract import Kind, load_contract
from orchestration.sources import bind_sources

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"
KINDS: dict[str, Kind] = {"raw": "feeds", "core": "core", "ml": "served"}
RunDbt = Callable[..., dict[str, str]]
SETTINGS: dict[str, object] = {
    "shop": "handmade",
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
    "default_location": "main",
    "home_country": "DE",
    "demand_period_days": 1,
    "as_of": date(2026, 3, 10),
    "run_id": "run-1",
}


@dataclass(frozen=True)
class Build:
    """A built warehouse and the outcome of every dbt node, by name."""

    warehouse: Path
    statuses: dict[str, str]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the query returns, read-only."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(query).fetchall()


def write_table(lake: Path, table: str, rows: Sequence[dict[str, object]]) -> list[str]:
    """Write rows as one Parquet file with the contract's schema; columns that are not given are null."""
    layer, name = table.split("/")
    schema = load_contract(name, KINDS[layer]).arrow_schema()
    if layer == "raw":
        for column, type_ in (("_load_number", pa.int64()), ("_file_id", pa.string()), ("_line", pa.int64())):
            schema = schema.append(pa.field(column, type_))
        rows = [{"_load_number": 1, "_file_id": "f", "_line": n, **row} for n, row in enumerate(rows, 1)]
    unknown = {key for row in rows for key in row} - set(schema.names)
    assert not unknown, f"{table} has no columns {unknown}"
    columns = [pa.array([_value(row.get(f.name), f.type) for row in rows], type=f.type) for f in schema]
    # a quote in the folder's name shows that paths are escaped
    path = lake / layer / f"it's {name}" / "part-0.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), path)
    return [str(path)]


def _value(value: object, type_: pa.DataType) -> object:
    if isinstance(value, str) and pa.types.is_timestamp(type_):
        return datetime.fromisoformat(value)
    if isinstance(value, str) and pa.types.is_date(type_):
        return date.fromisoformat(value)
    if isinstance(value, int | float) and pa.types.is_decimal(type_):
        return pa.scalar(str(value)).cast(type_).as_py()
    return value


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunDbt]:
    """Run dbt in this process on a warehouse; returns statuses by node name. The project is parsed once."""
    scratch = tmp_path_factory.mktemp("dbt")
    manifest: list[Manifest] = []
    before = {name: os.environ.get(name) for name in ("SHOPWRIGHT_WAREHOUSE", "SHOPWRIGHT_THREADS")}
    places = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    places += ["--target-path", str(scratch / "target"), "--log-path", str(scratch / "logs")]

    def run(warehouse: Path, *arguments: str) -> dict[str, str]:
        os.environ |= {"SHOPWRIGHT_WAREHOUSE": str(warehouse), "SHOPWRIGHT_THREADS": "1"}
        if not manifest:
            parsed = dbtRunner().invoke(["--quiet", "parse", *places])
            assert parsed.success, parsed.exception
            assert isinstance(parsed.result, Manifest)
            manifest.append(parsed.result)
        # writing the manifest again takes three quarters of a small build
        quick = ["--no-write-json", "--log-level-file", "none"]
        outcome = dbtRunner(manifest=manifest[0]).invoke(["--quiet", *quick, *arguments, *places])
        # dbt keeps the file open for writing until the process ends; the tests want to read it
        DuckDBConnectionManager.env().close()
        DuckDBConnectionManager.close_all_connections()
        assert outcome.exception is None, outcome.exception
        return {result.node.name: str(result.status) for result in outcome.result.results}

    yield run
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture(scope="session")
def write_lake_table() -> Callable[..., list[str]]:
    """``write_table``, for tests that make a lake of their own."""
    return write_table


@pytest.fixture(scope="session")
def empty_build(dbt: RunDbt, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The whole project, with its unit tests, on a shop that has no feed at all."""
    warehouse = tmp_path_factory.mktemp("empty") / "warehouse.duckdb"
    bind_sources(warehouse, {}, SETTINGS)
    return Build(warehouse, dbt(warehouse, "build"))


@pytest.fixture(scope="session")
def handmade_lake(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Files by lake table of the shop in ``handmade_shop``."""
    lake = tmp_path_factory.mktemp("lake")
    source = Path(__file__).parent / "handmade_shop.yaml"
    tables = yaml.safe_load(source.read_text(encoding="utf-8"))
    return {table: write_table(lake, table, rows) for table, rows in tables.items()}


@pytest.fixture(scope="session")
def handmade_build(
    dbt: RunDbt, handmade_lake: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Build:
    """The whole project on the shop of ``handmade_shop.yaml`` as of 10 March 2026."""
    warehouse = tmp_path_factory.mktemp("handmade") / "warehouse.duckdb"
    bind_sources(warehouse, handmade_lake, SETTINGS)
    return Build(warehouse, dbt(warehouse, "build", "--exclude-resource-type", "unit_test"))


@pytest.fixture(scope="session")
def earlier_build(
    dbt: RunDbt, handmade_lake: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Build:
    """What depends on orders, from the same lake, as of 3 March 2026."""
    warehouse = tmp_path_factory.mktemp("earlier") / "warehouse.duckdb"
    bind_sources(warehouse, handmade_lake, SETTINGS | {"as_of": date(2026, 3, 3)})
    return Build(warehouse, dbt(warehouse, "run", "--select", "+feat_purchases", "+feat_orders_open"))


@dataclass
class GrowingShop:
    """A lake that gets one load after the other, and warehouses that are built from it."""

    dbt: RunDbt
    write_table: Callable[..., list[str]]
    folder: Path
    files: dict[str, list[str]] = field(default_factory=dict)
    loads: int = 0

    def load(self, **tables: list[dict[str, object]]) -> None:
        """One more load of each feed that is named."""
        self.loads += 1
        for feed, rows in tables.items():
            numbered = [{"_load_number": self.loads, **row} for row in rows]
            written = self.write_table(self.folder / str(self.loads), f"raw/{feed}", numbered)
            self.files.setdefault(f"raw/{feed}", []).extend(written)

    def build(self, as_of: date, *marts: str, warehouse: str = "kept") -> Path:
        """Build these marts and what they need, in the same warehouse as before or in another."""
        path = self.folder / warehouse / "warehouse.duckdb"
        bind_sources(path, self.files, SETTINGS | {"shop": "growing", "as_of": as_of})
        statuses = self.dbt(path, "run", "--select", *[f"+{mart}" for mart in marts])
        assert set(statuses.values()) == {"success"}
        return path


@pytest.fixture
def growing_shop(dbt: RunDbt, write_lake_table: Callable[..., list[str]], tmp_path: Path) -> GrowingShop:
    return GrowingShop(dbt, write_lake_table, tmp_path)
