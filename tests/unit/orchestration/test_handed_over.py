"""The files that models read: features beside the warehouse, tables of the lake from the lake."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from data_quality.contract import load_contract
from data_quality.examples import example_table
from feeds.lake import Lake
from orchestration.handed_over import file_scan, hand_over


@pytest.fixture
def connection():
    with duckdb.connect() as opened:
        opened.execute("create schema features")
        yield opened


def read(connection: duckdb.DuckDBPyConnection, name: str, tmp_path) -> pa.Table | None:
    scan = file_scan(connection, name, Lake(tmp_path / "lake"), tmp_path / "features")
    return connection.execute(scan).to_arrow_table() if scan else None


def test_a_feature_table_is_read_as_it_was_when_it_was_handed_over(connection, tmp_path):
    connection.execute("create table features.feat_skus as select 'mug' as sku, 1.5::double as price_amount")
    hand_over(connection, ["feat_skus"], tmp_path / "features")
    connection.execute("drop table features.feat_skus")
    assert read(connection, "features.feat_skus", tmp_path).to_pylist() == [
        {"sku": "mug", "price_amount": 1.5}
    ]


def test_a_table_that_was_never_handed_over_is_left_to_the_warehouse(connection, tmp_path):
    assert read(connection, "features.feat_skus", tmp_path) is None
    assert read(connection, "marts.fct_orders", tmp_path) is None


def test_a_copy_that_fails_leaves_the_earlier_file(connection, tmp_path):
    connection.execute("create table features.feat_skus as select 'mug' as sku")
    hand_over(connection, ["feat_skus"], tmp_path / "features")
    connection.execute("create or replace view features.feat_skus2 as select error('full') as sku")
    with pytest.raises(duckdb.Error):
        hand_over(connection, ["feat_skus2"], tmp_path / "features")
    assert read(connection, "features.feat_skus", tmp_path).num_rows == 1
    assert read(connection, "features.feat_skus2", tmp_path) is None


def test_a_lake_table_is_read_with_the_types_of_its_contract_even_when_nothing_was_written(
    connection, tmp_path
):
    contract = load_contract("item_pairs", "core")
    assert read(connection, "core.item_pairs", tmp_path).column_names == list(contract.column_names)
    Lake(tmp_path / "lake").replace("core", "item_pairs", example_table(contract, 3))
    assert read(connection, "core.item_pairs", tmp_path).num_rows == 3
