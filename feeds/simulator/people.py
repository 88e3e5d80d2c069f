"""Customers and their truth: countries, tastes, brands, habits, devices. Personal data is made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feeds.simulator.assortment import CATEGORIES, ROOTS
from feeds.simulator.catalogue import FOREVER, Catalogue
from feeds.simulator.geography import COUNTRIES, COUNTRY_SHARE, DIALLING_CODES, LANGUAGES
from feeds.simulator.names import FIRST_NAMES, LAST_NAMES
from feeds.simulator.params import SimulationParams
from feeds.simulator.streams import Array, stream

SEGMENTS = ("new", "regular", "vip")
VISITOR_POOL = 6  # anonymous visitors per customer
HABIT_RATIO = 0.3  # of further lines go to the customer's habit


@dataclass(frozen=True)
class People:
    """Customers in the order of their registration; arrays have one element a customer.

    ``taste`` has a row a customer and a column a category and sums to 1; ``brand`` a column a root
    category; ``habit`` is a consumable SKU bought again and again (-1: none); ``registered_day`` is negative
    for those who came before the first day.
    """

    n: int
    country: Array
    is_chinese: Array
    taste: Array
    brand: Array
    habit: Array
    registered_day: Array
    registered_second: Array
    first_name: Array
    last_name: Array
    postcode: tuple[str, ...]
    device: Array  # number of the visitor id of the first device
    activity_by_category: Array  # running totals, a row a category

    def registered_by(self, day: int) -> int:
        """How many customers can buy on a day."""
        return max(int(np.searchsorted(self.registered_day, day)), 1)

    def likely_for(self, rng: np.random.Generator, category: Array, day: int) -> Array:
        """A customer for each category, by activity and taste, among those registered."""
        totals = self.activity_by_category
        last = self.registered_by(day) - 1
        chosen, u = np.empty(len(category), np.int64), rng.random(len(category))
        for c in np.unique(category):
            here = category == c
            chosen[here] = np.searchsorted(totals[c], u[here] * totals[c, last], side="right")
        return np.minimum(chosen, last)

    def categories_for(self, rng: np.random.Generator, people: Array) -> Array:
        """A category for each customer, by taste."""
        totals = np.cumsum(self.taste[people], axis=1)
        return np.minimum((rng.random(len(people))[:, None] > totals).sum(1), len(CATEGORIES) - 1)

    def full_name(self, person: int) -> str:
        """A made-up name."""
        return f"{FIRST_NAMES[self.first_name[person]]} {LAST_NAMES[self.last_name[person]]}"


def customer_id(number: int) -> str:
    """The identifier of a customer."""
    return f"C{number + 1:06d}"


def visitor_id(number: int) -> str:
    """A cookie that does not tell the customer: a one-to-one scramble of 32 bits."""
    return f"v{(number * 2_654_435_761 + 97) & 0xFFFFFFFF:08x}"


def email(people: People, person: int) -> str:
    """A made-up address in a domain reserved for examples."""
    first, last = FIRST_NAMES[people.first_name[person]], LAST_NAMES[people.last_name[person]]
    local = f"{first}.{last}".lower().encode("ascii", "ignore").decode().replace("'", "")
    return f"{local}.{person + 1}@example.com"


def phone(people: People, person: int) -> str:
    """A made-up number."""
    return f"{DIALLING_CODES[people.country[person]]}5550{person:07d}"


def language(people: People, person: int) -> str:
    """Language the customer shops in."""
    return "zh" if people.is_chinese[person] else LANGUAGES[people.country[person]]


def build_people(params: SimulationParams, catalogue: Catalogue) -> People:
    """The customers of a shop: 55 % there at the start, the others register over the first year."""
    n, rng = params.customers, stream(params.seed, "people")
    taste = rng.dirichlet(np.full(len(CATEGORIES), 0.35), n)
    taste = 0.92 * taste + 0.08 / len(CATEGORIES)
    activity = np.exp(rng.normal(0.0, 0.9, n))
    country = rng.choice(len(COUNTRIES), n, p=COUNTRY_SHARE)
    old = int(n * 0.55)
    registered = np.concatenate(
        [-1 - np.arange(old)[::-1] * 730 // old, np.arange(n - old) * 365 // (n - old)]
    )
    device = np.arange(n)
    is_shared = (rng.random(n) < 0.01) & (device > 0)
    device[is_shared] -= 1
    numbers = rng.integers(10_000, 99_999, n)
    letters = rng.integers(0, 26, (n, 3))
    return People(
        n=n,
        country=country,
        is_chinese=rng.random(n) < 0.07,
        taste=taste,
        brand=rng.integers(0, 4, (n, len(ROOTS))),
        habit=_habits(rng, catalogue, taste),
        registered_day=registered,
        registered_second=rng.integers(6 * 3600, 22 * 3600, n),
        first_name=rng.integers(0, len(FIRST_NAMES), n),
        last_name=rng.integers(0, len(LAST_NAMES), n),
        postcode=tuple(
            _postcode(int(c), int(k), tuple(x)) for c, k, x in zip(country, numbers, letters, strict=True)
        ),
        device=device,
        activity_by_category=np.cumsum(activity[:, None] * taste, axis=0).T.copy(),
    )


def _habits(rng: np.random.Generator, catalogue: Catalogue, taste: Array) -> Array:
    """The consumable SKU that most customers keep buying, from the consumable category they like best."""
    consumable = np.flatnonzero([c.is_consumable for c in CATEGORIES])
    best = consumable[np.argmax(taste[:, consumable], axis=1)]
    has_habit, u = rng.random(len(taste)) < 0.6, rng.random(len(taste))
    habit = np.full(len(taste), -1)
    for c in consumable:
        skus = np.flatnonzero((catalogue.category == c) & (catalogue.retire_day == FOREVER))
        if len(skus):
            totals = np.cumsum(catalogue.base_rate[skus])
            here = has_habit & (best == c)
            habit[here] = skus[np.minimum(np.searchsorted(totals, u[here] * totals[-1]), len(skus) - 1)]
    return habit


def _postcode(country: int, number: int, letters: tuple[int, ...]) -> str:
    if COUNTRIES[country] != "GB":
        return str(number)
    a, b, c = (chr(65 + int(letter)) for letter in letters)
    return f"{a}{b}{number % 90 + 1} {number % 9 + 1}{c}{a}"
