"""The served priorities: gates, ranks, classes, reasons, and independence of row order and the future."""

from __future__ import annotations

import re
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data_quality.contract import load_contract
from ml.priority import PriorityParams, prioritise_orders

AS_OF = date(2026, 3, 5)  # a Thursday
END = pd.Timestamp(AS_OF) + pd.Timedelta(days=1)


def open_orders(n: int = 300, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    method = random.choice(["express", "standard", "economy"], n, p=[0.15, 0.6, 0.25])
    ordered = END - pd.to_timedelta((random.exponential(2.0, n) * 86_400).astype(int) + 60, unit="s")
    promise = ordered.normalize() + pd.to_timedelta(
        pd.Series(method).map({"express": 2, "standard": 5, "economy": 9}), unit="D"
    )
    return pd.DataFrame(
        {
            "order_id": [f"O{number:05d}" for number in range(n)],
            "customer_id": [f"K{number % 50:03d}" for number in range(n)],
            "location_id": random.choice(["BER", "PAR"], n),
            "ordered_at": ordered,
            "paid_at": pd.NaT,
            "order_status": "placed",
            "payment_status": random.choice(["captured", "pending", "failed"], n, p=[0.9, 0.06, 0.04]),
            "shipping_method": method,
            "shipping_country": random.choice(["DE", "FR"], n),
            "promised_dispatch_at": pd.NaT,
            "promised_delivery_date": promise.dt.date,
            "value_amount": np.round(random.lognormal(3.5, 0.7, n), 2),
            "currency": "EUR",
            "n_lines": 1,
            "n_units": 1,
            "is_all_in_stock": random.random(n) > 0.05,
            "has_perishable": random.random(n) < 0.05,
            "customer_n_orders": 3,
            "customer_n_late_orders": random.integers(0, 2, n),
        }
    )


def history(seed: int = 1, n: int = 4_000) -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(seed)
    method = random.choice(["express", "standard", "economy"], n)
    mean = pd.Series(method).map({"express": 0.9, "standard": 2.6, "economy": 5.0}).to_numpy()
    transits = pd.DataFrame(
        {
            "shipment_id": [f"S{number}" for number in range(n)],
            "location_id": random.choice(["BER", "PAR"], n),
            "shipping_method": method,
            "destination_country": random.choice(["DE", "FR"], n),
            "carrier": "x",
            "dispatched_date": [AS_OF - timedelta(days=int(d)) for d in random.integers(15, 100, n)],
            "transit_days": np.ceil(random.gamma(6.0, mean / 6.0)).astype(int),
        }
    )
    days = [AS_OF - timedelta(days=d) for d in range(60)]
    rows = [(location, day, 40) for location in ("BER", "PAR") for day in days if day.weekday() < 6]
    return transits, pd.DataFrame(rows, columns=["location_id", "dispatch_date", "n_orders"])


def prioritise(orders: pd.DataFrame, **params: float) -> pd.DataFrame:
    transits, dispatches = history()
    return prioritise_orders(
        orders, transits, dispatches, as_of=AS_OF, run_id="r", params=PriorityParams(**params)
    )


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return prioritise(open_orders())


def test_rows_conform_to_the_contract_one_per_open_order(rows: pd.DataFrame):
    contract = load_contract("order_priorities", kind="served")
    assert pa.Table.from_pandas(rows, schema=contract.arrow_schema(), preserve_index=False).num_rows == 300
    assert set(rows["priority_class"]) <= set(contract.column("priority_class").allowed)
    assert rows["score"].between(0, 100).all()


def test_ranks_have_no_gaps_within_a_location_and_scores_follow_them(rows: pd.DataFrame):
    for _, part in rows.dropna(subset=["rank_in_location"]).groupby("location_id"):
        ordered = part.sort_values("rank_in_location")
        assert ordered["rank_in_location"].tolist() == list(range(1, len(part) + 1))
        assert ordered["score"].is_monotonic_decreasing
        assert ordered["score"].iloc[0] == 100
        assert ordered["score"].iloc[-1] > 0


def test_orders_that_cannot_go_are_never_ranked_and_say_why(rows: pd.DataFrame):
    orders = open_orders().set_index("order_id")
    shut = rows[rows["priority_class"].isin(["blocked", "waiting_stock"])].set_index("order_id")
    assert shut["rank_in_location"].isna().all()
    assert (shut["score"] == 0).all()
    payment = orders.loc[shut.index, "payment_status"]
    assert (shut.loc[payment == "failed", "reason_1_code"] == "PAYMENT_FAILED").all()
    assert (shut.loc[payment == "pending", "reason_1_code"] == "UNPAID").all()
    assert (shut.loc[payment == "captured", "reason_1_code"] == "WAITING_STOCK").all()
    expected = (orders["payment_status"] != "captured") | ~orders["is_all_in_stock"]
    assert set(shut.index) == set(orders.index[expected])


def test_a_shop_without_a_payments_feed_blocks_nothing_for_it():
    rows = prioritise(open_orders().assign(payment_status=None, is_all_in_stock=True))
    assert rows["rank_in_location"].notna().all()


def test_held_orders_are_blocked_where_the_shop_marks_them():
    orders = open_orders().assign(payment_status="captured", is_all_in_stock=True)
    orders["is_on_hold"] = orders["order_id"] == "O00007"
    rows = prioritise(orders).set_index("order_id")
    assert rows.loc["O00007", ["priority_class", "reason_1_code"]].tolist() == ["blocked", "ON_HOLD"]
    assert (rows["priority_class"] == "blocked").sum() == 1


def test_a_hopeless_order_stands_behind_every_savable_one_until_it_has_waited_too_long():
    orders = open_orders(60).assign(payment_status="captured", is_all_in_stock=True, location_id="BER")
    orders.loc[0, "promised_delivery_date"] = AS_OF - timedelta(days=2)
    orders.loc[1:, "promised_delivery_date"] = AS_OF + timedelta(days=6)
    place = prioritise(orders).set_index("order_id")["rank_in_location"]
    assert place["O00000"] == 60
    orders.loc[0, "promised_delivery_date"] = AS_OF - timedelta(days=9)
    waited = prioritise(orders).set_index("order_id")
    assert waited.loc["O00000", "rank_in_location"] == 1
    assert waited.loc["O00000", "reason_1_code"] == "WAITED_TOO_LONG"
    assert waited.loc["O00000", "priority_class"] == "high"


def test_high_is_limited_to_what_the_next_wave_can_take_and_overdue_is_never_low(rows: pd.DataFrame):
    high = rows[rows["priority_class"] == "high"]
    assert high.groupby("location_id").size().max() <= 40
    assert (high["rank_in_location"] <= 40).all()
    overdue = pd.to_datetime(rows["promised_delivery_date"]) <= pd.Timestamp(AS_OF)
    assert not (overdue & (rows["priority_class"] == "low")).any()


def test_the_odds_in_the_reason_are_the_odds_in_the_row(rows: pd.DataFrame):
    deadline = rows[rows["reason_1_code"] == "DEADLINE"]
    assert len(deadline) > 50
    pattern = re.compile(r"Promised for (\S+): (\d+) % on time if sent on (\S+), (\d+) % if sent on (\S+)\.")
    for row in deadline.itertuples():
        promised, now, today, later, tomorrow = pattern.fullmatch(row.reason_1_text).groups()
        assert promised == str(row.promised_delivery_date)
        assert int(now) == pytest.approx(100 * row.on_time_now_ratio, abs=0.51)
        assert int(later) == pytest.approx(100 * row.on_time_next_ratio, abs=0.51)
        assert (today, tomorrow) == ("2026-03-06", "2026-03-07")  # Friday and Saturday are worked here


def test_value_and_lane_reasons_can_be_recomputed_from_the_tables(rows: pd.DataFrame):
    orders, (transits, _) = open_orders().set_index("order_id"), history()
    going = rows[rows["rank_in_location"].notna()]
    median = going.assign(v=going["value_amount"].astype(float)).groupby("location_id")["v"].median()
    seen = {"HIGH_VALUE": 0, "LANE": 0}
    for row in going.itertuples():
        for code, text in ((row.reason_2_code, row.reason_2_text), (row.reason_3_code, row.reason_3_text)):
            if code == "HIGH_VALUE":
                times = float(re.search(r"([\d.]+) times", text).group(1))
                assert times == pytest.approx(float(row.value_amount) / median[row.location_id], abs=0.051)
                seen[code] += 1
            if code == "LANE":
                order = orders.loc[row.order_id]
                lane = transits[
                    (transits["shipping_method"] == order["shipping_method"])
                    & (transits["destination_country"] == order["shipping_country"])
                ]
                assert f"({len(lane)} parcels seen)" in text
                within = int(re.search(r"within (\d+) day", text).group(1))
                assert (lane["transit_days"] <= within).mean() >= 0.85
                seen[code] += 1
    assert min(seen.values()) > 5


def test_row_order_and_later_rows_change_nothing(rows: pd.DataFrame):
    transits, dispatches = history()
    late = open_orders(40, seed=9).assign(order_id=lambda f: "Z" + f["order_id"])
    late["ordered_at"] += pd.Timedelta(days=12)
    future = transits.assign(dispatched_date=AS_OF + timedelta(days=1), transit_days=1)
    more = dispatches.assign(dispatch_date=AS_OF + timedelta(days=1), n_orders=9_000)
    again = prioritise_orders(
        pd.concat([late, open_orders()]).sample(frac=1.0, random_state=2),
        pd.concat([future, transits]).sample(frac=1.0, random_state=3),
        pd.concat([more, dispatches]).sample(frac=1.0, random_state=4),
        as_of=AS_OF,
        run_id="r",
    )
    pd.testing.assert_frame_equal(rows, again)


def test_without_history_without_promise_and_without_place_an_order_is_still_ranked():
    transits, dispatches = history()
    unknown = ["payment_status", "is_all_in_stock", "location_id", "promised_delivery_date", "has_perishable"]
    unknown += ["shipping_method", "shipping_country"]
    bare = open_orders(5).assign(value_amount=np.nan, customer_n_late_orders=np.nan, **dict.fromkeys(unknown))
    rows = prioritise_orders(bare, transits.iloc[:0], dispatches.iloc[:0], as_of=AS_OF, run_id="r")
    assert sorted(rows["rank_in_location"]) == [1, 2, 3, 4, 5]
    assert rows["promised_delivery_date"].isna().all()
    assert rows["reason_1_text"].str.contains("nothing was promised").all()


def test_the_day_of_an_order_is_the_shops_day():
    transits, dispatches = history()
    orders = open_orders(1).assign(
        payment_status="captured", is_all_in_stock=True, promised_delivery_date=None
    )
    orders["shipping_method"] = "express"
    orders["ordered_at"] = pd.Timestamp("2026-03-04 23:30")  # the 5th in Berlin, so two days later is the 7th
    texts = {
        zone: prioritise_orders(orders, transits, dispatches, as_of=AS_OF, run_id="r", time_zone=zone)[
            "reason_1_text"
        ][0]
        for zone in ("UTC", "Europe/Berlin")
    }
    assert "2026-03-06" in texts["UTC"]
    assert "2026-03-07" in texts["Europe/Berlin"]


def test_no_open_orders_give_typed_nothing():
    rows = prioritise(open_orders().iloc[:0])
    assert len(rows) == 0
    assert tuple(rows.columns) == load_contract("order_priorities", kind="served").column_names


def test_the_queue_can_be_drawn_with_and_without_orders(rows: pd.DataFrame):
    from ml.priority.plots import queue_plot

    assert queue_plot(rows).startswith(b"\x89PNG")
    assert queue_plot(rows.iloc[:0]).startswith(b"\x89PNG")
