"""People behind accounts and devices against a union-find; repeat purchases against scipy's Kaplan-Meier."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf

from orchestration.sources import bind_sources

AS_OF = date(2026, 3, 10)
SETTINGS: dict[str, object] = {
    "shop": "people",
    "time_zone": "UTC",
    "currency": "EUR",
    "default_location": "main",
    "home_country": "DE",
    "demand_period_days": 1,
    "as_of": AS_OF,
    "run_id": "run-1",
}
N_CUSTOMERS, N_VISITORS, MOST_ACCOUNTS, EVIDENCE_DAYS = 120, 150, 5, 365
CATEGORIES = ("cups", "pans", "bags")
Rows = list[dict[str, Any]]
Build = Callable[..., None]


@dataclass(frozen=True)
class Shop:
    """Customers, sign-ins and purchases drawn at random, and the warehouse made of them."""

    customers: Rows
    sign_ins: Rows
    purchases: Rows
    warehouse: Path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query on the built warehouse returns."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(query).fetchall()


def drawn_customers(rng: np.random.Generator) -> Rows:
    """Accounts that share addresses and telephones now and then; a few share a placeholder."""
    return [
        {
            "customer_id": f"c{n:03}",
            "email": [None, f"mail{rng.integers(130)}@x", "none@shop"][rng.choice(3, p=[0.2, 0.7, 0.1])],
            "phone": f"+49{rng.integers(60)}",
            "full_name": f"name {rng.integers(3)}",
            "updated_at": "2024-01-01 00:00:00Z",
        }
        for n in range(N_CUSTOMERS)
    ]


def drawn_sign_ins(rng: np.random.Generator) -> Rows:
    """Actions on devices, signed in or not, up to two years back."""
    return [
        {
            "event_id": f"e{n}",
            "session_id": f"s{n}",
            "position": 1,
            "visitor_id": f"v{rng.integers(N_VISITORS)}",
            "customer_id": f"c{rng.integers(N_CUSTOMERS):03}" if rng.random() < 0.7 else None,
            "event_type": "view",
            "sku": "cups",
            "occurred_at": datetime(2026, 3, 10, 12) - timedelta(days=int(rng.integers(700))),
        }
        for n in range(400)
    ]


def drawn_purchases(rng: np.random.Generator) -> Rows:
    """Orders of one line each; customers differ in how often they come back."""
    pace = rng.uniform(5, 200, N_CUSTOMERS)
    purchases: Rows = []
    for n in range(N_CUSTOMERS):
        day = AS_OF - timedelta(days=int(rng.integers(300)))
        while day <= AS_OF:
            sku = CATEGORIES[int(rng.integers(3))]
            purchases.append({"customer_id": f"c{n:03}", "sku": sku, "day": day})
            day += timedelta(days=int(1 + rng.exponential(pace[n])))
    return purchases


def lake_tables(shop: Shop) -> dict[str, Rows]:
    """The rows as feeds and core tables hold them."""
    zeros = dict.fromkeys(
        ("n_searches", "n_add_to_carts", "n_remove_from_carts", "n_favourites", "n_shares", "n_purchases"), 0
    )
    orders: Rows = []
    lines: Rows = []
    for n, bought in enumerate(shop.purchases):
        at = datetime.combine(bought["day"], datetime.min.time()) + timedelta(hours=10)
        given = {"order_id": f"o{n}", "ordered_at": at, "currency": "EUR"}
        order = {"customer_id": bought["customer_id"], "updated_at": at, "order_status": "placed"}
        orders.append(given | order | {"gross_amount": 5})
        line = {"line_number": 1, "sku": bought["sku"], "line_kind": "product", "units": 1}
        lines.append(given | line | {"unit_price_amount": 5})
    since = "2024-01-01 00:00:00Z"
    products = [{"sku": c, "title": c, "category_id": c, "updated_at": since} for c in CATEGORIES]
    sessions = [
        {
            "session_id": event["session_id"],
            "visitor_id": event["visitor_id"],
            "customer_id": event["customer_id"],
            "started_at": event["occurred_at"],
            "ended_at": event["occurred_at"],
            "duration_seconds": 0,
            "n_events": 1,
            "n_views": 1,
            "n_skus": 1,
            **zeros,
        }
        for event in shop.sign_ins
    ]
    return {
        "raw/customers": shop.customers,
        "raw/products": products,
        "raw/orders": orders,
        "raw/order_lines": lines,
        "core/session_events": shop.sign_ins,
        "core/sessions": sessions,
    }


@pytest.fixture(scope="module")
def build(dbt: Any, write_lake_table: Any, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Bind a shop's rows to its warehouse and build the models selected."""

    def run(shop: Shop, *models: str) -> None:
        lake = tmp_path_factory.mktemp("lake")
        files = {table: write_lake_table(lake, table, rows) for table, rows in lake_tables(shop).items()}
        bind_sources(shop.warehouse, files, SETTINGS)
        assert set(dbt(shop.warehouse, "run", "--select", *models).values()) == {"success"}

    return run


