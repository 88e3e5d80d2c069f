"""Contracts as typed objects: the one place that reads the ODCS YAML files.

A contract says the columns, types, keys, ranges and allowed values of a table. Acceptance, the Great
Expectations suites, the Arrow schemas and the drift tests are derived from it. Judging rows is not done
here (see ``acceptance`` and ``suites``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import yaml

Kind = Literal["feeds", "core", "served"]

CONTRACTS = Path(__file__).parent / "contracts"

# The C parser is ten times as fast, and every process reads all contracts; wheels of PyYAML have it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_ARROW_TYPES: dict[str, pa.DataType] = {
    "varchar": pa.string(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}


class ContractError(ValueError):
    """A contract file is missing, or says something that cannot be understood."""


@dataclass(frozen=True)
class Column:
    """One column of a contract; ``type`` is the DuckDB type, ``personal`` the kind of personal data."""

    name: str
    type: str
    logical_type: str
    description: str
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    pattern: str | None = None
    allowed: tuple[str, ...] = ()
    personal: str | None = None
    unit: str | None = None

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type that tables of the lake use for this column."""
        return arrow_type(self.type)


@dataclass(frozen=True)
class Contract:
    """What a table must look like: grain, key, columns, how it changes and when it arrives.

    ``volume`` is "varies" where few or no rows are as healthy as many (a queue), else "steady".
    """

    name: str
    kind: Kind
    domain: str
    version: str
    description: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    event_time: str | None = None
    changes: str = "append"
    version_column: str | None = None
    partition_by_month_of: str | None = None
    lateness_days: int | None = None
    volume: str = "steady"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in the order of the contract."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; a ``ContractError`` names the contract when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise ContractError(
            f"Contract {self.kind}/{self.name} has no column {name!r}; it has {self.column_names}."
        )

    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of the table's own columns, in order."""
        return pa.schema([pa.field(c.name, c.arrow_type) for c in self.columns])


def arrow_type(physical: str) -> pa.DataType:
    """The Arrow type of a DuckDB type as contracts write it."""
    if physical in _ARROW_TYPES:
        return _ARROW_TYPES[physical]
    if physical.startswith("decimal("):
        precision, scale = physical[len("decimal(") : -1].split(",")
        return pa.decimal128(int(precision), int(scale))
    raise ContractError(
        f"Got physicalType {physical!r}, but expected one of {sorted(_ARROW_TYPES)} or decimal(p,s)."
    )


@cache
def load_contract(name: str, kind: Kind = "feeds") -> Contract:
    """The contract of a feed, core table or served table; raises ``ContractError`` when there is none."""
    path = CONTRACTS / kind / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise ContractError(f"There is no contract {kind}/{name}. Known: {known}.")
    return parse_contract(yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER), kind)


@cache
def all_contracts(kind: Kind = "feeds") -> tuple[Contract, ...]:
    """Every contract of a kind, by name."""
    return tuple(load_contract(path.stem, kind) for path in sorted((CONTRACTS / kind).glob("*.yaml")))


def parse_contract(document: dict[str, Any], kind: Kind) -> Contract:
    """A ``Contract`` from an ODCS document with exactly one schema object."""
    table = document["schema"][0]
    custom = {item["property"]: item["value"] for item in document.get("customProperties", [])}
    sla = {item["property"]: item["value"] for item in document.get("slaProperties", [])}
    keyed = [p for p in table["properties"] if p.get("primaryKey")]
    return Contract(
        name=document["name"],
        kind=kind,
        domain=document["domain"],
        version=document["version"],
        description=document["description"]["purpose"],
        grain=table["dataGranularityDescription"],
        key=tuple(p["name"] for p in sorted(keyed, key=lambda p: int(p["primaryKeyPosition"]))),
        columns=tuple(_parse_column(p) for p in table["properties"]),
        event_time=custom.get("eventTime"),
        changes=custom.get("changes", "append"),
        version_column=custom.get("versionColumn"),
        partition_by_month_of=custom.get("partitionByMonthOf"),
        lateness_days=sla.get("lateness"),
        volume=custom.get("volume", "steady"),
    )


def _parse_column(prop: dict[str, Any]) -> Column:
    options = prop.get("logicalTypeOptions", {})
    custom = {item["property"]: item["value"] for item in prop.get("customProperties", [])}
    allowed = [
        q["arguments"]["validValues"] for q in prop.get("quality", []) if q.get("metric") == "invalidValues"
    ]
    personal = [tag.split(":", 1)[1] for tag in prop.get("tags", []) if tag.startswith("pii:")]
    return Column(
        name=prop["name"],
        type=prop["physicalType"],
        logical_type=prop["logicalType"],
        description=prop["description"],
        required=bool(prop.get("required")),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        max_length=options.get("maxLength"),
        pattern=options.get("pattern"),
        allowed=tuple(str(value) for value in allowed[0]) if allowed else (),
        personal=personal[0] if personal else None,
        unit=custom.get("unit"),
    )
