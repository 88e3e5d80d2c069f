"""A plan of the warehouse on Spark is checked before any Java starts."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from data_quality.warehouse_sources import SHOP_SETTINGS
from transforms.plan import PlanError
from transforms.warehouse.__main__ import EXIT_WRONG_PLAN, main
from transforms.warehouse.plan import read_plan


def document(folder: Path, **changed: Any) -> dict[str, Any]:
    settings = dict.fromkeys(SHOP_SETTINGS, "x") | {"as_of": "2026-03-10", "demand_period_days": 1}
    return {
        "project": "dbt_project",
        "inputs": {"raw/orders": {"files": ["/lake/a%20b.parquet"], "base_path": "/lake"}},
        "settings": settings,
        "out": str(folder / "tables"),
        "scratch": str(folder / "scratch"),
    } | changed


def written(folder: Path, content: Any) -> Path:
    path = folder / "plan.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_plan_names_files_settings_and_folders(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, document(tmp_path)))
    assert plan.inputs["raw/orders"].paths == ("/lake/a b.parquet",)
    assert plan.settings["as_of"] == date(2026, 3, 10)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"inputs": {"raw/oders": {}}}, "raw/oders"),
        ({"settings": {"as_of": "2026-03-10"}}, "currency"),
        ({"settings": {"as_of": "tomorrow"}}, "tomorrow"),
        ({"out": "."}, "exists already"),
    ],
)
def test_a_wrong_plan_is_refused_with_what_is_wrong(
    tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    with pytest.raises(PlanError, match=told):
        read_plan(written(tmp_path, document(tmp_path, **changed)))


@pytest.mark.parametrize("content", ["{", "[]", '{"inputs": {}}'])
def test_what_is_no_plan_ends_the_command_with_a_message(tmp_path: Path, content: str, capsys: Any) -> None:
    assert main(["--plan", str(written(tmp_path, content))]) == EXIT_WRONG_PLAN
    assert "plan.json lacks an entry or has a wrong one" in capsys.readouterr().err
