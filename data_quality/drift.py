"""Where the contracts and another description of the same tables disagree, in both directions.

The other descriptions are the dbt project's YAML and model files. Nothing is repaired; the messages name the
tables and columns that differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data_quality.contract import Kind, all_contracts

LAKE_COLUMNS = frozenset({"_load_number", "_file_id", "_line", "_month"})
"""Columns that the lake adds to every raw table; contracts do not know them."""

DBT_SOURCES: dict[str, Kind] = {"raw": "feeds", "core": "core", "ml": "served"}
"""Which contracts each dbt source must agree with."""

SERVING_LAYER = "serving"

Columns = Mapping[str, str | None]


@dataclass(frozen=True)
class DbtProject:
    """Sources and serving models that a dbt project describes, each with its columns and their types."""

    sources: dict[str, dict[str, Columns]]
    serving: dict[str, Columns]
    serving_sql: frozenset[str]


def read_dbt_project(project: Path) -> DbtProject:
    """Read the YAML and the names of the SQL files of a dbt project; no dbt is run."""
    sources: dict[str, dict[str, Columns]] = {}
    serving: dict[str, Columns] = {}
    models = project / "models"
    for path in sorted(models.rglob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for source in document.get("sources", []):
            tables = {table["name"]: _columns(table) for table in source.get("tables", [])}
            sources.setdefault(source["name"], {}).update(tables)
        if (models / SERVING_LAYER) in path.parents:
            serving |= {model["name"]: _columns(model) for model in document.get("models", [])}
    sql = frozenset(path.stem for path in (models / SERVING_LAYER).rglob("*.sql"))
    return DbtProject(sources, serving, sql)


def dbt_drift(project: DbtProject) -> list[str]:
    """Every disagreement between the contracts and a dbt project; empty when they say the same."""
    drift: list[str] = []
    for source, kind in DBT_SOURCES.items():
        described = project.sources.get(source, {})
        drift += table_drift(_contracted(kind), described, f"dbt source {source}", ignore=LAKE_COLUMNS)
    drift += table_drift(_contracted("served"), project.serving, "dbt serving models")
    for name in sorted(project.serving_sql ^ set(project.serving)):
        has = "SQL but no YAML" if name in project.serving_sql else "YAML but no SQL"
        drift.append(f"dbt serving models: {name} has {has}.")
    return drift


def table_drift(
    contracted: Mapping[str, Columns],
    found: Mapping[str, Columns],
    where: str,
    *,
    ignore: frozenset[str] = frozenset(),
) -> list[str]:
    """Tables and columns that only one side has, and types that differ; a type None is not compared."""
    missing = sorted(contracted.keys() - found.keys())
    unknown = sorted(found.keys() - contracted.keys())
    drift = [f"{where}: table {name} of the contracts is missing." for name in missing]
    drift += [f"{where}: table {name} has no contract." for name in unknown]
    for name in sorted(contracted.keys() & found.keys()):
        drift += _column_drift(contracted[name], found[name], f"{where}: {name}", ignore)
    return drift


def _column_drift(contracted: Columns, found: Columns, where: str, ignore: frozenset[str]) -> Iterator[str]:
    for column in contracted.keys() - found.keys():
        yield f"{where}.{column} of the contract is missing."
    for column in found.keys() - contracted.keys() - ignore:
        yield f"{where}.{column} is not in the contract."
    for column in contracted.keys() & found.keys():
        said, meant = found[column], contracted[column]
        if said is not None and meant is not None and _plain(said) != _plain(meant):
            yield f"{where}.{column} is {said}, but the contract says {meant}."


def _contracted(kind: Kind) -> dict[str, Columns]:
    return {contract.name: {c.name: c.type for c in contract.columns} for contract in all_contracts(kind)}


def _columns(table: Mapping[str, Any]) -> Columns:
    return {column["name"]: column.get("data_type") for column in table.get("columns", [])}


def _plain(kind: str) -> str:
    plain = kind.lower().replace(" ", "")
    return {"timestampwithtimezone": "timestamptz", "text": "varchar", "string": "varchar"}.get(plain, plain)
