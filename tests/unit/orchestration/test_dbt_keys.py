"""Asset keys and groups of dbt nodes."""

from __future__ import annotations

from typing import Any

import pytest

from orchestration.dbt_keys import asset_key, group_of

MODEL = {
    "resource_type": "model",
    "name": "fct_orders",
    "fqn": ["shopwright", "marts", "sales", "fct_orders"],
}
SOURCE = {
    "resource_type": "source",
    "name": "orders",
    "source_name": "raw",
    "fqn": ["shopwright", "staging", "raw"],
}


def test_a_model_is_keyed_by_its_layer_and_name() -> None:
    assert asset_key(MODEL) == ["marts", "fct_orders"]


@pytest.mark.parametrize("layer", ["raw", "core", "ml", "control"])
def test_a_source_has_the_key_of_the_asset_that_writes_it(layer: str) -> None:
    assert asset_key({**SOURCE, "source_name": layer}) == [layer, "orders"]


def test_a_model_outside_a_layer_is_keyed_as_a_model() -> None:
    assert asset_key({"resource_type": "model", "name": "stray", "fqn": ["shopwright", "stray"]}) == [
        "models",
        "stray",
    ]


@pytest.mark.parametrize(
    ("said", "group"),
    [
        ({"config": {"meta": {"dagster": {"group": "sales"}}}}, "sales"),
        ({"config": {}, "meta": {"dagster": {"group": "finance"}}}, "finance"),
        ({}, "marts"),
    ],
)
def test_the_group_is_what_meta_says_else_the_layer(said: dict[str, Any], group: str) -> None:
    assert group_of({**MODEL, **said}) == group


def test_a_source_leaves_its_group_to_the_asset_that_writes_it() -> None:
    assert group_of(SOURCE) is None
