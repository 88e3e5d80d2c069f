"""The SQL that a dialect's mapping stands for: lookup tables, shared views and one select a feed.

Text in, text out; reading files and running the SQL is done elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_quality.acceptance_rules import literal, quoted

MACROS = (Path(__file__).parent / "dialects" / "macros.sql").read_text(encoding="utf-8")


def feed_sql(value: Mapping[str, Any], views: Mapping[str, str]) -> str:
    """The select of a feed: its ``sql`` as written, or one made of ``columns`` (contract column: expression).

    ``rows`` names the view that the columns are taken from (default: the shape itself); ``filtered`` gives
    the reason why a row is left out, or NULL. Views that the select does not use cost nothing.
    """
    if "sql" in value:
        body = re.sub(r";\s*$", "", str(value["sql"]).strip())
    else:
        columns = [f"{expression} as {quoted(name)}" for name, expression in value["columns"].items()]
        columns += ["_file_id", "_line"]
        if "filtered" in value:
            columns.append(f"{value['filtered']} as _filtered")
        body = "select\n    " + ",\n    ".join(columns) + f"\nfrom {value.get('rows', 'source')}"
    if not views or body.lstrip().lower().startswith("with"):
        return body
    shared = ",\n".join(f"{quoted(name)} as (\n{text.strip()}\n)" for name, text in views.items())
    return f"with {shared}\n{body}"


def lookup_sql(tables: Mapping[str, Mapping[Any, Any]]) -> str:
    """Statements that create each lookup table of (told, means) that is written in the dialect itself."""
    statements = []
    for table, values in tables.items():
        rows = ", ".join(
            f"({literal(str(told))}, {'null' if means is None else literal(str(means))})"
            for told, means in values.items()
        )
        statements.append(
            f"create temp table {quoted(table)} as select told::varchar as told, means::varchar as means "
            f"from (values {rows}) as listed(told, means);"
        )
    return "\n".join(statements)
