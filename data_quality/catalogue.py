"""The contracts as one page of documentation; ``python -m data_quality.catalogue`` prints it."""

from __future__ import annotations

import sys

from data_quality.contract import Column, Contract, Kind, all_contracts

_TITLES: dict[Kind, str] = {
    "feeds": "Feeds: what lands in the lake",
    "core": "Core: what Spark makes of behaviour",
    "served": "Served tables: what other systems read",
}

_HEADING = """# Contracts

Made from the YAML files in `data_quality/contracts/` by `python -m data_quality.catalogue`; change those, not
this page. A column in **bold** is part of the key; `!` marks a column that is never empty.
"""


def markdown() -> str:
    """Every contract as a section with its grain, its rules and a table of its columns."""
    parts = [_HEADING]
    for kind, title in _TITLES.items():
        parts.append(f"## {title}\n")
        parts += [_section(contract) for contract in all_contracts(kind)]
    return "\n".join(parts)


def _section(contract: Contract) -> str:
    rows = "\n".join(_row(column, contract.key) for column in contract.columns)
    return (
        f"### {contract.kind}/{contract.name}\n\n"
        f"{contract.description} {contract.grain}\n\n"
        f"{_facts(contract)}\n\n"
        f"| column | type | rules | meaning |\n|---|---|---|---|\n{rows}\n"
    )


def _facts(contract: Contract) -> str:
    facts = [f"Domain {contract.domain}", f"version {contract.version}"]
    if contract.kind == "feeds":
        facts.append(
            "each record is final" if contract.changes == "append" else "records change; the latest wins"
        )
    if contract.event_time:
        facts.append(f"event time `{contract.event_time}`")
    if contract.lateness_days is not None:
        facts.append(f"up to {contract.lateness_days} days late")
    if contract.volume == "varies":
        facts.append("may be short or empty on a good day")
    return "; ".join(facts) + "."


def _row(column: Column, key: tuple[str, ...]) -> str:
    name = f"**{column.name}**" if column.name in key else column.name
    kind = column.type + (" !" if column.required else "")
    return f"| {name} | {kind} | {_rules(column)} | {_escaped(column.description)} |"


def _rules(column: Column) -> str:
    rules = []
    if column.minimum is not None or column.maximum is not None:
        low = "" if column.minimum is None else f"{column.minimum:g}"
        high = "" if column.maximum is None else f"{column.maximum:g}"
        rules.append(f"{low}…{high}")
    if column.allowed:
        rules.append(", ".join(column.allowed))
    if column.pattern:
        rules.append(f"`{_escaped(column.pattern)}`")
    if column.max_length is not None:
        rules.append(f"≤ {column.max_length} characters")
    if column.unit:
        rules.append(f"in {column.unit}")
    if column.personal:
        rules.append(f"personal ({column.personal})")
    return "; ".join(rules)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown())
