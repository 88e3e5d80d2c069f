"""Every contract is valid by the official standard and keeps the rules for names, keys, units and grain."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from data_quality.catalogue import markdown
from data_quality.contract import CONTRACTS, Contract, all_contracts, load_contract
from data_quality.examples import example_table

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(CONTRACTS.glob("*/*.yaml"))
EVERY_CONTRACT = [contract for kind in ("feeds", "core", "served") for contract in all_contracts(kind)]
SUFFIX_TYPES = {
    "_id": {"varchar"},
    "_at": {"timestamptz"},
    "_date": {"date"},
    "_units": {"bigint", "double"},
    "_amount": {"decimal(18,2)", "decimal(18,6)"},
    "_ratio": {"double"},
    "_seconds": {"bigint", "double"},
    "_days": {"bigint", "double"},
}
RATIOS_BEYOND_ONE = {"gain_ratio"}
NAMED_BY_THE_STANDARD = {"recommendation_accuracy.split_at"}

each_contract = pytest.mark.parametrize("contract", EVERY_CONTRACT, ids=lambda c: f"{c.kind}_{c.name}")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}_{path.stem}")
def test_a_contract_file_is_a_valid_odcs_document(path):
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    model = OpenDataContractStandard.model_validate(document)
    assert model.kind == "DataContract"
    assert model.apiVersion.startswith("v3.")
    known = OpenDataContractStandard.model_fields.keys() | {"schema"}
    assert set(document) <= known, f"fields unknown to the standard: {set(document) - known}"
    assert model.name == path.stem
    assert model.id == f"shopwright.{path.parent.name}.{path.stem}"


@each_contract
def test_the_key_is_stated_required_and_numbered_without_gaps(contract: Contract):
    assert contract.key, "no primary key"
    assert all(contract.column(name).required for name in contract.key)
    document = yaml.safe_load(
        (CONTRACTS / contract.kind / f"{contract.name}.yaml").read_text(encoding="utf-8")
    )
    positions = [p["primaryKeyPosition"] for p in document["schema"][0]["properties"] if p.get("primaryKey")]
    assert sorted(positions) == list(range(1, len(contract.key) + 1))


@each_contract
def test_the_grain_is_the_last_sentence_of_the_description(contract: Contract):
    document = yaml.safe_load(
        (CONTRACTS / contract.kind / f"{contract.name}.yaml").read_text(encoding="utf-8")
    )
    assert re.fullmatch(r"One row per .+\.", contract.grain)
    assert document["schema"][0]["description"].endswith(contract.grain)


@each_contract
def test_columns_are_described_and_named_by_the_rules(contract: Contract):
    for column in contract.columns:
        assert column.description.strip(), column.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name)
        assert (column.type == "boolean") == column.name.startswith(("is_", "has_")), column.name
        if column.name.startswith("n_"):
            assert column.type == "bigint", column.name
        for suffix, types in SUFFIX_TYPES.items():
            if column.name.endswith(suffix) and f"{contract.name}.{column.name}" not in NAMED_BY_THE_STANDARD:
                assert column.type in types, f"{column.name} is {column.type}"


@each_contract
def test_quantities_state_their_unit_and_amounts_their_currency(contract: Contract):
    for column in contract.columns:
        if column.name == "units" or (column.name.endswith("_units") and not column.name.startswith("n_")):
            assert column.unit == "units", column.name
        if column.name.endswith(("_days", "_seconds")):
            assert column.unit == column.name.rsplit("_", 1)[1], column.name
        if column.name.endswith("_ratio") and column.name not in RATIOS_BEYOND_ONE:
            assert (column.minimum, column.maximum) == (0, 1), column.name
    if any(column.name.endswith("_amount") for column in contract.columns):
        assert any(column.name == "currency" for column in contract.columns)


@each_contract
def test_roles_point_to_columns_that_exist(contract: Contract):
    for role in (contract.event_time, contract.version_column, contract.partition_by_month_of):
        assert role is None or contract.column(role)
    assert contract.changes in {"append", "upsert"}
    assert contract.volume in {"steady", "varies"}
    assert (contract.changes == "upsert") <= (contract.version_column is not None or contract.kind == "feeds")


@each_contract
def test_bounds_are_in_order_and_patterns_compile(contract: Contract):
    for column in contract.columns:
        if column.minimum is not None and column.maximum is not None:
            assert column.minimum < column.maximum
        if column.pattern:
            re.compile(column.pattern)
        assert len(set(column.allowed)) == len(column.allowed)


@pytest.mark.parametrize("name", [contract.name for contract in all_contracts("served")])
def test_served_rows_say_as_of_when_and_from_which_run_and_model(name):
    contract = load_contract(name, "served")
    assert contract.column_names[-3:] == ("as_of", "run_id", "model_version")
    assert all(contract.column(column).required for column in ("as_of", "run_id", "model_version"))
    assert not [column.name for column in contract.columns if column.personal]


@each_contract
def test_example_rows_have_the_schema_and_unique_keys(contract: Contract):
    table = example_table(contract, 30)
    assert table.schema == contract.arrow_schema()
    assert len(set(zip(*(table.column(name).to_pylist() for name in contract.key), strict=True))) == 30


def test_the_catalogue_page_shows_the_contracts_as_they_are():
    page = ROOT / "docs" / "contracts.md"
    assert page.read_text(encoding="utf-8") == markdown(), (
        "run `python -m data_quality.catalogue > docs/contracts.md`"
    )
