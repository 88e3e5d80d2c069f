"""The builds of a run: every model and every test belongs to exactly one of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner

from orchestration.dbt_runs import parsed_project
from orchestration.defs.warehouse.dbt_models import (
    BUILDS,
    LATE_TESTS,
    arguments,
    feature_models,
    serving_models,
    warehouse_models,
)
from orchestration.settings import DBT_PROJECT


def listed(folder: Path, chosen: list[str]) -> list[str]:
    """Models and data tests that dbt would build for these arguments."""
    quiet = ["--quiet", "--log-level", "none", "--log-level-file", "none", "--no-write-json"]
    places = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    aside = ["--target-path", str(folder), "--log-path", str(folder)]
    kinds = ["--resource-type", "model", "--resource-type", "test"]
    result = dbtRunner(manifest=parsed_project()).invoke(["ls", *chosen, *kinds, *quiet, *places, *aside])
    assert result.success, result.exception
    return list(result.result)


def test_every_model_and_every_test_is_in_exactly_one_build(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOPWRIGHT_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    built = Counter(name for build in BUILDS for name in listed(tmp_path, arguments(build)))
    assert sorted(built) == sorted(listed(tmp_path, ["--select", "fqn:shopwright"]))
    assert {name: n for name, n in built.items() if n != 1} == {}


@pytest.mark.parametrize(
    ("build", "models"),
    [
        ("warehouse_of_features", feature_models),
        ("warehouse", warehouse_models),
        ("served_tables", serving_models),
    ],
)
def test_a_check_holds_up_what_follows_unless_a_later_build_answers_it(build, models, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOPWRIGHT_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    answered = {name.rsplit(".", 1)[-1] for name in listed(tmp_path, arguments(build))}
    severity = {
        node.name: node.config.severity.lower()
        for node in parsed_project().nodes.values()
        if node.resource_type == "test"
    }
    checks = {spec.name: spec.blocking for spec in models.check_specs}
    late = set(checks) - answered
    assert late <= set(LATE_TESTS)
    assert {name for name, blocking in checks.items() if not blocking} == late | {
        name for name in checks if severity[name] == "warn"
    }


def test_every_late_test_is_one():
    """A name that no test has any more would be noticed nowhere."""
    assert set(LATE_TESTS) <= {spec.name for spec in feature_models.check_specs}
