"""The dbt project on Spark gives the tables of the one on DuckDB: every model of the layers built there.

One small simulated shop with planted faults is loaded once and built by both engines. Marts are compared by
key, other models as sets of rows: all values exactly, doubles to 1e-9. What cannot be built or
differs stands in ``not_on_spark.yaml`` with the reason; an entry that is no longer true fails, too.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from data_quality.contract import all_contracts
from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.shop import load_shop
from feeds.simulator import SimulationParams, simulate
from orchestration.sources import bind_sources
from orchestration.spark_runs import plan_document
from transforms.warehouse.build import SCHEMAS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"
NOT_ON_SPARK: dict[str, str] = yaml.safe_load(
    (ROOT / "transforms" / "warehouse" / "not_on_spark.yaml").read_text(encoding="utf-8")
)["models"]
PARAMS = SimulationParams(days=75, skus=40, customers=600, faults=("duplicate_rows",))
CLOSE = 1e-9
EVENTS_OF_A_BOT = 25  # so few that the small shop has some
Rows = list[dict[str, Any]]


def models() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Schema and key of each model; the key is that of its key test, nothing where it has none."""
    found = {}
    for schema in SCHEMAS:
        for path in sorted((PROJECT / "models" / schema).glob("*/_models.yml")):
            for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
                tests = [test for test in model.get("data_tests", []) if "unique_combination" in test]
                key = tests[0]["unique_combination"]["arguments"]["columns"] if tests else ()
                found[model["name"]] = (schema, tuple(key))
    return found


MODELS = models()


@dataclass(frozen=True)
class BothBuilds:
    """One shop in both engines: DuckDB's file, the folder of Spark's tables, how each model ended there."""

    warehouse: Path
    tables: Path
    statuses: dict[str, str]

    def verdict(self, model: str) -> str:
        """Empty where the model is the same in both, else what is wrong with it."""
        schema, key = MODELS[model]
        if self.statuses.get(model) != "success":
            return f"not built: {self.statuses.get(model)}"
        files = {"files": str(self.tables / schema / model / "*.parquet")}
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            here = connection.execute(f"describe select * from {schema}.{model}").fetchall()
            there = connection.execute("describe select * from read_parquet($files)", files).fetchall()
            if schema == "marts" and [c[:2] for c in here] != [c[:2] for c in there]:
                return f"other columns: {sorted(set(here) ^ set(there))}"
            spark_rows = as_rows(connection.execute("select * from read_parquet($files)", files))
            return compared(as_rows(connection.execute(f"select * from {schema}.{model}")), spark_rows, key)

    def n_rows(self, model: str) -> int:
        """Rows of a model in DuckDB."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            [(n,)] = connection.execute(f"select count(*) from {MODELS[model][0]}.{model}").fetchall()
        return int(n)


def as_rows(cursor: duckdb.DuckDBPyConnection) -> Rows:
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def compared(ours: Rows, theirs: Rows, key: Sequence[str] = ()) -> str:
    """What differs between the rows of a table in two engines; empty where nothing does.

    With a key, rows of one key are compared; without, rows in the order of all values that are no doubles.
    """
    if len(ours) != len(theirs):
        return f"{len(ours)} rows in DuckDB, {len(theirs)} in Spark"
    if not ours:
        return ""
    columns = list(ours[0])
    if sorted(columns) != sorted(theirs[0]):
        return f"columns {sorted(set(columns) ^ set(theirs[0]))} are in one of them only"
    exact = [c for c in columns if not any(isinstance(row[c], float) for row in (*ours, *theirs))]
    order = list(key) or exact
    for rows in (ours, theirs):
        rows.sort(key=lambda row: [(row[c] is None, str(row[c])) for c in order])
    keys = {tuple(str(row[c]) for c in key) for row in ours}
    if key and len(keys) != len(ours):
        return f"{key} is no key"
    wrong: dict[str, tuple[Any, Any]] = {}
    for mine, other in zip(ours, theirs, strict=True):
        wrong |= {
            c: (mine[c], other[c]) for c in columns if not is_same(mine[c], other[c]) and c not in wrong
        }
    return "; ".join(
        f"{column}: {mine!r} in DuckDB, {other!r} in Spark" for column, (mine, other) in wrong.items()
    )


def is_same(mine: Any, other: Any) -> bool:
    if isinstance(mine, float) and isinstance(other, float):
        return math.isclose(mine, other, rel_tol=CLOSE, abs_tol=CLOSE)
    return type(mine) is type(other) and mine == other


def run_module(module: str, plan: Path, document: dict[str, Any], *options: str) -> dict[str, Any]:
    """Run a process of ``transforms`` on a plan; the object that it prints last."""
    plan.write_text(json.dumps(document), encoding="utf-8")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    done = subprocess.run(
        [sys.executable, "-m", module, "--plan", str(plan), *options],
        capture_output=True, text=True, check=False, env=own | {"SPARK_MASTER": "local[2]"},
    )  # fmt: skip
    assert done.stdout.strip(), done.stderr[-4000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def lake_tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Files of every table of a small shop's lake, core tables included."""
    folder = tmp_path_factory.mktemp("shop")
    simulate(PARAMS, folder / "feeds")
    shop = load_shop("demo", folder / "home", data=folder / "feeds")
    for contract in all_contracts("feeds"):
        ingest_feed(shop, contract.name, folder / "home", key=b"a key for tests only")
    lake = Lake(folder / "home" / shop.name / "lake")
    events = {name: lake.files("raw", name) for name in ("events", "order_lines")}
    last_day = PARAMS.date_of(PARAMS.days - 1)
    plan = plan_document(lake, events, folder / "spark", last_day, PARAMS.time_zone, None)
    bots = {"settings": {"bots": {"max_events": EVENTS_OF_A_BOT}}}
    told = run_module("transforms", folder / "plan.json", plan | bots)
    core = {
        f"core/{name}": {"files": sorted(map(str, Path(output["folder"]).glob("*.parquet")))}
        for name, output in told["outputs"].items()
        if name != "pair_days"
    }
    raw = {
        f"raw/{name}": {"files": lake.files("raw", name), "base_path": str(lake.path("raw", name))}
        for name in lake.names("raw")
    }
    return raw | core | {"raw/customers": {"files": [with_contacts(raw["raw/customers"]["files"], folder)]}}


