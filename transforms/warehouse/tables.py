"""Tables of the warehouse on Spark: the lake's as dbt's sources, and the columns of any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from data_quality.contract import Contract
from data_quality.warehouse_sources import SHOP_SETTINGS, lake_contracts
from transforms.tables import Files, contract_schema, literally, spark_type
from transforms.warehouse.plan import WarehousePlan

_LOAD_COLUMNS = {"_load_number": T.LongType(), "_file_id": T.StringType(), "_line": T.LongType()}
SETTINGS_TABLE = "control.shop_settings"
_DUCKDB_TYPES = {
    "string": "varchar",
    "timestamp": "timestamptz",
    "timestamp_ntz": "timestamp",
    "int": "integer",
}


def columns_of(spark: SparkSession, table: str) -> dict[str, str]:
    """Columns of a table or view and the DuckDB types that they stand for."""
    return {f.name: _duckdb_type(f.dataType) for f in spark.table(table).schema.fields}


@dataclass(frozen=True)
class Sources:
    """The names of views by dbt's for the source (``raw.orders``), and the shop's settings as literals."""

    views: Mapping[str, str]
    rows: Mapping[str, Mapping[str, str]]


def bind_sources(spark: SparkSession, plan: WarehousePlan) -> Sources:
    """Make a view of each table of the lake and of the shop's settings.

    A view reads the files that the plan lists and no others, so one build sees one state of the lake. A table
    that the shop lacks has the columns of its contract and no rows.
    """
    views = {}
    for source, contract in lake_contracts().items():
        views[source.replace("/", ".")] = view = source.replace("/", "__")
        _rows(spark, source, contract, plan.inputs.get(source, Files())).createOrReplaceTempView(view)
    views[SETTINGS_TABLE] = view = SETTINGS_TABLE.replace(".", "__")
    schema = T.StructType([T.StructField(name, spark_type(type_)) for name, type_ in SHOP_SETTINGS.items()])
    row = tuple(plan.settings[name] for name in SHOP_SETTINGS)
    spark.createDataFrame([row], schema).createOrReplaceTempView(view)
    literals = {name: _literal(plan.settings[name], type_) for name, type_ in SHOP_SETTINGS.items()}
    return Sources(views, {SETTINGS_TABLE: literals})


def _rows(spark: SparkSession, source: str, contract: Contract, files: Files) -> DataFrame:
    schema = _schema(source, contract)
    if not files.paths:
        return spark.createDataFrame([], schema)
    reader = spark.read.schema(schema)
    if files.base_path:
        reader = reader.option("basePath", files.base_path)
    # a partition column of the folders is none of the contract
    return reader.parquet(*[literally(path) for path in files.paths]).select(*schema.names)


def _literal(value: object, type_: str) -> str:
    """A setting in DuckDB's SQL."""
    quoted = "'" + str(value).replace("'", "''") + "'"
    return f"cast({'null' if value is None else quoted} as {type_})"


def _schema(source: str, contract: Contract) -> T.StructType:
    schema = contract_schema(contract)
    if source.startswith("raw/"):
        for name, type_ in _LOAD_COLUMNS.items():
            schema = schema.add(name, type_)
    return schema


def _duckdb_type(type_: T.DataType) -> str:
    simple = type_.simpleString().partition("(")[0]
    return _DUCKDB_TYPES.get(simple, simple)
