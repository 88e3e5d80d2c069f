"""The dbt project as assets, in three builds: what models learn from, all other marts, the served tables.

The first needs no session and runs beside the Spark jobs that make them; most models compute beside the
second; the last waits for the models.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from orchestration.dbt_keys import asset_key, group_of
from orchestration.dbt_manifest import ensure_manifest
from orchestration.dbt_runs import run_dbt
from orchestration.executor import FIRST
from orchestration.resources import WorkspaceResource

MANIFEST = ensure_manifest()
ALL, SERVED = "fqn:shopwright", "fqn:shopwright.serving"
# Not what lies in the folder of sessions; and what the features' own tests compare them with, so that a
# feature that fails one reaches no model.
OF_FEATURES = "+fqn:shopwright.features.feat_* +fqn:shopwright.features.assert_*"
# Their marts belong to the first build, and one that they are compared with to the second.
LATE_TESTS = tuple(
    f"relationships_{name}_customer_id__customer_id__ref_dim_customers_"
    for name in ("fct_orders", "fct_order_lines")
)
BUILDS = {
    # A test of two models belongs to the later build when only one of them is built here.
    "warehouse_of_features": (OF_FEATURES, SERVED, "buildable"),
    "warehouse": (ALL, f"{SERVED} {OF_FEATURES}", "buildable"),
    "served_tables": (SERVED, "", "eager"),
}
"""The builds of a run, in their order: what dbt selects, what it leaves out, and how tests follow models."""


def arguments(build: str) -> list[str]:
    """One of the builds as arguments of dbt's command line."""
    select, exclude, tests = BUILDS[build]
    chosen = ["--select", *select.split(), "--indirect-selection", tests]
    return [*chosen, "--exclude", *exclude.split()] if exclude else chosen


class ShopwrightTranslator(DagsterDbtTranslator):
    """Keys and groups of models and sources as DESIGN names them."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """See ``orchestration.dbt_keys``."""
        return dg.AssetKey(asset_key(dbt_resource_props))

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The business subject."""
        return group_of(dbt_resource_props)

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetCheckSpec | None:
        """The test as a check; one that a later build answers cannot hold up what waits for this one.

        A test that fails ends its build with an error, whichever build it is, and so the run.
        """
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec._replace(blocking=False) if spec and spec.name in LATE_TESTS else spec


TRANSLATOR = ShopwrightTranslator(settings=DagsterDbtTranslatorSettings(enable_code_references=False))


def _models(build: str, **options: Any) -> dg.AssetsDefinition:
    """The models of one build, with their tests as checks."""
    select, exclude, _ = BUILDS[build]

    @dbt_assets(
        manifest=MANIFEST,
        select=select,
        exclude=exclude or None,
        name=build,
        dagster_dbt_translator=TRANSLATOR,
        pool="warehouse",
        **options,
    )
    def models(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> Iterator[Any]:
        yield from run_dbt(context, workspace.open(), arguments(build), TRANSLATOR)

    return models


feature_models = _models("warehouse_of_features", op_tags=FIRST)
warehouse_models = _models("warehouse", op_tags=FIRST)
serving_models = _models("served_tables")
