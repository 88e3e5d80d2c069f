"""Ranking metrics against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ml.recommendations.metrics import (
    average_precision_at,
    coverage,
    discounted_gains,
    gini,
    hits,
    ndcg_at,
    next_item_ranks,
    paired_bootstrap,
    precision_at,
    recall_at,
    reciprocal_ranks,
)


def test_hit_rate_mrr_and_ndcg_of_next_items_follow_the_place_of_the_target():
    lists = np.array([[7, 3, 9], [1, 2, -1], [5, 6, 7]])
    ranks = next_item_ranks(lists, np.array([3, 4, 5]))
    assert ranks.tolist() == [2, 0, 1]
    assert hits(ranks).mean() == pytest.approx(2 / 3)
    assert reciprocal_ranks(ranks).mean() == pytest.approx((1 / 2 + 0 + 1) / 3)
    assert discounted_gains(ranks).tolist() == pytest.approx([1 / np.log2(3), 0, 1])


def test_an_empty_place_never_counts_as_a_hit():
    assert next_item_ranks(np.array([[-1, -1]]), np.array([0])).tolist() == [0]


def test_average_precision_divides_by_what_could_be_found():
    # hits at places 1 and 3: (1/1 + 2/3) / min(4, 2 relevant)
    assert average_precision_at(["a", "x", "b", "y"], {"a", "b"}, 4) == pytest.approx((1 + 2 / 3) / 2)
    # three relevant, two places: only two could be found
    assert average_precision_at(["a", "b"], {"a", "b", "c"}, 2) == pytest.approx(1.0)


def test_precision_counts_empty_places_and_recall_does_not():
    assert precision_at(["a"], {"a", "b"}, 4) == pytest.approx(1 / 4)
    assert recall_at(["a"], {"a", "b"}, 4) == pytest.approx(1 / 2)


def test_ndcg_of_a_perfect_list_is_one_and_a_swap_costs_the_discount():
    assert ndcg_at(["a", "b", "x"], {"a", "b"}, 3) == pytest.approx(1.0)
    expected = (1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert ndcg_at(["x", "a", "b"], {"a", "b"}, 3) == pytest.approx(expected)


def test_an_item_listed_twice_counts_once():
    assert precision_at(["a", "a"], {"a"}, 2) == pytest.approx(1 / 2)
    assert average_precision_at(["a", "a"], {"a"}, 2) == pytest.approx(1.0)


def test_a_list_shorter_than_k_and_a_catalogue_smaller_than_k_are_fine():
    assert recall_at(["a"], {"a"}, 50) == pytest.approx(1.0)
    assert ndcg_at(["a"], {"a"}, 50) == pytest.approx(1.0)
    assert recall_at([], set(), 5) == 0.0


def test_coverage_counts_distinct_items_and_gini_measures_their_inequality():
    lists = np.array([[0, 1], [0, -1]])
    assert coverage(lists, 4) == pytest.approx(2 / 4)
    assert gini(np.array([[0, 1], [2, 3]]), 4) == pytest.approx(0.0)
    assert gini(np.array([[0, 0], [0, 0]]), 4) == pytest.approx(3 / 4)  # one of four takes all: (n - 1) / n


def test_the_bootstrap_interval_holds_the_mean_and_shrinks_to_a_constant_difference():
    mean, lower, upper = paired_bootstrap(np.ones(50), np.zeros(50))
    assert (mean, lower, upper) == (1.0, 1.0, 1.0)
    random = np.random.default_rng(0)
    ours, theirs = random.random(400), random.random(400)
    mean, lower, upper = paired_bootstrap(ours, theirs)
    assert lower < mean < upper
    assert lower < 0 < upper  # two equal models do not differ
    # The textbook half width, 1.96 s / sqrt(n), is met within a tenth.
    assert (upper - lower) / 2 == pytest.approx(1.96 * (ours - theirs).std() / 20, rel=0.1)


def test_cases_of_one_session_are_drawn_together():
    difference = np.repeat([1.0, -1.0, 1.0, -1.0], 100)
    _, lower, upper = paired_bootstrap(difference, np.zeros(400), groups=np.repeat(np.arange(4), 100))
    _, lower_alone, upper_alone = paired_bootstrap(difference, np.zeros(400))
    assert upper - lower > 5 * (upper_alone - lower_alone)
