"""What every section of ``docs/results.md`` needs: measured files, tables, where it was measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


def read_results(name: str) -> Any:
    """What a benchmark wrote; ``None`` where it has not run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def table_of(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(_cell, row)) + " |" for row in rows])


def _cell(value: object) -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def where_measured(machine: dict[str, Any]) -> str:
    """Date, cores, memory, load and versions, as a sentence."""
    names = ("dagster", "dbt-core", "duckdb", "pyspark")
    versions = ", ".join(f"{name} {machine['versions'][name]}" for name in names)
    return (
        f"Measured {machine['date'][:16]} UTC, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"load {machine['load_average'][0]}, {versions}."
    )
