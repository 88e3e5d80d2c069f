"""``python -m transforms.warehouse --plan plan.json``: build staging, intermediate and marts on Spark.

The last line of standard output is a JSON object with how each model ended. Exit code 1: a model failed; 2:
the plan cannot be carried out.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from transforms.java import JavaNotFoundError, spark_environment
from transforms.plan import PlanError
from transforms.session import start_session
from transforms.warehouse.build import SCHEMAS, Outcome, build
from transforms.warehouse.plan import read_plan

EXIT_FAILED = 1
EXIT_WRONG_PLAN = 2
SETTINGS = {
    # How much the models read is not known beforehand.
    "spark.sql.adaptive.enabled": "true",
    # A product of decimals keeps its digits, as DuckDB's does, and is rounded once, where the model says so.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    # By this rule Spark 4.3.0 spoils the plan of int_exchange_rates_daily, notices it, and stops (both
    # halves of a union rename columns of one table). Without it plans have a few projections more.
    "spark.sql.optimizer.excludedRules": "org.apache.spark.sql.catalyst.optimizer.RemoveRedundantAliases",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what the plan says; the exit code."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    try:
        plan = read_plan(options.plan)
        os.environ.update(spark_environment(plan.scratch / "java"))
    except (PlanError, JavaNotFoundError) as error:
        print(f"transforms.warehouse: {error}", file=sys.stderr)
        return EXIT_WRONG_PLAN
    spark = start_session(plan.scratch, "shopwright-warehouse")
    for name, value in SETTINGS.items():
        spark.conf.set(name, value)
    outcomes = build(spark, plan, options.select, options.tests)
    spark.stop()
    told = {"seconds": round(time.monotonic() - began, 1), "nodes": [dataclasses.asdict(o) for o in outcomes]}
    print(json.dumps(told), flush=True)
    return EXIT_FAILED if _failed(outcomes) else 0


def _failed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    failed = [outcome for outcome in outcomes if outcome.status not in ("success", "pass", "warn")]
    for outcome in failed:
        print(f"{outcome.name}: {outcome.status} {outcome.message}", file=sys.stderr)
    return failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m transforms.warehouse", description=__doc__)
    parser.add_argument("--plan", type=Path, required=True, help="JSON file, see plan.py")
    parser.add_argument("--select", nargs="+", default=SCHEMAS, help="models, in dbt's words")
    parser.add_argument("--tests", action="store_true", help="run the tests of these models as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
