"""A small shop with planted tastes, complements and substitutes, for the tests of recommendations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pytest

FIRST_DAY = pd.Timestamp("2025-10-01")
N_DAYS = 200


@dataclass(frozen=True)
class RecommendationShop:
    """Frames in the shape of the feature and core tables, and the truth they were drawn from."""

    items: pd.DataFrame
    purchases: pd.DataFrame
    session_items: pd.DataFrame
    interactions: pd.DataFrame
    pairs: pd.DataFrame
    as_of: date
    complements: dict[str, str]
    substitutes: dict[str, str]


@pytest.fixture(scope="session")
def recommendation_shop() -> RecommendationShop:
    """120 SKUs: 0-39 are ten pairs of complements and ten of substitutes, the rest is bought at random."""
    random = np.random.default_rng(5)
    skus = np.array([f"SKU-{n:03d}" for n in range(120)])
    complements = {skus[2 * n]: skus[2 * n + 1] for n in range(10)}
    complements |= {b: a for a, b in complements.items()}
    substitutes = {skus[20 + 2 * n]: skus[21 + 2 * n] for n in range(10)}
    substitutes |= {b: a for a, b in substitutes.items()}
    items = _items(skus)
    purchases = _purchases(random, skus, complements, substitutes)
    session_items = _sessions(random, skus, substitutes)
    return RecommendationShop(
        items=items,
        purchases=purchases,
        session_items=session_items,
        interactions=_interactions(session_items),
        pairs=pd.concat(
            [
                _pairs("co_view", session_items["session_id"], session_items["sku"]),
                _pairs("co_purchase", purchases["order_id"], purchases["sku"]),
            ],
            ignore_index=True,
        ),
        as_of=(FIRST_DAY + pd.Timedelta(days=N_DAYS - 1)).date(),
        complements=complements,
        substitutes=substitutes,
    )


def _items(skus: np.ndarray) -> pd.DataFrame:
    numbers = np.arange(len(skus))
    # Substitutes share category, half of the title and the price; complements sit in different categories.
    category = np.where(numbers < 20, numbers % 2, np.where(numbers < 40, 2, 3 + numbers % 4))
    pair = np.where((numbers >= 20) & (numbers < 40), (numbers - 20) // 2, numbers)
    words = ["amber", "birch", "cobalt", "dune", "ember", "fjord", "grove", "harbor", "indigo", "juniper"]
    title = [f"{words[p % 10]} {words[(p // 10 + p) % 10]} item of line {p}" for p in pair]
    return pd.DataFrame(
        {
            "sku": skus,
            "product_id": [f"P{n}" for n in numbers],
            "title": title,
            "title_en": None,
            "title_zh": None,
            "brand": [f"brand {n % 12}" for n in numbers],
            "category_id": [f"C{c}" for c in category],
            "category_path": None,
            "price_amount": 10.0 + pair % 7,
            "is_active": True,
            "is_in_stock": True,
        }
    )


def _purchases(
    random: np.random.Generator, skus: np.ndarray, complements: dict[str, str], substitutes: dict[str, str]
) -> pd.DataFrame:
    favourite = random.integers(40, 80, 400)  # consumables: each customer buys one again and again
    rows = []
    for number in range(4_000):
        customer, day = int(random.integers(400)), int(random.integers(N_DAYS))
        basket = {skus[random.integers(120)]}
        if random.random() < 0.5:
            basket.add(skus[favourite[customer]])
        for sku in sorted(basket & set(complements)):
            if random.random() < 0.5:
                basket.add(complements[sku])
            elif random.random() < 0.8:  # the other half often comes a little later
                rows.append((4_000 + number, customer, complements[sku], day + int(random.integers(5, 40))))
        basket = {sku for sku in basket if substitutes.get(sku) not in basket or sku < substitutes[sku]}
        rows += [(number, customer, sku, day) for sku in sorted(basket)]
    frame = pd.DataFrame(rows, columns=["order", "customer", "sku", "day"]).drop_duplicates(["order", "sku"])
    frame = frame[frame["day"] < N_DAYS].reset_index(drop=True)
    return pd.DataFrame(
        {
            "order_id": frame["order"].map("O{:05d}".format),
            "customer_id": frame["customer"].map("K{:03d}".format).where(frame["customer"] < 380),
            "sku": frame["sku"],
            "order_date": (FIRST_DAY + pd.to_timedelta(frame["day"], unit="D")).dt.date,
            "units": 1.0,
            "country": np.where(frame["customer"] % 10 == 0, "AT", "DE"),
        }
    )


def _sessions(random: np.random.Generator, skus: np.ndarray, substitutes: dict[str, str]) -> pd.DataFrame:
    rows = []
    for number in range(3_000):
        customer, day = int(random.integers(400)), int(random.integers(N_DAYS))
        seen: list[str] = []
        for _ in range(int(random.integers(1, 4))):
            sku = str(skus[random.integers(120)])
            seen.append(sku)
            if sku in substitutes and random.random() < 0.7:
                seen.append(substitutes[sku])
        rows += [(number, customer, place, sku, day) for place, sku in enumerate(seen, start=1)]
    frame = pd.DataFrame(rows, columns=["session", "customer", "position", "sku", "day"])
    at = FIRST_DAY + pd.to_timedelta(frame["day"], unit="D") + pd.Timedelta(hours=9)
    return pd.DataFrame(
        {
            "session_id": frame["session"].map("S{:05d}".format),
            "visitor_id": frame["customer"].map("V{:03d}".format),
            "customer_id": frame["customer"].map("K{:03d}".format),
            "position": frame["position"],
            "sku": frame["sku"],
            "event_type": "view",
            "occurred_at": at + pd.to_timedelta(frame["session"] % 600 * 60 + frame["position"], unit="s"),
        }
    )


def _interactions(session_items: pd.DataFrame) -> pd.DataFrame:
    rows = session_items.assign(interaction_date=session_items["occurred_at"].dt.date, n_views=1)
    keys = ["interaction_date", "visitor_id", "sku", "customer_id"]
    counted = rows.groupby(keys, as_index=False)["n_views"].sum()
    return counted.assign(n_add_to_carts=0, n_favourites=0, n_purchases=0)


def _pairs(kind: str, groups: pd.Series, skus: pd.Series) -> pd.DataFrame:
    rows = pd.DataFrame({"group": groups, "sku": skus}).drop_duplicates()
    both = rows.merge(rows.rename(columns={"sku": "paired_sku"}), on="group")
    both = both[both["sku"] != both["paired_sku"]]
    counted = (
        both.groupby(["sku", "paired_sku"], as_index=False).size().rename(columns={"size": "n_together"})
    )
    n_sku = rows.groupby("sku").size()
    return counted.assign(
        pair_kind=kind,
        n_sku=counted["sku"].map(n_sku),
        n_paired=counted["paired_sku"].map(n_sku),
        decayed_weight=counted["n_together"] * 0.5,
        last_together_at=FIRST_DAY.tz_localize("UTC"),
    )
