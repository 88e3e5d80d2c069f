"""What every mart owes its readers: contract, key, grain, owner, words for each column, and relations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestration.dbt_manifest import ensure_manifest

Node = dict[str, Any]
RELATED = {
    "order_id": "fct_orders",
    "customer_id": "dim_customers",
    "sku": "dim_products",
    "session_id": "fct_sessions",
    "visitor_id": "dim_visitors",
}
"""The table that has one row for each value of a column."""
UNRELATED = {
    # set aside: nobody counts these visitors and customers
    ("fct_bot_sessions", "session_id"), ("fct_bot_sessions", "visitor_id"),
    ("fct_bot_sessions", "customer_id"),
    # their session relates them
    ("fct_carts", "visitor_id"), ("fct_searches", "visitor_id"), ("fct_searches", "customer_id"),
    # a purchase action may name an order that no feed has, an order a cookie that never acted
    ("fct_sessions", "order_id"), ("fct_orders", "visitor_id"),
}  # fmt: skip


@pytest.fixture(scope="module")
def nodes() -> list[Node]:
    return list(json.loads(ensure_manifest().read_text())["nodes"].values())


@pytest.fixture(scope="module")
def marts(nodes: list[Node]) -> list[Node]:
    return [node for node in nodes if node["resource_type"] == "model" and node["fqn"][1] == "marts"]


@pytest.fixture(scope="module")
def tested(nodes: list[Node]) -> set[tuple[str, str, str | None]]:
    """Mart, generic test and column (none for a test of the whole table)."""
    return {
        (node["attached_node"].rsplit(".", 1)[-1], node["test_metadata"]["name"], node["column_name"])
        for node in nodes
        if node["resource_type"] == "test" and node.get("test_metadata") and node.get("attached_node")
    }


def test_every_mart_has_an_enforced_contract_a_key_test_a_grain_and_an_owner(
    marts: list[Node], tested: set[tuple[str, str, str | None]]
) -> None:
    assert len(marts) >= 33
    for mart in marts:
        name, words = mart["name"], " ".join(mart["description"].split())
        assert mart["config"]["contract"]["enforced"], name
        assert (name, "unique_combination", None) in tested, name
        assert words.split(". ")[-1].startswith("One row per "), name
        assert mart["config"]["meta"]["dagster"]["owners"], name


def test_every_column_of_a_mart_has_a_type_and_words(marts: list[Node]) -> None:
    wordless = [
        f"{mart['name']}.{column}"
        for mart in marts
        for column, told in mart["columns"].items()
        if not told["data_type"] or len(told["description"]) < 5
    ]
    assert wordless == []


def test_every_column_that_names_a_row_of_another_mart_is_related_to_it(
    marts: list[Node], tested: set[tuple[str, str, str | None]]
) -> None:
    missing = {
        (mart["name"], column)
        for mart in marts
        for column, there in RELATED.items()
        if column in mart["columns"] and mart["name"] != there
        and (mart["name"], "relationships", column) not in tested
    }  # fmt: skip
    assert missing == UNRELATED
