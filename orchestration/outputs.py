"""Writing a model's table and reporting it: the last two steps of every machine-learning asset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg
import pandas as pd

from data_quality.contract import load_contract
from orchestration.needs import skip_reason
from orchestration.show import table_md
from orchestration.workspace import Workspace


def served_spec(name: str, features: Iterable[str], group: str, kinds: set[str]) -> dg.AssetSpec:
    """The asset ``ml/<name>`` with its contract's words; ``features`` are the tables it is made from."""
    contract = load_contract(name, "served")
    return dg.AssetSpec(
        key=["ml", name],
        deps=[dg.AssetKey(table.split(".")) for table in features],
        group_name=group,
        owners=[f"team:{group}"],
        kinds=kinds,
        description=f"{contract.description} {contract.grain}",
    )


def write_outputs(
    workspace: Workspace,
    frames: Mapping[str, pd.DataFrame],
    shown: Mapping[str, Mapping[str, object]] | None = None,
) -> Iterator[dg.MaterializeResult]:
    """Write each table and yield its result with row count, a few rows, and what ``shown`` adds."""
    for name, frame in frames.items():
        rows = workspace.write_ml(name, frame)
        metadata: dict[str, Any] = {"dagster/row_count": rows, **(shown or {}).get(name, {})}
        if rows:
            metadata["sample"] = table_md(frame, rows=5)
        yield dg.MaterializeResult(asset_key=["ml", name], metadata=metadata)


def skip_outputs(workspace: Workspace, *names: str) -> Iterator[dg.MaterializeResult]:
    """Empty tables for outputs whose feeds the shop lacks, each with the reason."""
    workspace.write_empty_ml(*names)
    for name in names:
        reason = skip_reason(workspace, name) or "its inputs are skipped"
        yield dg.MaterializeResult(
            asset_key=["ml", name], metadata={"dagster/row_count": 0, "skipped": reason}
        )
