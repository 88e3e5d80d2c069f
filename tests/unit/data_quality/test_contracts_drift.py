"""Contracts and the dbt project describe the same tables; each kind of disagreement is found and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_quality.drift import dbt_drift, read_dbt_project, table_drift

PROJECT = Path(__file__).resolve().parents[3] / "dbt_project"

CONTRACTED = {"mugs": {"sku": "varchar", "units": "bigint"}, "cups": {"sku": "varchar"}}


def test_the_dbt_project_and_the_contracts_agree():
    assert dbt_drift(read_dbt_project(PROJECT)) == []


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"mugs": CONTRACTED["mugs"]}, "dbt: table cups of the contracts is missing."),
        ({**CONTRACTED, "jugs": {}}, "dbt: table jugs has no contract."),
        ({**CONTRACTED, "cups": {}}, "dbt: cups.sku of the contract is missing."),
        ({**CONTRACTED, "cups": {"sku": None, "size": None}}, "dbt: cups.size is not in the contract."),
        (
            {**CONTRACTED, "mugs": {"sku": "VARCHAR", "units": "integer"}},
            "dbt: mugs.units is integer, but the contract says bigint.",
        ),
    ],
)
def test_each_disagreement_is_named(found, message):
    assert table_drift(CONTRACTED, found, "dbt") == [message]


def test_spelling_of_types_and_columns_of_the_lake_are_no_disagreement():
    found = {"mugs": {"sku": "VARCHAR", "units": "BIGINT", "_line": "bigint"}, "cups": {"sku": None}}
    assert table_drift(CONTRACTED, found, "dbt", ignore=frozenset({"_line"})) == []


def test_a_model_without_a_contract_and_a_column_too_many_are_found_in_files(tmp_path):
    folder = tmp_path / "models" / "serving" / "planning"
    folder.mkdir(parents=True)
    (folder / "_models.yml").write_text(
        "models:\n- {name: bundles, columns: [{name: sku, data_type: varchar}, {name: extra}]}\n"
    )
    (folder / "orphans.sql").write_text("select 1")
    drift = dbt_drift(read_dbt_project(tmp_path))
    assert "dbt serving models: bundles.extra is not in the contract." in drift
    assert "dbt serving models: bundles.lift of the contract is missing." in drift
    assert "dbt serving models: table stock_risks of the contracts is missing." in drift
    assert "dbt serving models: orphans has SQL but no YAML." in drift
    assert "dbt serving models: bundles has YAML but no SQL." in drift
    assert "dbt source raw: table orders of the contracts is missing." in drift
