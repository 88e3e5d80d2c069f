"""Suites pass what the contract allows and fail what it forbids, by the expectation meant for it."""

from __future__ import annotations

from contextlib import nullcontext

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from data_quality import suites
from data_quality.contract import all_contracts, load_contract
from data_quality.examples import example_table
from data_quality.suites import SAMPLE_ROWS, suite_expectations, validate_table

EVERY_CONTRACT = [contract for kind in ("feeds", "core", "served") for contract in all_contracts(kind)]


def change(table: pa.Table, column: str, values: dict[int, object]) -> pa.Table:
    """The table with some rows of a column replaced."""
    position = table.column_names.index(column)
    changed = [values.get(row, value) for row, value in enumerate(table.column(column).to_pylist())]
    return table.set_column(
        position, table.schema.field(column), pa.array(changed, table.schema.field(column).type)
    )


def repeat_row(table: pa.Table, row: int) -> pa.Table:
    return pa.concat_tables([table, table.slice(row, 1)])


def same_version_twice(table: pa.Table, key: str, row: int) -> pa.Table:
    """The row takes the key and the version of the row after it."""
    for column in (key, "updated_at"):
        table = change(table, column, {row: table.column(column)[row + 1].as_py()})
    return table


def test_a_suite_says_exactly_what_the_contract_says():
    suite = suite_expectations(load_contract("order_lines"), min_rows=1)
    assert [(e.name.removeprefix("expect_"), e.column, e.arguments) for e in suite][1:7] == [
        ("table_row_count_to_be_between", None, {"min_value": 1}),
        ("compound_columns_to_be_unique", None, {"column_list": ["order_id", "line_number"]}),
        ("column_values_to_not_be_null", "order_id", {}),
        ("column_value_lengths_to_be_between", "order_id", {"max_value": 128}),
        ("column_values_to_not_be_null", "line_number", {}),
        ("column_values_to_be_between", "line_number", {"min_value": 1, "max_value": None}),
    ]


@pytest.mark.parametrize(
    ("name", "unique"),
    [
        ("payments", ["payment_id"]),
        ("order_lines", ["order_id", "line_number"]),
        ("orders", ["order_id", "updated_at"]),
        ("stock_levels", None),
    ],
    ids=["sent once", "sent once, two columns", "sent again with a version", "sent again without a version"],
)
def test_what_is_unique_is_the_key_and_the_version_of_what_is_sent_again(name, unique):
    suite = suite_expectations(load_contract(name))
    found = [e.arguments.get("column_list", [e.column]) for e in suite if e.name.endswith("to_be_unique")]
    assert found == ([unique] if unique else [])


@pytest.mark.parametrize("contract", EVERY_CONTRACT, ids=lambda contract: f"{contract.kind}_{contract.name}")
def test_every_rule_of_every_contract_becomes_an_expectation(contract):
    suite = suite_expectations(contract)
    sent_again_without_version = contract.changes == "upsert" and contract.version_column is None
    expected = 1 + (bool(contract.key) and not sent_again_without_version)
    for column in contract.columns:
        expected += column.required + bool(column.allowed) + bool(column.pattern)
        expected += (column.minimum is not None or column.maximum is not None) + (
            column.max_length is not None
        )
    assert len(suite) == expected
    assert len({(e.name, e.column) for e in suite}) == expected


@pytest.mark.parametrize("name", ["orders", "events", "supply_terms"])
def test_rows_that_satisfy_the_contract_pass(name):
    result = validate_table(example_table(load_contract(name), 50), load_contract(name))
    assert result.success
    assert len(result.checks) == len(suite_expectations(load_contract(name))) + 1
    assert (result.n_rows, result.n_judged, result.failed) == (50, 50, ())


PLANTED = [
    ("column_values_to_not_be_null", "ordered_at", lambda t: change(t, "ordered_at", {3: None})),
    ("compound_columns_to_be_unique", None, lambda t: same_version_twice(t, "order_id", row=3)),
    ("column_values_to_be_in_set", "order_status", lambda t: change(t, "order_status", {3: "lost"})),
    ("column_values_to_be_between", "gross_amount", lambda t: change(t, "gross_amount", {3: -1})),
    ("column_values_to_match_regex", "currency", lambda t: change(t, "currency", {3: "eur"})),
    ("column_value_lengths_to_be_between", "visitor_id", lambda t: change(t, "visitor_id", {3: "x" * 129})),
    ("table_columns_to_match_ordered_list", None, lambda t: t.drop_columns(["channel"])),
    ("table_columns_to_match_ordered_list", None, lambda t: t.append_column("extra", t.column("channel"))),
    ("table_columns_to_match_ordered_list", None, lambda t: t.select(t.column_names[::-1])),
    ("table_row_count_to_be_between", None, lambda t: t.slice(0, 0)),
]


