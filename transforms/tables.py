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

from data_quality.contract import Contract, ContractError

_SPARK_TYPES: dict[str, T.DataType] = {
    "varchar": T.StringType(),
    "bigint": T.LongType(),
    "integer": T.IntegerType(),
    "double": T.DoubleType(),
    "boolean": T.BooleanType(),
    "date": T.DateType(),
    "timestamptz": T.TimestampType(),
}


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
    rows = reader.parquet(*[_literally(path) for path in files.paths])
    return rows.select(*[_guarded(contract, name) for name in columns])


def conform(rows: DataFrame, contract: Contract) -> DataFrame:
    """Exactly the contract's columns, in its order and of its types."""
    return rows.select(*[F.col(c.name).cast(spark_type(c.type)).alias(c.name) for c in contract.columns])


def write_aside(rows: DataFrame, contract: Contract, folder: str, n_files: int) -> int:
    """Write a table as Parquet into a folder that must not exist yet; the number of rows written."""
    writer = conform(rows, contract).coalesce(n_files).write.mode("errorifexists")
    if len(contract.key) == 1:
        # A key of one column never repeats: a dictionary of it would be built only to be thrown away.
        writer = writer.option(f"parquet.enable.dictionary#{contract.key[0]}", "false")
    writer.parquet(folder)
    if "://" not in folder:
        # The footers know; a Spark job to ask them takes half a second.
        return int(ds.dataset(folder, format="parquet").count_rows())
    return rows.sparkSession.read.schema(contract_schema(contract)).parquet(folder).count()


def write_empty(contract: Contract, folder: str) -> None:
    """Write a table without rows, but with the contract's columns; starts no Java."""
    filesystem, path = pafs.FileSystem.from_uri(folder if "://" in folder else str(Path(folder).resolve()))
    filesystem.create_dir(path, recursive=True)
    pq.write_table(contract.arrow_schema().empty_table(), f"{path}/part-00000.parquet", filesystem=filesystem)


def _guarded(contract: Contract, name: str) -> SparkColumn:
    if not contract.column(name).required:
        return F.col(name)
    message = f"input {contract.name}: {name} is required, but a file lacks the column or a row the value"
    return (
        F.coalesce(F.col(name), F.raise_error(F.lit(message)))
        .cast(spark_type(contract.column(name).type))
        .alias(name)
    )


def _literally(path: str) -> str:
    """A path that Spark takes as it is; it reads brackets, braces, stars and question marks as patterns."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)
