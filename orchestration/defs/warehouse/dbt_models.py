"""The dbt project as assets, in three builds: what needs no session, what does, and the served tables.

The first runs beside the Spark jobs that make the sessions; the last waits for the models.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from orchestration.dbt_keys import asset_key, group_of
from orchestration.dbt_manifest import ensure_manifest
from orchestration.dbt_runs import run_dbt
from orchestration.resources import WorkspaceResource

MANIFEST = ensure_manifest()
ALL, OF_SESSIONS, SERVED = "fqn:shopwright", "source:core+", "fqn:shopwright.serving"


class ShopwrightTranslator(DagsterDbtTranslator):
    """Keys and groups of models and sources as DESIGN names them."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """See ``orchestration.dbt_keys``."""
        return dg.AssetKey(asset_key(dbt_resource_props))

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The business subject."""
        return group_of(dbt_resource_props)


TRANSLATOR = ShopwrightTranslator(settings=DagsterDbtTranslatorSettings(enable_code_references=False))


@dbt_assets(
    manifest=MANIFEST,
    select=ALL,
    exclude=f"{SERVED} {OF_SESSIONS}",
    name="warehouse",
    dagster_dbt_translator=TRANSLATOR,
    pool="warehouse",
)
def warehouse_models(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> Iterator[Any]:
    """Staging, intermediate, marts and features that need no session, with their tests as checks."""
    # A test of two models belongs to the later build when only one of them is built here.
    chosen = ["--select", ALL, "--exclude", SERVED, OF_SESSIONS, "--indirect-selection", "buildable"]
    yield from run_dbt(context, workspace.open(), chosen, TRANSLATOR)


@dbt_assets(
    manifest=MANIFEST,
    select=OF_SESSIONS,
    exclude=SERVED,
    name="warehouse_of_sessions",
    dagster_dbt_translator=TRANSLATOR,
    pool="warehouse",
)
def session_models(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> Iterator[Any]:
    """What is made of sessions, with its tests as checks."""
    yield from run_dbt(context, workspace.open(), ["--select", OF_SESSIONS, "--exclude", SERVED], TRANSLATOR)


@dbt_assets(
    manifest=MANIFEST,
    select=SERVED,
    name="served_tables",
    dagster_dbt_translator=TRANSLATOR,
    pool="warehouse",
)
def serving_models(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> Iterator[Any]:
    """The served tables, as contracts say, with their tests as checks."""
    yield from run_dbt(context, workspace.open(), ["--select", SERVED], TRANSLATOR)