@pytest.fixture(scope="module")
def shop(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop drawn at random; the same at every run."""
    rng = np.random.default_rng(7)
    warehouse = tmp_path_factory.mktemp("people") / "warehouse.duckdb"
    drawn = Shop(drawn_customers(rng), drawn_sign_ins(rng), drawn_purchases(rng), warehouse)
    build(drawn, "+dim_visitors", "+agg_repurchase_by_category")
    return drawn


def people_of(customers: Rows) -> dict[str, str]:
    """Person by account, by union-find over shared contacts."""
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in customers:
        if row["email"]:
            holders["email", row["email"]].append(row["customer_id"])
        holders["phone", row["phone"], row["full_name"]].append(row["customer_id"])
    parent = {row["customer_id"]: row["customer_id"] for row in customers}

    def root(account: str) -> str:
        while parent[account] != account:
            account = parent[account]
        return account

    for accounts in holders.values():
        if len(accounts) <= MOST_ACCOUNTS:
            for other in accounts[1:]:
                one, two = sorted((root(accounts[0]), root(other)))
                parent[two] = one
    return {account: root(account) for account in parent}


def devices_of(sign_ins: Rows, people: dict[str, str]) -> dict[str, tuple[str | None, bool]]:
    """Person of each device and whether it is shared."""
    first = datetime.combine(AS_OF - timedelta(days=EVIDENCE_DAYS), datetime.min.time())
    found: dict[str, set[str]] = {row["visitor_id"]: set() for row in sign_ins}
    for row in sign_ins:
        if row["customer_id"] and row["occurred_at"] >= first:
            found[row["visitor_id"]].add(people[row["customer_id"]])
    return {v: (next(iter(who)) if len(who) == 1 else None, len(who) > 1) for v, who in found.items()}


def assert_people_and_devices_agree(shop: Shop) -> None:
    people = people_of(shop.customers)
    linked = dict(shop.rows("select customer_id, person_id from intermediate.int_customers_linked"))
    assert {account: linked.get(account, account) for account in people} == people
    devices = {
        v: (p, s) for v, p, s in shop.rows("select visitor_id, person_id, is_shared from marts.dim_visitors")
    }
    assert devices == devices_of(shop.sign_ins, people)


def test_people_and_devices_are_those_that_a_union_find_gives(shop: Shop) -> None:
    # the draw holds what is to be proved: people of more accounts than one contact joins, and shared devices
    assert max(Counter(people_of(shop.customers).values()).values()) > MOST_ACCOUNTS
    shared = {is_shared for _, is_shared in devices_of(shop.sign_ins, people_of(shop.customers)).values()}
    assert shared == {True, False}
    assert_people_and_devices_agree(shop)


@pytest.mark.parametrize("category", CATEGORIES)
def test_shares_of_repeats_are_those_of_kaplan_and_meier(shop: Shop, category: str) -> None:
    people = people_of(shop.customers)
    days: dict[str, set[date]] = defaultdict(set)
    for bought in shop.purchases:
        if bought["sku"] == category:
            days[people[bought["customer_id"]]].add(bought["day"])
    ended, open_ = [], []
    for bought_days in map(sorted, days.values()):
        ended += [(b - a).days for a, b in pairwise(bought_days)]
        open_ += [(AS_OF - bought_days[-1]).days]
    curve = ecdf(CensoredData(uncensored=ended, right=open_)).cdf
    [row] = shop.rows(
        "select n_repeats, n_customers, repeated_ratio_30_days, repeated_ratio_60_days, "
        "repeated_ratio_90_days, median_gap_days "
        f"from marts.agg_repurchase_by_category where category_id = '{category}'"
    )
    assert row[:2] == (len(ended), len(open_))
    assert row[2:5] == pytest.approx([float(curve.evaluate(d)) for d in (30, 60, 90)], abs=1e-9)
    reached = [int(q) for q, p in zip(curve.quantiles, curve.probabilities, strict=True) if p >= 0.5 - 1e-12]
    assert row[5] == (reached[0] if reached else None)


def test_without_a_part_of_its_evidence_a_person_falls_apart_and_devices_change_hands(
    shop: Shop, build: Build
) -> None:
    people = people_of(shop.customers)
    largest = max(set(people.values()), key=list(people.values()).count)
    members = [account for account, person in people.items() if person == largest]
    withdrawn = [
        row | {"email": None, "phone": f"own {row['customer_id']}"}
        if row["customer_id"] == members[1]
        else row
        for row in shop.customers
    ]
    signed_out = [row for row in shop.sign_ins if row["customer_id"] != "c000"]
    less = replace(shop, customers=withdrawn, sign_ins=signed_out)
    build(less, "int_customers_linked", "dim_visitors")
    assert people_of(withdrawn) != people
    assert_people_and_devices_agree(less)
