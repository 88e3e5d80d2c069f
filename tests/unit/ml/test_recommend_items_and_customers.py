"""Similar items, best sellers and lists for customers on a shop whose truth is known."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data_quality.contract import load_contract
from ml.recommendations import (
    CustomerParams,
    PopularParams,
    bundles,
    evaluate_customers,
    popular_items,
    recommend_for_customers,
    recommend_for_sessions,
    similar_items,
)
from ml.recommendations.customer_candidates import DEFAULTS as CANDIDATES
from ml.recommendations.customer_ranker import mean_average_precision
from ml.recommendations.metrics import average_precision_at
from ml.recommendations.repeats import repeat_ratios
from ml.recommendations.similar import SimilarParams, covisit_scores


@pytest.fixture(scope="module")
def customer_rows(recommendation_shop) -> pd.DataFrame:
    shop = recommendation_shop
    return recommend_for_customers(
        shop.purchases, shop.interactions, shop.pairs, shop.items, as_of=shop.as_of, run_id="r"
    )


@pytest.fixture(scope="module")
def similar_rows(recommendation_shop) -> pd.DataFrame:
    shop = recommendation_shop
    return similar_items(shop.pairs, shop.items, purchases=shop.purchases, as_of=shop.as_of, run_id="r")


def conforms(rows: pd.DataFrame, name: str) -> bool:
    schema = load_contract(name, kind="served").arrow_schema()
    return pa.Table.from_pandas(rows, schema=schema, preserve_index=False).num_rows == len(rows)


class TestSimilarItems:
    def test_planted_substitutes_are_among_the_first_five_alternatives(
        self, recommendation_shop, similar_rows
    ):
        first = similar_rows[(similar_rows["kind"] == "alternative") & (similar_rows["rank"] <= 5)]
        listed = first.groupby("sku")["similar_sku"].agg(set)
        truth = recommendation_shop.substitutes.items()
        assert np.mean([other in listed.get(sku, set()) for sku, other in truth]) >= 0.9

    def test_complements_are_no_alternatives(self, recommendation_shop, similar_rows):
        alternatives = similar_rows[similar_rows["kind"] == "alternative"]
        listed = set(zip(alternatives["sku"], alternatives["similar_sku"], strict=True))
        assert not listed & set(recommendation_shop.complements.items())

    def test_alternatives_share_the_category_and_cost_half_to_double(self, recommendation_shop, similar_rows):
        facts = recommendation_shop.items.set_index("sku")
        rows = similar_rows[similar_rows["kind"] == "alternative"]
        here, there = facts.loc[rows["sku"]], facts.loc[rows["similar_sku"]]
        assert (here["category_id"].to_numpy() == there["category_id"].to_numpy()).all()
        ratio = there["price_amount"].to_numpy() / here["price_amount"].to_numpy()
        assert ((ratio >= 0.5) & (ratio <= 2)).all()

    def test_same_brand_means_the_same_brand(self, recommendation_shop, similar_rows):
        brand = recommendation_shop.items.set_index("sku")["brand"]
        rows = similar_rows[similar_rows["kind"] == "same_brand"]
        assert len(rows)
        assert (rows["sku"].map(brand) == rows["similar_sku"].map(brand)).all()

    def test_no_item_is_similar_to_itself_and_the_contract_holds(self, similar_rows):
        assert (similar_rows["sku"] != similar_rows["similar_sku"]).all()
        assert conforms(similar_rows, "similar_items")
        gaps = similar_rows.groupby(["sku", "kind"])["rank"].agg(lambda r: r.max() - len(r))
        assert (gaps == 0).all()

    def test_a_covisit_score_is_shrunk_and_divided_by_popularity(self):
        pairs = pd.DataFrame(
            {
                "pair_kind": "co_view",
                "sku": ["a", "a"],
                "paired_sku": ["b", "c"],
                "n_together": [4, 4],
                "n_sku": [9, 9],
                "n_paired": [16, 100],
                "decayed_weight": [3.0, 3.0],
                "last_together_at": pd.Timestamp("2026-03-01", tz="UTC"),
            }
        )
        scores = covisit_scores(pairs, SimilarParams(shrinkage=5.0, popularity_exponent=0.5))
        assert scores["score"].tolist() == pytest.approx([3 / 8 * 3 / 4, 3 / 8 * 3 / 10])

    def test_out_of_stock_items_make_room_for_the_next(self, recommendation_shop, similar_rows):
        shop = recommendation_shop
        gone = similar_rows.loc[0, "similar_sku"]
        items = shop.items.assign(is_in_stock=shop.items["sku"] != gone)
        rows = similar_items(shop.pairs, items, purchases=shop.purchases, as_of=shop.as_of, run_id="r")
        assert gone not in set(rows["similar_sku"])
        assert gone in set(rows["sku"])  # its own page still shows others

    def test_row_order_changes_nothing_and_nothing_gives_nothing(self, recommendation_shop, similar_rows):
        shop = recommendation_shop
        again = similar_items(
            shop.pairs.sample(frac=1.0, random_state=1),
            shop.items.sample(frac=1.0, random_state=2),
            purchases=shop.purchases,
            as_of=shop.as_of,
            run_id="r",
        )
        pd.testing.assert_frame_equal(similar_rows, again)
        empty = similar_items(shop.pairs.iloc[:0], shop.items.iloc[:0], as_of=shop.as_of, run_id="r")
        assert len(empty) == 0
        assert conforms(empty, "similar_items")


class TestPopularItems:
    as_of = date(2026, 3, 1)

    def orders(self, rows: list[tuple[str, str, int, int]]) -> pd.DataFrame:
        """(sku, country, days ago, how many)."""
        flat = [(sku, country, ago) for sku, country, ago, n in rows for _ in range(n)]
        frame = pd.DataFrame(flat, columns=["sku", "country", "ago"])
        return pd.DataFrame(
            {
                "order_id": [f"o{n}" for n in range(len(frame))],
                "customer_id": "c",
                "sku": frame["sku"],
                "order_date": [self.as_of - timedelta(days=int(d)) for d in frame["ago"]],
                "units": 1.0,
                "country": frame["country"],
            }
        )

    def popular(self, orders: pd.DataFrame, shop, **params: float) -> pd.DataFrame:
        none = shop.interactions.iloc[:0]
        return popular_items(
            orders, none, shop.items.iloc[:0], as_of=self.as_of, run_id="r", params=PopularParams(**params)
        )

    def test_a_sale_counts_half_after_a_half_life(self, recommendation_shop):
        rows = self.popular(self.orders([("old", "DE", 14, 4), ("new", "DE", 0, 4)]), recommendation_shop)
        score = rows[rows["segment"] == "all"].set_index("sku")["score"]
        assert score.to_dict() == pytest.approx({"new": 2 / 3, "old": 1 / 3})

    def test_a_small_country_gets_the_shops_list_and_a_large_one_its_own(self, recommendation_shop):
        orders = self.orders(
            [("a", "DE", 0, 900), ("b", "FR", 0, 400), ("a", "FR", 0, 10), ("b", "AT", 0, 31)]
        )
        rows = self.popular(orders, recommendation_shop, prior_orders=200.0)
        first = rows[rows["rank"] == 1].set_index("segment")["sku"]
        assert first["all"] == "a"
        assert first["country:FR"] == "b"
        assert first["country:AT"] == "a"  # 31 lines do not outweigh 200 average ones
        score = rows.set_index(["segment", "sku"])["score"]
        assert score["country:AT", "b"] == pytest.approx((31 + 200 * 431 / 1341) / 231)

    def test_a_shop_without_orders_is_ranked_by_what_visitors_did(self, recommendation_shop):
        shop = recommendation_shop
        rows = popular_items(
            shop.purchases.iloc[:0], shop.interactions, shop.items, as_of=shop.as_of, run_id="r"
        )
        recent = shop.interactions[shop.interactions["interaction_date"] > shop.as_of - timedelta(days=180)]
        top = rows[(rows["category_id"] == "all") & (rows["rank"] == 1)].iloc[0]
        assert top["n_units"] == recent.loc[recent["sku"] == top["sku"], "n_views"].sum()

    def test_each_category_has_its_own_list_of_available_items(self, recommendation_shop):
        shop = recommendation_shop
        items = shop.items.assign(is_active=shop.items["sku"] != "SKU-050")
        rows = popular_items(shop.purchases, shop.interactions, items, as_of=shop.as_of, run_id="r")
        assert conforms(rows, "popular_items")
        assert "SKU-050" not in set(rows["sku"])
        listed = rows[rows["category_id"] != "all"]
        category = items.set_index("sku")["category_id"]
        assert (listed["sku"].map(category) == listed["category_id"]).all()


class TestCustomers:
    def test_favourites_are_suggested_again_and_lists_are_full_and_typed(
        self, recommendation_shop, customer_rows
    ):
        assert conforms(customer_rows, "customer_recommendations")
        assert (
            customer_rows.groupby("customer_id")["rank"]
            .agg(list)
            .map(lambda r: r == list(range(1, 13)))
            .all()
        )
        bought = recommendation_shop.purchases.dropna(subset=["customer_id"])
        counts = bought.groupby(["customer_id", "sku"])["order_id"].nunique()
        favourites = counts[counts >= 4].index
        listed = set(zip(customer_rows["customer_id"], customer_rows["sku"], strict=True))
        assert np.mean([key in listed for key in favourites]) >= 0.95

    def test_every_reason_holds_in_the_data(self, recommendation_shop, customer_rows):
        shop = recommendation_shop
        counts = shop.purchases.groupby(["customer_id", "sku"])["order_id"].nunique().to_dict()
        recent = shop.interactions[shop.interactions["interaction_date"] > shop.as_of - timedelta(days=45)]
        looked = set(zip(recent["customer_id"], recent["sku"], strict=True))
        together = shop.pairs.set_index(["pair_kind", "sku", "paired_sku"])["n_together"].to_dict()
        titles = shop.items.set_index("sku")["title"]
        checked = set()
        for row in customer_rows.itertuples():
            own = counts.get((row.customer_id, row.sku), 0)
            assert row.is_repeat == (own > 0)
            if row.reason_code == "BOUGHT_N_TIMES":
                assert own > 0
                assert (f"{own} times" in row.reason_text) == (own > 1)
            elif row.reason_code == "BOUGHT_WITH":
                assert counts[row.customer_id, row.reason_sku] > 0
                assert together["co_purchase", row.reason_sku, row.sku] >= 3
                assert titles[row.reason_sku] in row.reason_text
            elif row.reason_code == "VIEWED_WITH":
                assert (row.customer_id, row.reason_sku) in looked
                assert together["co_view", row.reason_sku, row.sku] >= 3
            elif row.reason_code == "VIEWED_BY_YOU":
                assert (row.customer_id, row.sku) in looked
            checked.add(row.reason_code)
        assert {"BOUGHT_N_TIMES", "BOUGHT_WITH", "POPULAR_IN_SEGMENT"} <= checked

    def test_durable_items_already_bought_are_left_out(self, recommendation_shop, customer_rows):
        shop = recommendation_shop
        params = CustomerParams(durable_below_ratio=1.1)  # every category counts as durable
        rows = recommend_for_customers(
            shop.purchases,
            shop.interactions,
            shop.pairs,
            shop.items,
            as_of=shop.as_of,
            run_id="r",
            params=params,
        )
        assert customer_rows["is_repeat"].any()
        assert not rows["is_repeat"].any()

    def test_the_repeat_ratio_of_a_category_is_the_measured_one(self):
        day = [date(2026, 1, d) for d in (1, 2, 3, 4)]
        rows = [("k", "tea", day[0]), ("k", "tea", day[1]), ("k", "tea", day[2]), ("k", "tv", day[3])]
        bought = pd.DataFrame(rows, columns=["customer_id", "sku", "order_date"])
        items = pd.DataFrame({"sku": ["tea", "tv"], "category_id": ["food", "screens"]})
        skus = np.array(["tea", "tv"])
        # After k's first day: two of two teas and none of one TV were repeats, two of three overall.
        weight = CANDIDATES.repeat_prior
        pulled = repeat_ratios(bought, items, skus, default=0.1, prior=weight)
        assert pulled == pytest.approx(
            [(2 + weight * 2 / 3) / (2 + weight), (0 + weight * 2 / 3) / (1 + weight)]
        )

    def test_a_category_takes_at_most_its_share_while_others_can_fill(
        self, recommendation_shop, customer_rows
    ):
        category = recommendation_shop.items.set_index("sku")["category_id"]
        sizes = (
            customer_rows.assign(c=customer_rows["sku"].map(category)).groupby(["customer_id", "c"]).size()
        )
        assert (sizes <= 4).mean() >= 0.99

    def test_gone_items_are_not_shown(self, recommendation_shop, customer_rows):
        shop = recommendation_shop
        gone = customer_rows["sku"].value_counts().index[0]
        items = shop.items.assign(is_in_stock=shop.items["sku"] != gone)
        rows = recommend_for_customers(
            shop.purchases, shop.interactions, shop.pairs, items, as_of=shop.as_of, run_id="r"
        )
        assert gone not in set(rows["sku"])
        assert rows.groupby("customer_id").size().eq(12).all()

    def test_shuffled_rows_and_a_tampered_future_change_nothing(self, recommendation_shop):
        shop, early = recommendation_shop, recommendation_shop.as_of - timedelta(days=60)
        random = np.random.default_rng(4)
        tampered = shop.purchases.copy()
        future = (tampered["order_date"] > early).to_numpy()
        tampered.loc[future, "sku"] = random.permutation(tampered.loc[future, "sku"])
        lists = [
            recommend_for_customers(p, i, shop.pairs.iloc[:0], shop.items, as_of=early, run_id="r")
            for p, i in (
                (shop.purchases, shop.interactions),
                (
                    tampered.sample(frac=1.0, random_state=1),
                    shop.interactions.sample(frac=1.0, random_state=2),
                ),
            )
        ]
        pd.testing.assert_frame_equal(*lists)

    def test_guests_get_no_list_and_empty_tables_give_typed_nothing(self, recommendation_shop, customer_rows):
        shop = recommendation_shop
        assert customer_rows["customer_id"].notna().all()
        empty = recommend_for_customers(
            shop.purchases.iloc[:0], shop.interactions.iloc[:0], shop.pairs.iloc[:0], shop.items.iloc[:0],
            as_of=shop.as_of, run_id="r",
        )  # fmt: skip
        assert len(empty) == 0
        assert conforms(empty, "customer_recommendations")
        none = evaluate_customers(
            shop.purchases.iloc[:0],
            shop.interactions.iloc[:0],
            shop.items.iloc[:0],
            as_of=shop.as_of,
            run_id="r",
        )
        assert len(none) == 0

    def test_held_out_purchases_are_foretold_better_than_by_popularity_or_repurchase(
        self, recommendation_shop
    ):
        shop = recommendation_shop
        rows = evaluate_customers(shop.purchases, shop.interactions, shop.items, as_of=shop.as_of, run_id="r")
        assert conforms(rows, "recommendation_accuracy")
        value = rows.set_index(["model_name", "metric"])["value"]
        assert value["candidates_signals", "map_at_12"] > value["popularity", "map_at_12"] * 2
        assert value["candidates_signals", "map_at_12"] >= value["repurchase", "map_at_12"]
        assert rows.loc[rows["is_served"], "model_name"].unique().tolist() == ["candidates_signals"]


def test_the_quick_map_of_the_ranker_equals_the_plain_one():
    random = np.random.default_rng(0)
    row = np.repeat(np.arange(30), 20)
    score, relevant = random.random(600), random.random(600) < 0.1
    plain = []
    for customer in range(30):
        mine = np.flatnonzero(row == customer)
        wanted = set(mine[relevant[mine]].tolist())
        if wanted:
            plain.append(average_precision_at(mine[np.argsort(-score[mine])].tolist(), wanted, 12))
    assert mean_average_precision(score, row, relevant) == pytest.approx(np.mean(plain))


@pytest.mark.parametrize("rows", ["all", "none"])
def test_tables_as_duckdb_hands_them_over_are_understood(recommendation_shop, customer_rows, rows: str):
    shop, limit = recommendation_shop, 10**9 if rows == "all" else 0
    connection = duckdb.connect()

    def read(frame: pd.DataFrame, dates: dict[str, str]) -> pd.DataFrame:
        casts = ", ".join(f"{name}::{kind} as {name}" for name, kind in dates.items())
        return connection.execute(f"select * replace ({casts}) from frame limit {limit}").df()

    purchases = read(shop.purchases, {"order_date": "date"})
    interactions = read(shop.interactions, {"interaction_date": "date"})
    items = read(shop.items, {"title_en": "varchar", "category_path": "varchar"})
    pairs = read(shop.pairs, {"decayed_weight": "double"})
    sessions = read(shop.session_items, {"occurred_at": "timestamp"})
    given = {"as_of": shop.as_of, "run_id": "r"}
    customers = recommend_for_customers(purchases, interactions, pairs, items, **given)
    served = {
        "popular_items": popular_items(purchases, interactions, items, **given),
        "similar_items": similar_items(pairs, items, purchases=purchases, **given),
        "bundles": bundles(purchases, items, **given),
        "customer_recommendations": customers,
        "session_recommendations": recommend_for_sessions(sessions, items, **given),
    }
    for name, frame in served.items():
        assert conforms(frame, name)
        assert (len(frame) > 0) == (rows == "all")
    if rows == "all":
        pd.testing.assert_frame_equal(customers, customer_rows)
