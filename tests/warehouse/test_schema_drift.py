"""Contracts, dbt sources and dbt models say the same: a column that one of them gains or loses fails here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from data_quality.contract import Contract, Kind, all_contracts
from data_quality.warehouse_sources import CONTRACT_OF_LAYER, SHOP_SETTINGS
from orchestration.defs.serving.publication import MARTS

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models"
LOAD_COLUMNS = {"_load_number": "bigint", "_file_id": "varchar", "_line": "bigint"}


def declared(pattern: str, kind: str) -> dict[str, dict[str, Any]]:
    """Models of the YAML files below ``models`` by name, or tables of the sources by ``source/table``."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(MODELS.glob(pattern)):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        if kind == "models":
            found |= {model["name"]: model for model in document.get("models", [])}
        for source in document.get("sources", []):
            found |= {f"{source['name']}/{table['name']}": table for table in source["tables"]}
    return found


def columns(table: dict[str, Any]) -> dict[str, str]:
    return {column["name"]: column.get("data_type", "") for column in table["columns"]}


def expected_columns(layer: str, contract: Contract) -> dict[str, str]:
    return {c.name: c.type for c in contract.columns} | (LOAD_COLUMNS if layer == "raw" else {})


@pytest.mark.parametrize(("layer", "kind"), CONTRACT_OF_LAYER.items())
def test_dbt_sources_list_exactly_the_contracts_columns_and_types(layer: str, kind: Kind) -> None:
    sources = {name: columns(table) for name, table in declared(f"sources_{layer}.yml", "sources").items()}
    assert sources == {f"{layer}/{c.name}": expected_columns(layer, c) for c in all_contracts(kind)}


def test_the_control_source_lists_the_settings_that_are_bound() -> None:
    assert columns(declared("sources_control.yml", "sources")["control/shop_settings"]) == dict(SHOP_SETTINGS)


@pytest.mark.parametrize(("layer", "kind"), CONTRACT_OF_LAYER.items())
def test_bound_views_have_the_contracts_columns_in_order(empty_build: Any, layer: str, kind: Kind) -> None:
    bound = empty_build.rows(
        "select table_name, column_name from information_schema.columns "
        f"where table_schema = '{layer}' order by table_name, ordinal_position"
    )
    assert bound == [(c.name, column) for c in all_contracts(kind) for column in expected_columns(layer, c)]


@pytest.mark.parametrize("contract", all_contracts("served"), ids=lambda contract: contract.name)
def test_a_served_table_has_its_contracts_columns_in_order(empty_build: Any, contract: Contract) -> None:
    built = empty_build.rows(
        "select column_name, lower(data_type) from information_schema.columns "
        f"where table_schema = 'serving' and table_name = '{contract.name}' order by ordinal_position"
    )
    assert built == [(c.name, c.type) for c in contract.columns]


def test_every_served_model_has_a_contract_and_every_contract_a_model() -> None:
    models = declared("serving/*/_models.yml", "models")
    assert {name: list(columns(model).items()) for name, model in models.items()} == {
        c.name: [(column.name, column.type) for column in c.columns] for c in all_contracts("served")
    }


def test_every_feed_has_a_staging_model_that_keeps_all_of_its_columns() -> None:
    models = declared("staging/*/_models.yml", "models")
    lost = {
        contract.name: sorted(set(contract.column_names) - set(columns(models[f"stg_shop__{contract.name}"])))
        for contract in all_contracts("feeds")
    }
    assert lost == {contract.name: [] for contract in all_contracts("feeds")}


def test_every_model_has_a_grain_and_describes_every_column_it_has(empty_build: Any) -> None:
    models = declared("**/_models.yml", "models")
    built = empty_build.rows(
        "select table_name, column_name from information_schema.columns "
        "where table_schema in ('staging', 'intermediate', 'marts', 'features', 'serving') "
        "order by ordinal_position"
    )
    in_warehouse: dict[str, list[str]] = {}
    for table, column in built:
        in_warehouse.setdefault(table, []).append(column)
    assert {name: list(columns(model)) for name, model in models.items()} == in_warehouse
    described = {name: [c.get("description") for c in model["columns"]] for name, model in models.items()}
    last_sentence = {name: model["description"].split(". ")[-1] for name, model in models.items()}
    without_grain = [name for name, sentence in last_sentence.items() if not sentence.startswith("One row")]
    assert [name for name, texts in described.items() if not all(texts)] == []
    assert without_grain == []


def test_every_mart_feature_and_served_table_has_a_key_test() -> None:
    models = {
        name: model
        for layer in ("marts/*", "features", "serving/*")
        for name, model in declared(f"{layer}/_models.yml", "models").items()
    }
    tested = {name: [key for test in m.get("data_tests", []) for key in test] for name, m in models.items()}
    keyless = [name for name, tests in tested.items() if "unique_combination" not in tests]
    assert len(models) == len(MARTS) + 11 + len(all_contracts("served"))
    assert keyless == []