@pytest.mark.parametrize(("expectation", "column", "plant"), PLANTED)
def test_a_planted_fault_fails_the_expectation_meant_for_it_and_no_other(expectation, column, plant):
    contract = load_contract("orders")
    result = validate_table(plant(example_table(contract, 20)), contract, min_rows=1)
    assert not result.success
    assert {(check.name, check.column) for check in result.failed} == {(f"expect_{expectation}", column)}


@pytest.mark.parametrize(("_", "column", "plant"), PLANTED)
def test_making_each_configuration_once_changes_no_verdict(_, column, plant, monkeypatch):
    contract = load_contract("orders")
    table = plant(example_table(contract, 20))
    kept = validate_table(table, contract, min_rows=1)
    monkeypatch.setattr(suites, "_configurations_kept", nullcontext)
    assert validate_table(table, contract, min_rows=1) == kept


def test_a_column_of_another_type_is_named():
    contract = load_contract("orders")
    table = example_table(contract, 5)
    position = table.column_names.index("gross_amount")
    text = pc.cast(table.column("gross_amount"), pa.float64())
    result = validate_table(table.set_column(position, "gross_amount", text), contract)
    [check] = result.failed
    assert check.observed == "gross_amount is double, not decimal128(18, 2)"


def test_a_failed_check_shows_five_masked_rows_and_where_they_came_from():
    contract = load_contract("order_lines")
    table = change(example_table(contract, 20), "units", dict.fromkeys(range(4, 12), 0))
    table = table.append_column("_line", pa.array(range(100, 120))).append_column(
        "_file_id", pa.array(["f1"] * 20)
    )
    [check] = validate_table(table, contract).failed
    assert check.unexpected_count == 8
    assert check.observed == "8 of 20 rows"
    assert len(check.examples) == 5
    assert check.examples[0] == {
        "_file_id": "f1",
        "_line": "104",
        "order_id": "or… (10 characters)",
        "line_number": "5",
        "units": "0",
    }


def test_personal_values_are_never_shown():
    contract = load_contract("suppliers")
    table = same_version_twice(example_table(contract, 6), "supplier_id", row=1)
    table = change(table, "contact_email", dict.fromkeys(range(6), "anna@example.org"))
    result = validate_table(table, contract)
    [check] = result.failed
    assert check.name == "expect_compound_columns_to_be_unique"
    assert {example["supplier_id"] for example in check.examples} == {"su… (13 characters)"}
    assert "anna" not in repr(result)


def test_repeated_compound_keys_are_found_and_shown():
    contract = load_contract("order_lines")
    [check] = validate_table(repeat_row(example_table(contract, 10), 2), contract).failed
    assert check.name == "expect_compound_columns_to_be_unique"
    assert check.unexpected_count == 2
    assert {example["line_number"] for example in check.examples} == {"3"}


def test_a_pandas_frame_is_judged_like_a_table():
    contract = load_contract("prices")
    frame = example_table(contract, 10).to_pandas()
    assert validate_table(frame, contract).success
    frame.loc[3, "sku"] = None
    assert [check.column for check in validate_table(frame, contract).failed] == ["sku"]


def test_a_large_load_is_judged_by_an_even_sample_and_a_served_table_whole():
    contract = load_contract("order_status_events")
    table = example_table(contract, SAMPLE_ROWS + 1000)
    result = validate_table(table, contract)
    assert (result.success, result.n_rows, result.n_judged) == (True, SAMPLE_ROWS + 1000, SAMPLE_ROWS)
    late = change(table, "order_status", {table.num_rows - 1: "lost"})
    assert [check.column for check in validate_table(late, contract).failed] == ["order_status"]
    assert validate_table(table, contract, kind="served").n_judged == SAMPLE_ROWS + 1000
