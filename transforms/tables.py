"""Tables in and out: Spark schemas from the contracts, reading the lake's files, writing Parquet aside.

No job logic belongs here. The contract is the only place that names columns and types; a table that leaves a
job passes through ``conform``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_schema

from data_quality.contract import Contract, ContractError, load_contract
from transforms.sessions import DAY

_SPARK_TYPES: dict[str, T.DataType] = {
    "varchar": T.StringType(),
    "bigint": T.LongType(),
    "integer": T.IntegerType(),
    "double": T.DoubleType(),
    "boolean": T.BooleanType(),
    "date": T.DateType(),
    "timestamptz": T.TimestampType(),
}

PAIR_DAYS = "pair_days"
# What is kept for the next launch only; no contract, as nobody else reads it.
PAIR_DAYS_SCHEMA = T.StructType(
    [
        T.StructField("pair_kind", T.StringType()),
        T.StructField("sku", T.StringType()),
        T.StructField("paired_sku", T.StringType()),
        T.StructField("n_together", T.LongType()),
        T.StructField("weight_steps", T.LongType()),
        T.StructField("last_micros", T.LongType()),
        T.StructField(DAY, T.DateType()),
    ]
)
WHOLE = ("item_pairs",)
"""Tables that are replaced whole: their weights change with the day."""
KEYED_BY_FIRST_COLUMN = ("session_events", "sessions", "bot_sessions")


@dataclass(frozen=True)
class Files:
    """The data files of one version of a lake table, and the folder under which its partitions lie."""

    paths: tuple[str, ...] = ()
    base_path: str | None = None


def spark_type(physical: str) -> T.DataType:
    """The Spark type of a DuckDB type as contracts write it."""
    if physical in _SPARK_TYPES:
        return _SPARK_TYPES[physical]
    if physical.startswith("decimal("):
        precision, scale = physical[len("decimal(") : -1].split(",")
        return T.DecimalType(int(precision), int(scale))
    raise ContractError(
        f"Got physicalType {physical!r}, but expected one of {sorted(_SPARK_TYPES)} or decimal(p,s)."
    )


def contract_schema(contract: Contract, columns: Sequence[str] | None = None) -> T.StructType:
    """The Spark schema of a contract's table, or of some of its columns."""
    chosen = [contract.column(name) for name in columns or contract.column_names]
    return T.StructType([T.StructField(c.name, spark_type(c.type)) for c in chosen])


def read_files(spark: SparkSession, contract: Contract, files: Files, columns: Sequence[str]) -> DataFrame:
    """Some columns of a raw table; a required value that is absent stops the job.

    A file without a column reads as nulls: right for a column added later, wrong for a required one. So the
    required ones are guarded, and the error names the input and the column.
    """
    reader = spark.read.schema(contract_schema(contract, columns))
    if files.base_path:
        reader = reader.option("basePath", files.base_path)
    rows = reader.parquet(*[literally(path) for path in files.paths])
    return rows.select(*[_guarded(contract, name) for name in columns])


def output_schema(output: str) -> T.StructType:
    """The columns of a table as the jobs write it: its contract's, then the day it is replaced by."""
    if output == PAIR_DAYS:
        return PAIR_DAYS_SCHEMA
    schema = contract_schema(load_contract(output, "core"))
    return schema if output in WHOLE else T.StructType([*schema.fields, T.StructField(DAY, T.DateType())])


def read_output(spark: SparkSession, output: str, paths: Sequence[str]) -> DataFrame:
    """A table that the jobs wrote, from files or folders of Parquet."""
    schema = output_schema(output)
    if not paths:
        return spark.createDataFrame([], schema)
    return spark.read.schema(schema).parquet(*[literally(path) for path in paths])


def conform(rows: DataFrame, schema: T.StructType) -> DataFrame:
    """Exactly the columns of the schema, in its order and of its types."""
    return rows.select(*[F.col(f.name).cast(f.dataType).alias(f.name) for f in schema.fields])


def write_aside(rows: DataFrame, output: str, folder: str, n_files: int) -> int:
    """Write a table as Parquet into a folder that must not exist yet; the number of rows written."""
    schema = output_schema(output)
    writer = conform(rows, schema).coalesce(n_files).write.mode("error")
    if output in KEYED_BY_FIRST_COLUMN:
        # A key of one column never repeats: a dictionary of it would be built only to be thrown away.
        writer = writer.option(f"parquet.enable.dictionary#{schema.names[0]}", "false")
    writer.parquet(folder)
    if "://" not in folder:
        # The footers know; a Spark job to ask them takes half a second.
        return int(ds.dataset(folder, format="parquet").count_rows())
    return rows.sparkSession.read.schema(schema).parquet(folder).count()


def write_empty(output: str, folder: str) -> None:
    """Write a table without rows, but with its columns; starts no Java."""
    filesystem, path = pafs.FileSystem.from_uri(folder if "://" in folder else str(Path(folder).resolve()))
    filesystem.create_dir(path, recursive=True)
    empty = to_arrow_schema(output_schema(output), timezone="UTC").empty_table()
    pq.write_table(empty, f"{path}/part-00000.parquet", filesystem=filesystem)


def _guarded(contract: Contract, name: str) -> SparkColumn:
    if not contract.column(name).required:
        return F.col(name)
    message = f"input {contract.name}: {name} is required, but a file lacks the column or a row the value"
    return (
        F.coalesce(F.col(name), F.raise_error(F.lit(message)))
        .cast(spark_type(contract.column(name).type))
        .alias(name)
    )


def literally(path: str) -> str:
    """A path that Spark takes as it is; it reads brackets, braces, stars and question marks as patterns."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)
