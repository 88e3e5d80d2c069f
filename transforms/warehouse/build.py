"""One build: dbt runs the project in this process, on a given session. Where things lie, the plan says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from dbt.cli.main import dbtRunner
from pyspark.sql import SparkSession

from transforms.warehouse.cursor import translating
from transforms.warehouse.plan import WarehousePlan
from transforms.warehouse.tables import bind_sources

SCHEMAS = ("staging", "intermediate", "marts")
"""What is built on Spark. Features and served tables are read by the models of ``ml``, from DuckDB."""


@dataclass(frozen=True)
class Outcome:
    """How one model or test ended: dbt's word for it, its seconds, and the error where there is one."""

    name: str
    kind: str
    status: str
    seconds: float
    message: str = ""


def build(
    spark: SparkSession, plan: WarehousePlan, select: Sequence[str] = SCHEMAS, tests: bool = False
) -> list[Outcome]:
    """Build the models as Parquet tables below ``plan.out``, one folder a schema; how each ended."""
    for schema in SCHEMAS:
        folder = str(plan.out / schema).replace("'", "\\'")
        spark.sql(f"create database if not exists {schema} location '{folder}'")
    os.environ["SHOPWRIGHT_THREADS"] = str(plan.threads)
    left_out = ["unit_test"] if tests else ["unit_test", "test"]
    arguments = [
        "build", "--target", "spark", "--select", *select,
        *(word for kind in left_out for word in ("--exclude-resource-type", kind)),
        "--indirect-selection", "buildable",  # tests that read features as well are not for here
        "--project-dir", str(plan.project), "--profiles-dir", str(plan.project),
        "--target-path", str(plan.scratch / "dbt"), "--log-path", str(plan.scratch / "dbt"), "--quiet",
        "--no-version-check", "--no-use-colors", "--no-write-json", "--no-populate-cache",
        "--log-level-file", "info",
    ]  # fmt: skip
    with translating(spark, bind_sources(spark, plan)):
        result = dbtRunner().invoke(arguments)
    if result.exception:
        raise result.exception
    return [
        Outcome(
            name=node.node.name,
            kind=str(node.node.resource_type),
            status=str(node.status),
            seconds=round(node.execution_time, 2),
            message=str(node.message or "") if node.status not in ("success", "pass") else "",
        )
        for node in getattr(result.result, "results", [])
    ]
