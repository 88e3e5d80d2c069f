"""Transit tables and the gain rule: hand-worked cases, and properties that must always hold."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.priority.scoring import (
    PriorityParams,
    expected_gain,
    is_in_aged_lane,
    later_weights,
    queue_order,
    urgency,
    urgent_gain,
    value_weight,
)
from ml.priority.transits import LANE, MAX_DAYS, TransitTable, default_pmf
from ml.priority.working_days import floors_of

AS_OF = date(2026, 3, 6)  # a Friday


def parcels(rows: list[tuple[str, str, int, int, int]]) -> pd.DataFrame:
    """(method, country, transit days, days ago, how many)."""
    flat = [(m, c, t, AS_OF - timedelta(days=ago)) for m, c, t, ago, n in rows for _ in range(n)]
    frame = pd.DataFrame(
        flat, columns=["shipping_method", "destination_country", "transit_days", "dispatched_date"]
    )
    return frame.assign(location_id="BER", carrier="x", shipment_id=[f"s{n}" for n in range(len(frame))])


def on_time(table: TransitTable, method: str, country: str, slack: int, weekday: int = 0) -> float:
    lane = pd.DataFrame([(method, country, "BER", weekday)], columns=LANE)
    return float(table.on_time(table.rows_of(lane), np.array([slack]))[0])


class TestTransitTable:
    def test_a_lane_with_many_parcels_shows_its_own_share_and_a_thin_one_its_parents(self):
        table = TransitTable(half_life_days=1e9).fit(
            parcels(
                [
                    ("standard", "DE", 2, 20, 3_000),
                    ("standard", "FR", 4, 20, 3_000),
                    ("standard", "AT", 9, 20, 1),
                ]
            ),
            AS_OF,
        )
        assert on_time(table, "standard", "DE", 2) > 0.98
        assert on_time(table, "standard", "FR", 3) < 0.05
        # One slow parcel to AT moves its lane by 1 / 21 only: (0 + 20 * parent) / 21
        parent = float(table.cdf_[table.rows_[("standard",)], 4])
        assert float(table.cdf_[table.rows_[("standard", "AT")], 4]) == pytest.approx(20 * parent / 21)

    def test_the_shrunk_share_equals_the_dirichlet_mean_worked_by_hand(self):
        table = TransitTable(prior_orders=20, half_life_days=28, settling_days=10).fit(
            parcels([("express", "DE", 1, 28, 40)]), AS_OF
        )
        prior = default_pmf("express")[1]
        method = (40 * 0.5 + 20 * prior) / (40 * 0.5 + 20)  # a half-life old: 40 parcels weigh 20
        assert table.cdf_[table.rows_[("express",)], 1] == pytest.approx(method)
        country = (20 + 20 * method) / 40
        assert table.cdf_[table.rows_[("express", "DE")], 1] == pytest.approx(country)

    def test_parcels_not_yet_due_to_arrive_do_not_make_the_lane_look_quick(self):
        settled = parcels([("economy", "DE", 6, 30, 500)])
        recent_quick = parcels([("economy", "DE", 1, 3, 500)])
        table = TransitTable().fit(pd.concat([settled, recent_quick], ignore_index=True), AS_OF)
        assert on_time(table, "economy", "DE", 2) < 0.1
        assert on_time(TransitTable().fit(recent_quick, AS_OF), "economy", "DE", 2) > 0.9  # all there is

    def test_parcels_delivered_after_as_of_are_not_known(self):
        known = parcels([("standard", "DE", 3, 20, 50)])
        later = parcels([("standard", "DE", 30, 20, 500)])
        alone, both = (
            TransitTable().fit(f, AS_OF).cdf_ for f in (known, pd.concat([later, known], ignore_index=True))
        )
        assert (alone == both).all()

    def test_without_parcels_the_stated_default_serves(self):
        table = TransitTable().fit(parcels([]), AS_OF)
        assert on_time(table, "express", "DE", 2) > on_time(table, "economy", "DE", 2)
        assert on_time(table, "unheard of", "XX", MAX_DAYS) == pytest.approx(1.0)
        assert on_time(table, "express", "DE", -1) == 0.0

    def test_a_planted_weekday_effect_is_learnt(self):
        rows = [
            ("standard", "DE", 5 if (AS_OF - timedelta(days=a)).weekday() == 4 else 2, a, 60)
            for a in range(11, 95)
        ]
        table = TransitTable().fit(parcels(rows), AS_OF)
        assert on_time(table, "standard", "DE", 3, weekday=4) < 0.3
        assert on_time(table, "standard", "DE", 3, weekday=1) > 0.9


class TestGain:
    def test_a_hopeless_and_a_safe_order_gain_nothing_and_a_close_one_gains_much(self):
        odds = np.array([[0.0, 0, 0, 0], [1.0, 1, 1, 1], [0.9, 0.2, 0.0, 0.0]])
        gain = expected_gain(odds, np.array([0.5, 0.3, 0.2]))
        assert gain == pytest.approx([0.0, 0.0, 0.8])

    def test_the_chance_to_leave_later_follows_from_backlog_and_capacity(self):
        assert later_weights(50, 100, 3) == pytest.approx([1, 0, 0])
        assert later_weights(200, 100, 3) == pytest.approx([0.5, 0.25, 0.25])
        assert later_weights(0, 100, 3).sum() == pytest.approx(1.0)

    @given(backlog=st.floats(0, 1e6), capacity=st.floats(1, 1e4), days=st.integers(1, 7))
    def test_the_chances_always_sum_to_one(self, backlog: float, capacity: float, days: int):
        weights = later_weights(backlog, capacity, days)
        assert weights.sum() == pytest.approx(1.0)
        assert (weights >= -1e-12).all()

    def test_value_counts_against_the_median_within_its_limits(self):
        assert value_weight(np.array([10.0, 20.0, 30.0, 2_000.0, 0.5, np.nan])) == pytest.approx(
            [0.5, 1.0, 1.5, 3.0, 0.3, 1.0]
        )

    @settings(max_examples=60, deadline=None)
    @given(
        method=st.sampled_from(["express", "standard", "economy"]),
        slack=st.integers(0, 14),
        backlog=st.floats(1, 5_000),
        value=st.floats(1, 500),
        more=st.floats(1, 500),
    )
    def test_an_earlier_deadline_more_value_or_perishing_never_lowers_the_urgency_of_a_likely_order(
        self, method: str, slack: int, backlog: float, value: float, more: float
    ):
        cdf = np.cumsum(default_pmf(method))
        weights = later_weights(backlog, 200, 3)

        def urgent(days: int, worth: float, perishable: bool) -> float:
            def odds_with(extra: int) -> np.ndarray:
                slacks = [days + extra - step for step in range(4)]
                return np.array([[cdf[slack] if slack >= 0 else 0.0 for slack in slacks]])

            flags = {"is_perishable": np.array([perishable]), "was_late_before": np.array([False])}
            # 50 is the median of the others, held still: one order hardly moves it
            weight = value_weight(np.array([worth, *[50.0] * 9]))[:1]
            return float(urgency(urgent_gain(odds_with, weights), weight, **flags)[0])

        base = urgent(slack, value, False)
        assert urgent(slack, value + more, False) >= base - 1e-12
        assert urgent(slack, value, True) >= base - 1e-12
        if slack > 0 and cdf[slack - 1] >= 0.5:  # with the earlier promise still more likely kept than not
            assert urgent(slack - 1, value, False) >= base - 1e-9


class TestQueue:
    def order(
        self, urgent: list[float], overdue: list[int], capacity: float = 4.0, **params: float
    ) -> list[int]:
        n = len(urgent)
        return queue_order(
            np.array(urgent), overdue_days=np.array(overdue), promise_day=-np.array(overdue),
            tie=np.arange(n), capacity=capacity, params=PriorityParams(**params),
        ).tolist()  # fmt: skip

    def test_the_most_urgent_goes_first_and_ties_go_by_promise_then_number(self):
        assert self.order([0.1, 0.5, 0.5, 0.5], [0, -1, 0, 0]) == [2, 3, 1, 0]

    def test_what_has_waited_too_long_goes_first_but_only_in_its_lane(self):
        urgent, overdue = [0.9, 0.8, 0.0, 0.0, 0.0], [0, 0, 9, 12, 8]
        assert self.order(urgent, overdue, aged_after_days=7, aged_share=0.5) == [3, 2, 0, 1, 4]
        assert self.order(urgent, overdue, aged_share=0.0)[:2] == [0, 1]

    @given(st.lists(st.tuples(st.floats(0, 1), st.integers(-10, 40)), max_size=60), st.floats(1, 50))
    def test_the_queue_is_a_permutation_and_the_lane_is_never_over_its_share(
        self, orders: list[tuple[float, int]], capacity: float
    ):
        urgent, overdue = [u for u, _ in orders], [o for _, o in orders]
        assert sorted(self.order(urgent, overdue, capacity)) == list(range(len(orders)))
        aged = is_in_aged_lane(
            np.array(overdue, dtype=int),
            promise_day=-np.array(overdue, dtype=int),
            tie=np.arange(len(orders)),
            capacity=capacity,
        )
        assert aged.sum() <= np.ceil(PriorityParams().aged_share * capacity)


class TestWorkingDays:
    def test_days_without_dispatches_are_skipped_and_capacity_is_the_median(self):
        days = [AS_OF - timedelta(days=n) for n in range(56)]
        open_days = [d for d in days if d.weekday() < 5]
        rows = pd.DataFrame({"location_id": "BER", "dispatch_date": open_days, "n_orders": 100})
        rows.loc[0, "n_orders"] = 900
        floor = floors_of(rows, ["BER"], {}, AS_OF)["BER"]
        assert floor.capacity == 100
        assert floor.next_days(AS_OF, 2) == [date(2026, 3, 9), date(2026, 3, 10)]  # Friday to Monday, Tuesday

    def test_a_location_without_history_gets_the_stated_default_and_the_future_is_not_read(self):
        rows = pd.DataFrame(
            {"location_id": ["NEW"], "dispatch_date": [AS_OF + timedelta(days=1)], "n_orders": [5_000]}
        )
        floor = floors_of(rows, ["NEW"], {"NEW": 30}, AS_OF)["NEW"]
        assert floor.capacity == 10
        assert floor.weekdays == frozenset(range(5))
