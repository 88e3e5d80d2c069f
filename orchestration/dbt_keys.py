"""Asset keys of dbt nodes: pure functions, because the whole graph hangs on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def asset_key(node: Mapping[str, Any]) -> list[str]:
    """Sources take the key of the asset that writes them; models take layer and name."""
    if node["resource_type"] == "source":
        return [node["source_name"], node["name"]]
    layer = node["fqn"][1] if len(node["fqn"]) > 2 else "models"
    return [layer, node["name"]]


def group_of(node: Mapping[str, Any]) -> str | None:
    """The group that the model's ``meta`` names, else its layer."""
    if node["resource_type"] == "source":
        return None
    meta = node.get("config", {}).get("meta") or node.get("meta") or {}
    return meta.get("dagster", {}).get("group") or node["fqn"][1]
