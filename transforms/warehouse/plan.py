"""What one build of the warehouse on Spark reads and writes, as a JSON document. Nothing is computed here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from data_quality.warehouse_sources import SHOP_SETTINGS, lake_contracts
from transforms.plan import PlanError, local_path
from transforms.tables import Files


@dataclass(frozen=True)
class WarehousePlan:
    """One build: files by table of the lake (``raw/orders``), the shop's settings, where tables go."""

    project: Path
    inputs: Mapping[str, Files]
    settings: Mapping[str, Any]
    out: Path
    scratch: Path
    threads: int = 2


def read_plan(path: Path) -> WarehousePlan:
    """The plan in a JSON file; ``PlanError`` says what is wrong with it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        settings = dict(document["settings"])
        plan = WarehousePlan(
            project=Path(document["project"]),
            inputs={name: _files(entry) for name, entry in document["inputs"].items()},
            settings=settings | {"as_of": date.fromisoformat(settings["as_of"])},
            out=Path(document["out"]),
            scratch=Path(document["scratch"]),
            threads=int(document.get("threads", 2)),
        )
    except OSError as error:
        raise PlanError(f"The plan {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PlanError(f"The plan {path} lacks an entry or has a wrong one: {error!r}.") from error
    unknown = sorted(set(plan.inputs) - set(lake_contracts()))
    wrong = sorted(set(plan.settings) ^ set(SHOP_SETTINGS))
    if unknown or wrong:
        raise PlanError(f"Unknown tables {unknown}; settings unknown or missing {wrong}.")
    if plan.out.exists():
        raise PlanError(f"{plan.out} exists already; give a folder that does not.")
    return plan


def _files(entry: Mapping[str, Any]) -> Files:
    base = entry.get("base_path")
    return Files(tuple(local_path(p) for p in entry.get("files", ())), local_path(base) if base else None)
