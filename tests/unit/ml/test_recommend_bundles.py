"""Bundles must find what was planted, reject what was not, and say true numbers."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import false_discovery_control, hypergeom

from data_quality.contract import load_contract
from ml.recommendations import bundles, evaluate_bundles
from ml.recommendations.associations import (
    Baskets,
    assess_pairs,
    benjamini_hochberg,
    effective_orders,
    wilson_lower,
)
from ml.recommendations.bundles import DEFAULTS, accepted_rules

EMPTY_ITEMS = pd.DataFrame({"sku": [], "is_active": [], "is_in_stock": []})


def orders_of(baskets: list[list[str]], day: date = date(2026, 3, 1)) -> pd.DataFrame:
    rows = [(f"o{n:05d}", "c", sku, day, 1.0, "DE") for n, basket in enumerate(baskets) for sku in basket]
    return pd.DataFrame(rows, columns=["order_id", "customer_id", "sku", "order_date", "units", "country"])


def test_planted_complements_are_in_the_top_three_and_substitutes_nowhere(recommendation_shop):
    shop = recommendation_shop
    rows = bundles(shop.purchases, shop.items, as_of=shop.as_of, run_id="r")
    top = rows[rows["rank"] <= 3].groupby("sku")["bundled_sku"].agg(set)
    found = [other in top.get(sku, set()) for sku, other in shop.complements.items()]
    assert np.mean(found) >= 0.95
    listed = set(zip(rows["sku"], rows["bundled_sku"], strict=True))
    assert not listed & set(shop.substitutes.items())


def test_shuffled_baskets_have_at_most_one_accepted_pair_in_a_hundred(recommendation_shop):
    shop = recommendation_shop
    baskets = Baskets.from_rows(shop.purchases["order_id"], shop.purchases["sku"])
    for seed in range(5):
        shuffled = baskets.shuffled(seed)
        n_tested = len(shuffled.pairs(DEFAULTS.min_orders))
        assert len(accepted_rules(shuffled, DEFAULTS)) / 2 <= 0.01 * max(n_tested, 1)


def test_orders_of_very_unequal_size_do_not_make_everything_a_bundle():
    random = np.random.default_rng(2)
    skus = [f"i{n:03d}" for n in range(200)]
    baskets = [list(random.choice(skus, 80, replace=False)) for _ in range(60)]
    baskets += [list(random.choice(skus, 2, replace=False)) for _ in range(3_000)]
    frame = orders_of(baskets)
    loaded = Baskets.from_rows(frame["order_id"], frame["sku"])
    assert effective_orders(loaded) < len(baskets) / 2
    assert len(accepted_rules(loaded, DEFAULTS)) == 0


def test_the_measures_of_a_pair_can_be_recomputed_from_the_orders():
    baskets = [["a", "b"]] * 17 + [["a"]] * 23 + [["b"]] * 18 + [["c"]] * 142
    rows = bundles(orders_of(baskets), EMPTY_ITEMS, as_of=date(2026, 3, 1), run_id="r")
    rule = rows[(rows["sku"] == "a") & (rows["bundled_sku"] == "b")].iloc[0]
    assert rule["n_orders"] == 17
    assert rule["confidence_ratio"] == pytest.approx(17 / 40)
    assert rule["lift"] == pytest.approx(17 / (40 * 35 / 200))
    assert rule["leverage"] == pytest.approx(17 - 40 * 35 / 200)
    assert rule["p_value"] == pytest.approx(hypergeom.sf(16, 200, 40, 35), rel=1e-9)
    assert rule["confidence_lower_ratio"] < rule["confidence_ratio"]
    assert set(rows["sku"]) == {"a", "b"}


def test_a_pair_that_is_never_apart_is_found_though_its_orders_fill_the_shop():
    rows = bundles(
        orders_of([["a", "b"]] * 20 + [["c"]] * 30), EMPTY_ITEMS, as_of=date(2026, 3, 1), run_id="r"
    )
    assert rows.loc[rows["sku"] == "a", "confidence_ratio"].tolist() == [1.0]


def test_benjamini_hochberg_equals_scipys_and_counts_unassess_pairs_as_chance():
    p_values = np.random.default_rng(1).random(200) ** 3
    assert benjamini_hochberg(p_values) == pytest.approx(false_discovery_control(p_values))
    padded = false_discovery_control(np.r_[p_values, np.ones(800)])[:200]
    assert benjamini_hochberg(p_values, n_tests=1000) == pytest.approx(padded)


def test_wilsons_lower_bound_meets_published_values():
    # Newcombe (1998), table I: 81 of 263, 15 of 148 and 1 of 29
    lower = wilson_lower(np.array([81.0, 15.0, 1.0]), np.array([263.0, 148.0, 29.0]))
    assert lower == pytest.approx([0.2553, 0.0624, 0.0061], abs=5e-5)


def test_the_binomial_screen_never_makes_a_pair_look_surer_than_the_exact_test(recommendation_shop):
    shop = recommendation_shop
    baskets = Baskets.from_rows(shop.purchases["order_id"], shop.purchases["sku"])
    pairs = assess_pairs(baskets, 2)
    size = np.maximum(np.ceil(effective_orders(baskets)), pairs["n_i"] + pairs["n_j"] - pairs["n_together"])
    exact = hypergeom.sf(pairs["n_together"] - 1, size, pairs["n_i"], pairs["n_j"])
    surer = pairs["p_value"].to_numpy() < exact * (1 - 1e-6) - 1e-300
    assert not (surer & (pairs["p_value"] < 0.05)).any()


def test_orders_after_as_of_and_returned_lines_do_not_count():
    past = orders_of([["a", "b"]] * 20 + [["c"]] * 80)
    later = orders_of([["a", "c"]] * 50, day=date(2026, 3, 2)).assign(order_id=lambda f: "z" + f["order_id"])
    returned = orders_of([["b", "c"]] * 50).assign(order_id=lambda f: "y" + f["order_id"], units=0.0)
    alone = bundles(past, EMPTY_ITEMS, as_of=date(2026, 3, 1), run_id="r")
    mixed = pd.concat([later, returned, past]).sample(frac=1.0, random_state=3)
    pd.testing.assert_frame_equal(alone, bundles(mixed, EMPTY_ITEMS, as_of=date(2026, 3, 1), run_id="r"))


def test_what_is_out_of_stock_is_not_bundled():
    orders = orders_of([["a", "b"]] * 20 + [["a", "c"]] * 20 + [["d"]] * 200)
    items = pd.DataFrame({"sku": ["b"], "is_active": [True], "is_in_stock": [False]})
    rows = bundles(orders, items, as_of=date(2026, 3, 1), run_id="r")
    assert rows.loc[rows["sku"] == "a", "bundled_sku"].tolist() == ["c"]
    assert rows.loc[rows["sku"] == "a", "rank"].tolist() == [1]


def test_held_out_orders_confirm_the_bundles_and_the_rows_keep_the_contract(recommendation_shop):
    shop = recommendation_shop
    rows = evaluate_bundles(shop.purchases, as_of=shop.as_of, run_id="r")
    schema = load_contract("recommendation_accuracy", kind="served").arrow_schema()
    assert pa.Table.from_pandas(rows, schema=schema, preserve_index=False).num_rows == len(rows)
    value = rows.set_index(["model_name", "metric"])["value"]
    assert value["bundles", "answered_ratio"] < 1  # silent where nothing was planted
    answered = "hit_rate_where_answered_at_10"
    assert value["bundles", answered] > value["popularity", answered] + 0.1
    assert value["bundles", "accepted_when_shuffled_ratio"] <= 0.01
    assert value["bundles", "lift_holds_later_ratio"] >= 0.9


def test_no_orders_give_typed_nothing():
    none = orders_of([])
    for rows, name in (
        (bundles(none, EMPTY_ITEMS, as_of=date(2026, 3, 1), run_id="r"), "bundles"),
        (evaluate_bundles(none, as_of=date(2026, 3, 1), run_id="r"), "recommendation_accuracy"),
    ):
        assert len(rows) == 0
        assert tuple(rows.columns) == load_contract(name, kind="served").column_names
