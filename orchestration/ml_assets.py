"""What every machine-learning step does around its model: open the shop, skip or compute, write and report.

The assets in ``defs`` say only what they read and which function of ``ml`` makes their tables.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pandas as pd

from ml.model_store import ModelStore
from orchestration.needs import skip_reason
from orchestration.outputs import served_spec, skip_outputs, write_outputs
from orchestration.resources import WorkspaceResource
from orchestration.workspace import Workspace


@dataclass(frozen=True)
class Made:
    """The tables of one step, and what its assets show beside row counts and a sample."""

    frames: Mapping[str, pd.DataFrame]
    shown: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


Compute = Callable[[Workspace, str], Made | None]


def ml_assets(
    *tables: str, reads: Iterable[str], group: str, kinds: set[str]
) -> Callable[[Compute], dg.AssetsDefinition]:
    """Assets ``ml/<table>`` of a function that gets the shop and the run's id and makes all of the tables.

    Where the shop lacks a feed that the first table needs, or the function gives ``None``, the tables are
    written empty with the reason.
    """
    specs = [served_spec(name, tuple(reads), group, kinds) for name in tables]

    def decorate(compute: Compute) -> dg.AssetsDefinition:
        @dg.multi_asset(name=compute.__name__, specs=specs, description=compute.__doc__)
        def step(
            context: dg.AssetExecutionContext, workspace: WorkspaceResource
        ) -> Iterator[dg.MaterializeResult]:
            shop = workspace.open()
            made = None if skip_reason(shop, tables[0]) else compute(shop, context.run_id)
            if made is None:
                yield from skip_outputs(shop, *tables)
            else:
                yield from write_outputs(shop, made.frames, made.shown)

        return step

    return decorate


def model_store(shop: Workspace) -> ModelStore:
    """The shop's stored models, with the cadence of the settings."""
    return ModelStore(shop.folder / "models", shop.settings.refit_days)


def measured(accuracy: pd.DataFrame) -> str:
    """When the rows of an accuracy table were measured: a stored evaluation is older than the run."""
    stamps = accuracy[["as_of", "run_id"]].drop_duplicates()
    return "; ".join(f"as of {row.as_of} by run {row.run_id}" for row in stamps.itertuples())
