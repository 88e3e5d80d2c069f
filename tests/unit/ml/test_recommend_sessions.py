"""Session neighbours against a slow oracle, and the tables made of them."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data_quality.contract import load_contract
from ml.recommendations import (
    ItemNeighbours,
    MarkovFirstOrder,
    Popularity,
    SessionNeighbours,
    SessionParams,
    SessionPopularity,
    choose_settings,
    evaluate_sessions,
    recommend_for_sessions,
)
from ml.recommendations.encoding import Queries, SessionLog, session_steps
from ml.recommendations.session_evaluation import OURS, evaluate_log

START = pd.Timestamp("2026-03-01")


def log_of(sessions: list[list[str]], event_type: str = "view") -> pd.DataFrame:
    rows = [
        (
            f"s{number:04d}",
            "v",
            None,
            place,
            sku,
            event_type,
            START + pd.Timedelta(minutes=number, seconds=place),
        )
        for number, session in enumerate(sessions)
        for place, sku in enumerate(session, start=1)
    ]
    names = ["session_id", "visitor_id", "customer_id", "position", "sku", "event_type", "occurred_at"]
    return pd.DataFrame(rows, columns=names)


def random_sessions(seed: int, n: int = 120, n_items: int = 25) -> list[list[str]]:
    random = np.random.default_rng(seed)
    return [[f"i{random.integers(n_items):02d}" for _ in range(random.integers(1, 7))] for _ in range(n)]


def slow_scores(
    sessions: list[list[str]], query: list[str], *, m: int, k: int, e: float, last: int
) -> dict[str, float]:
    """The published rule in plain Python: dictionaries and loops, nothing shared with the implementation."""
    newest_first = list(range(len(sessions)))[::-1]
    postings = {
        i: [s for s in newest_first if i in sessions[s]][:m]
        for i in {i for session in sessions for i in session}
    }
    tail = query[-last:]
    weight, steps = {}, {}
    for place, item in enumerate(tail, start=1):
        weight[item], steps[item] = (place / len(tail)) ** e, len(tail) - place
    similarity: Counter[int] = Counter()
    newest: dict[int, int] = {}
    for item in weight:
        for s in postings.get(item, []):
            similarity[s] += weight[item]
            newest[s] = min(newest.get(s, 99), steps[item])
    recent = sorted(similarity, reverse=True)[:m]
    neighbours = sorted(recent, key=lambda s: (-round(similarity[s], 6), -s))[:k]
    n_sessions = Counter(i for s in sessions for i in set(s))
    scores: Counter[str] = Counter()
    for s in neighbours:
        for item in set(sessions[s]):
            scores[item] += similarity[s] * max(0.0, 1 - 0.1 * newest[s]) ** 2
    return {i: v * math.log1p(len(sessions) / n_sessions[i]) for i, v in scores.items()}


@pytest.mark.parametrize(("m", "k", "e", "last"), [(1000, 500, 1.0, 10), (10, 5, 2.0, 3), (4, 100, 0.5, 2)])
def test_neighbour_scores_equal_those_of_a_slow_oracle(m: int, k: int, e: float, last: int):
    sessions = random_sessions(1)
    model = SessionNeighbours(m=m, k=k, e=e, last=last, drop_current=False).fit(log_of(sessions))
    for query in random_sessions(2, n=40):
        expected = slow_scores(sessions, query, m=m, k=k, e=e, last=last)
        found = {sku: score for sku, score in model.recommend(query, k=25) if score > 0}
        assert found == pytest.approx({i: v for i, v in expected.items() if v > 1e-9})
        assert list(found) == sorted(found, key=lambda i: (-round(found[i], 9), i))


def test_one_query_alone_gets_what_it_gets_in_a_batch():
    model = SessionNeighbours(k=7).fit(log_of(random_sessions(3)))
    queries = Queries.of([[0, 3], [5], [1, 1, 2], [9, 8, 7, 6]])
    codes, scores = model.rank_many(queries, 10)
    for row in range(len(queries)):
        alone = model.rank_many(queries.part(slice(row, row + 1)), 10)
        assert alone[0][0].tolist() == codes[row].tolist()
        assert alone[1][0] == pytest.approx(scores[row])


def test_the_item_on_screen_is_left_out_when_asked():
    log = log_of([["mug", "tea"], ["mug", "tea"], ["pen", "ink"]])
    assert "mug" not in [
        sku for sku, _ in SessionNeighbours(drop_current=True).fit(log).recommend(["mug"], k=1)
    ]
    assert SessionNeighbours(drop_current=False).fit(log).recommend(["mug"], k=1)[0][0] == "mug"


def test_unknown_and_empty_sessions_get_the_popular_items():
    model = SessionNeighbours().fit(log_of([["a", "b"], ["a", "c"], ["a", "b"]]))
    assert model.recommend([], k=2) == [("a", 0.0), ("b", 0.0)]
    assert model.recommend(["never seen"], k=3) == [("a", 0.0), ("b", 0.0), ("c", 0.0)]


def test_fitting_on_nothing_says_what_is_needed():
    with pytest.raises(ValueError, match="Got no session"):
        SessionNeighbours().fit(log_of([]))
    with pytest.raises(ValueError, match="Got m=0"):
        SessionNeighbours(m=0).fit(log_of([["a"]]))


def test_the_order_of_rows_changes_nothing():
    frame = log_of(random_sessions(4))
    shuffled = frame.sample(frac=1.0, random_state=1)
    first, second = (SessionNeighbours(k=5).fit(f).recommend(["i03", "i07"], k=15) for f in (frame, shuffled))
    assert first == second


def test_putting_the_viewed_item_into_the_cart_is_not_a_new_step_but_coming_back_is():
    frame = log_of([["a", "a", "b", "b"]])
    frame["event_type"] = ["view", "add_to_cart", "view", "view"]
    assert session_steps(frame)["sku"].tolist() == ["a", "b", "b"]


def test_peers_do_what_their_names_say():
    log = log_of([["a", "b"], ["a", "b"], ["a", "c"], ["d", "a"], ["e", "e", "d"]])
    assert [s for s, _ in Popularity().fit(log).recommend(["e"], k=2)] == ["a", "b"]
    assert [s for s, _ in MarkovFirstOrder().fit(log).recommend(["a"], k=2)] == ["b", "c"]
    assert [s for s, _ in SessionPopularity().fit(log).recommend(["b", "c", "b"], k=2)] == ["b", "c"]
    scores = dict(ItemNeighbours().fit(log).recommend(["a"], k=3))
    assert scores["b"] == pytest.approx(2 / math.sqrt(4 * 2))
    assert scores["d"] == pytest.approx(1 / math.sqrt(4 * 2))


def test_settings_follow_how_visitors_of_the_shop_behave():
    random = np.random.default_rng(0)
    pairs = [(f"i{2 * n:02d}", f"i{2 * n + 1:02d}") for n in range(15)]
    no_return = [list(pairs[random.integers(15)]) for _ in range(900)]
    coming_back = [[pairs[p][0]] * 3 for p in random.integers(0, 15, 900)]
    drop = choose_settings(SessionLog.from_steps(session_steps(log_of(no_return))), k=1)
    keep = choose_settings(SessionLog.from_steps(session_steps(log_of(coming_back))), k=1)
    assert drop.get("drop_current", True) is True
    assert keep["drop_current"] is False


def test_a_planted_sequence_is_found_ahead_of_popularity_and_item_knn():
    random = np.random.default_rng(1)
    sessions = []
    for _ in range(1_500):
        start = int(random.integers(40))
        walk = [f"i{(start + step) % 40:02d}" for step in range(4)]
        sessions.append([w if random.random() < 0.8 else f"i{random.integers(40):02d}" for w in walk])
    result = evaluate_log(SessionLog.from_steps(session_steps(log_of(sessions))), k=5)
    hit = {name: row["hit_rate_at_5"] for name, row in result.figures.items()}
    assert hit[OURS] > hit["popularity"] + 0.3
    assert hit[OURS] >= hit["item_knn"]
    assert result.n_train_sessions == 1_275


def test_what_happens_after_the_split_cannot_change_the_choice_or_the_lists():
    log = SessionLog.from_steps(session_steps(log_of(random_sessions(6, n=400))))
    tampered_items = log.items.copy()
    cut = log.offsets[340]
    tampered_items[cut:] = np.random.default_rng(3).permutation(tampered_items[cut:])
    tampered = SessionLog(log.skus, tampered_items, log.offsets, log.session_ids, log.last_at)
    assert evaluate_log(log).settings == evaluate_log(tampered).settings
    lists = [
        SessionNeighbours().fit_log(x.part(0, 340)).rank_many(Queries.of([[1, 2], [3]]))[0]
        for x in (log, tampered)
    ]
    assert (lists[0] == lists[1]).all()


class TestServedSessions:
    as_of = date(2026, 3, 1)
    no_items = pd.DataFrame({"sku": [], "is_active": [], "is_in_stock": []})

    def test_rows_from_after_as_of_are_not_used(self):
        past = log_of(random_sessions(7))
        future = log_of([["i01", "i02"]] * 300).assign(session_id=lambda f: "z" + f["session_id"])
        future["occurred_at"] += pd.Timedelta(days=3)
        alone = recommend_for_sessions(past, self.no_items, as_of=self.as_of, run_id="r")
        together = recommend_for_sessions(
            pd.concat([future, past]), self.no_items, as_of=self.as_of, run_id="r"
        )
        pd.testing.assert_frame_equal(alone, together)

    def test_the_list_conforms_to_its_contract_and_has_no_gaps(self):
        rows = recommend_for_sessions(log_of(random_sessions(7)), self.no_items, as_of=self.as_of, run_id="r")
        contract = load_contract("session_recommendations", kind="served")
        assert pa.Table.from_pandas(
            rows, schema=contract.arrow_schema(), preserve_index=False
        ).num_rows == len(rows)
        ranks = rows.groupby("session_id")["rank"].agg(list)
        assert all(r == list(range(1, 13)) for r in ranks)
        assert set(rows["source"]) <= {OURS, "popularity"}

    def test_items_out_of_stock_are_replaced_from_deeper_ranks(self):
        log = log_of(random_sessions(8))
        full = recommend_for_sessions(log, self.no_items, as_of=self.as_of, run_id="r")
        gone = full.loc[full["rank"] == 1, "sku"].value_counts().index[0]
        items = pd.DataFrame({"sku": [gone], "is_active": [True], "is_in_stock": [False]})
        short = recommend_for_sessions(log, items, as_of=self.as_of, run_id="r")
        assert gone not in set(short["sku"])
        assert short.groupby("session_id").size().eq(12).all()
        one = full["session_id"].iloc[0]
        kept = [s for s in full.loc[full["session_id"] == one, "sku"] if s != gone]
        assert short.loc[short["session_id"] == one, "sku"].tolist()[: len(kept)] == kept

    def test_what_the_session_bought_is_not_shown_again(self):
        log = log_of([["a", "b"]] * 20 + [["a", "b"]])
        log.loc[log["session_id"].eq("s0020") & log["sku"].eq("b"), "event_type"] = "purchase"
        rows = recommend_for_sessions(log, self.no_items, as_of=self.as_of, run_id="r")
        assert "b" not in set(rows.loc[rows["session_id"] == "s0020", "sku"])

    def test_only_sessions_that_are_still_warm_are_served(self):
        log = log_of(random_sessions(9))
        params = SessionParams(recent_hours=24)
        later = recommend_for_sessions(log, self.no_items, as_of=date(2026, 3, 9), run_id="r", params=params)
        assert len(later) == 0

    def test_nothing_in_gives_typed_nothing_out(self):
        empty = log_of([])
        empty["occurred_at"] = pd.to_datetime(empty["occurred_at"])
        for rows in (
            recommend_for_sessions(empty, self.no_items, as_of=self.as_of, run_id="r"),
            evaluate_sessions(empty, as_of=self.as_of, run_id="r"),
        ):
            assert len(rows) == 0
        contract = load_contract("recommendation_accuracy", kind="served")
        assert tuple(rows.columns) == contract.column_names

    def test_two_runs_agree_to_the_last_digit(self):
        log = log_of(random_sessions(10, n=300))
        first, second = (evaluate_sessions(log, as_of=self.as_of, run_id="r") for _ in range(2))
        pd.testing.assert_frame_equal(first, second)
        assert {"popularity", "markov_first_order", "item_knn", OURS} <= set(first["model_name"])


def test_on_real_sessions_ours_is_ahead_of_every_floor_and_peer(real_data):
    clicks = pd.read_csv(real_data / "retailrocket_sessions" / "train_sessions.csv", nrows=150_000)
    steps = pd.DataFrame(
        {
            "session_id": clicks["session_id"].map("{:09d}".format),
            "sku": clicks["item_id"].astype(str),
            "last_at": START + pd.to_timedelta(clicks["session_id"], unit="s"),
        }
    )
    result = evaluate_log(SessionLog.from_steps(steps), max_sessions=600)
    for metric in ("hit_rate_at_20", "mrr_at_20"):
        ours = result.figures[OURS][metric]
        assert all(ours > row[metric] for name, row in result.figures.items() if name != OURS)
    assert result.figures[OURS]["hit_rate_at_20_lead_lower"] > 0.05