def with_contacts(files: Sequence[str], folder: Path) -> str:
    """The customers with contacts, which the simulated have not: chains of up to four accounts."""
    path = str(folder / "customers.parquet")
    with duckdb.connect() as connection:
        connection.execute(
            """
            copy (
                select * exclude (place) replace (
                    'mail ' || (place // 2) as email,
                    case when place % 6 in (1, 2) then 'telephone ' || ((place + 1) // 2) end as phone,
                    'A. Name' as full_name
                )
                from (select *, dense_rank() over (order by customer_id) as place from read_parquet($files))
            ) to '{path}' (format parquet)
            """.replace("{path}", path.replace("'", "''")),
            {"files": list(files)},
        )
    return path


@pytest.fixture(scope="module")
def both(
    lake_tables: dict[str, dict[str, Any]],
    dbt: Callable[..., dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> BothBuilds:
    folder = tmp_path_factory.mktemp("both")
    settings: dict[str, object] = {
        "shop": "demo", "time_zone": PARAMS.time_zone, "currency": PARAMS.currency, "home_country": "DE",
        "default_location": PARAMS.locations[0], "demand_period_days": 1, "run_id": "run-1",
        "as_of": PARAMS.date_of(PARAMS.days - 1),
    }  # fmt: skip
    warehouse = folder / "warehouse.duckdb"
    bind_sources(warehouse, {name: entry["files"] for name, entry in lake_tables.items()}, settings)
    assert set(dbt(warehouse, "run", "--select", *SCHEMAS).values()) == {"success"}
    told = run_module(
        "transforms.warehouse", folder / "plan.json",
        {
            "project": str(PROJECT), "inputs": lake_tables, "out": str(folder / "tables"),
            "scratch": str(folder / "scratch"), "settings": settings | {"as_of": str(settings["as_of"])},
        },
    )  # fmt: skip
    return BothBuilds(warehouse, folder / "tables", {node["name"]: node["status"] for node in told["nodes"]})


slow = [pytest.mark.slow, pytest.mark.spark, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("model", [pytest.param(name, marks=slow) for name in MODELS])
def test_a_model_is_the_same_on_spark_or_listed_with_the_reason(both: BothBuilds, model: str) -> None:
    verdict = both.verdict(model)
    if model in NOT_ON_SPARK:
        assert verdict, f"{model} is the same on Spark: take it off not_on_spark.yaml"
    else:
        assert verdict == ""
        assert both.n_rows(model) > 0


def test_the_list_names_models_that_exist_and_gives_reasons() -> None:
    assert sorted(set(NOT_ON_SPARK) - set(MODELS)) == []
    assert [name for name, reason in NOT_ON_SPARK.items() if len(reason) < 20] == []


def test_every_mart_is_compared_by_a_key() -> None:
    assert [name for name, (schema, key) in MODELS.items() if schema == "marts" and not key] == []


ROW: dict[str, Any] = {
    "order_id": "o1",
    "amount": 12.5,
    "units": 3,
    "ordered_date": date(2026, 3, 1),
    "note": None,
}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"units": 4}, "units: 3 in DuckDB, 4 in Spark"),
        ({"units": True}, "units"),
        ({"amount": 12.5 + 1e-7}, "amount"),
        ({"note": ""}, "note: None in DuckDB, '' in Spark"),
        ({"ordered_date": date(2026, 3, 2)}, "ordered_date"),
        ({"order_id": "o2"}, "order_id"),
    ],
)
def test_the_comparison_finds_a_single_changed_value(changed: dict[str, Any], told: str) -> None:
    ours, other = [dict(ROW), dict(ROW, order_id="o0")], [dict(ROW, order_id="o0"), ROW | changed]
    assert compared(ours, other, ["order_id"]).startswith(told)


def test_the_comparison_finds_missing_rows_and_columns_and_keys_that_are_none() -> None:
    assert compared([ROW], []) == "1 rows in DuckDB, 0 in Spark"
    assert "columns ['more']" in compared([dict(ROW)], [ROW | {"more": 1}])
    assert "is no key" in compared([dict(ROW), dict(ROW)], [dict(ROW), dict(ROW)], ["order_id"])
    assert compared([dict(ROW)], [ROW | {"amount": 12.5 * (1 + 1e-12)}], ["order_id"]) == ""
