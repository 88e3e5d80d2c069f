"""How results look in the Dagster UI: tables, pictures and failed checks as metadata."""

from __future__ import annotations

import base64
from typing import Any

import dagster as dg
import pandas as pd

from data_quality.suites import SuiteResult

MAX_ROWS = 12


def table_md(frame: pd.DataFrame, rows: int = MAX_ROWS) -> dg.MarkdownMetadataValue:
    """The first rows of a frame as a Markdown table."""
    head = frame.head(rows)
    lines = ["| " + " | ".join(map(str, head.columns)) + " |", "|" + "---|" * len(head.columns)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in head.itertuples(index=False)]
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A PNG that the UI shows."""
    return dg.MetadataValue.md(f"![picture](data:image/png;base64,{base64.b64encode(png).decode()})")


def suite_metadata(suite: SuiteResult) -> dict[str, Any]:
    """Counts of a suite and, for what failed, up to five masked example rows each."""
    failed = [check for check in suite.checks if not check.success]
    told: dict[str, Any] = {
        "rows": suite.n_rows,
        "rows_judged": suite.n_judged,
        "checks": len(suite.checks),
        "failed": len(failed),
    }
    if failed:
        told["failures"] = table_md(
            pd.DataFrame(
                [
                    (c.name, c.column or "", c.observed, c.unexpected_count, str(list(c.examples)[:5]))
                    for c in failed
                ],
                columns=["check", "column", "observed", "unexpected", "examples (masked)"],
            )
        )
    return told
