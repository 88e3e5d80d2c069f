"""Every planted fault is found by the rule that is meant to find it, and nothing else is."""

from __future__ import annotations

import pytest

from serving.audit import AuditPolicy, audit
from serving.generations import generation_folder, read_manifest
from serving.publish import build_generation, publish_warehouse

FAULTS = [
    ("key_unique", "insert into serving.stock_risks select * from serving.stock_risks limit 2"),
    ("required", "update serving.order_priorities set reason_1_code = null where rank_in_location = 7"),
    ("finite", "update serving.demand_forecasts set units_mean = 'nan' where horizon = 3"),
    ("finite", "update serving.demand_forecasts set units_p975 = 'infinity' where horizon = 3"),
    ("minimum", "update serving.inventory_policies set demand_mean_units = -1"),
    ("maximum", "update serving.order_priorities set score = 100.5 where rank_in_location = 7"),
    ("max_length", "update serving.bundles set run_id = repeat('x', 129)"),
    ("pattern", "update serving.order_priorities set currency = 'euro'"),
    ("allowed", "update serving.stock_risks set risk_class = 'fine'"),
    ("quantiles_rise", "update serving.demand_forecast_totals set units_p25 = units_p50 + 0.1"),
    ("as_of_known", "update serving.popular_items set as_of = as_of + 1"),
    ("table_exists", "drop table serving.bundles"),
    ("columns_match_contract", "alter table serving.bundles drop column lift"),
    ("columns_match_contract", "alter table serving.bundles add column extra integer"),
    ("columns_match_contract", "alter table serving.bundles alter n_orders type integer"),
    ("rows_remain", "delete from serving.bundles"),
    ("rows_remain", "delete from marts.fct_orders where order_id > 10"),
    ("no_personal_data", "alter table marts.fct_orders add column email varchar default 'no address at all'"),
    (
        "no_personal_data",
        "alter table marts.fct_orders add column note varchar default 'ask anna@example.org'",
    ),
    ("no_personal_data", "alter table marts.fct_orders add column contact_phone varchar default '4930123'"),
    ("no_personal_data", "alter table marts.fct_orders add column birth_date date default date '1990-01-01'"),
    ("no_personal_data", "alter table marts.fct_orders add column notes varchar[] default ['a', 'b@c.de']"),
    ("demand_plausible", "update serving.demand_forecasts set units_mean = units_mean * 11 + 100"),
]


@pytest.fixture
def findings(warehouse, published, run):
    """Findings against a live generation of the same warehouse without the fault."""

    def find(*changes: str, policy: AuditPolicy | None = None, skipped: dict[str, str] | None = None):
        publish_warehouse(warehouse(), published, run=run(1))
        candidate = build_generation(warehouse(*changes), published, run=run(2), skipped=skipped)
        folder = generation_folder(published, 1)
        return audit(candidate, read_manifest(folder), folder, policy)

    return find


@pytest.mark.parametrize(("rule", "fault"), FAULTS)
def test_a_planted_fault_is_found_by_its_rule(findings, rule, fault):
    assert {finding.rule for finding in findings(fault)} == {rule}


def test_a_clean_generation_has_no_findings(findings):
    assert findings() == []


def test_repeated_keys_are_counted_and_named(findings):
    [finding] = findings("insert into serving.bundles select * from serving.bundles where rank <= 3")
    assert finding.detail == ("3 keys (sku, rank) repeat: ('sku-0', 1); ('sku-1', 2); ('sku-2', 3)")


def test_hashes_may_stand_in_personal_columns(findings):
    assert findings(f"alter table marts.fct_orders add column email varchar default '{'0a' * 32}'") == []


def test_a_queue_may_be_worked_off_to_the_last_order(findings):
    assert findings("delete from serving.order_priorities", "delete from serving.replenishment_orders") == []


def test_a_table_declared_as_skipped_may_be_empty_or_missing(findings):
    skipped = {"serving.bundles": "no orders feed", "serving.stock_risks": "no stock feed"}
    assert findings("delete from serving.bundles", "drop table serving.stock_risks", skipped=skipped) == []


@pytest.mark.parametrize(("kept", "rules"), [(20, set()), (19, {"rows_remain"})])
def test_half_of_the_rows_is_the_limit_of_what_may_be_lost(findings, kept, rules):
    found = findings(f"delete from marts.fct_orders where order_id >= {kept}")
    assert {finding.rule for finding in found} == rules


def test_small_tables_may_shrink_but_not_vanish(findings):
    tolerant = AuditPolicy(min_rows=41)
    assert findings("delete from marts.fct_orders where order_id > 0", policy=tolerant) == []
    assert {f.rule for f in findings("delete from marts.fct_orders", policy=tolerant)} == {"rows_remain"}


def test_one_shop_never_publishes_over_another(warehouse, published, run):
    publish_warehouse(warehouse(), published, run=run(1))
    candidate = build_generation(warehouse(), published, run=run(2, shop="other"))
    folder = generation_folder(published, 1)
    assert [f.rule for f in audit(candidate, read_manifest(folder), folder)] == ["same_shop"]
