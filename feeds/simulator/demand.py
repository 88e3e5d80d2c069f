"""What shoppers want on a day: rates by SKU, and the baskets drawn from them. Stock does not exist here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feeds.simulator.assortment import CATEGORIES, ROOTS
from feeds.simulator.catalogue import LUMPY, LUMPY_UNITS, Catalogue
from feeds.simulator.clock import Clock
from feeds.simulator.festivals import festival_factor, spring_festival_factor
from feeds.simulator.params import SimulationParams
from feeds.simulator.people import HABIT_RATIO, People
from feeds.simulator.streams import Array, occurrence, stream

WEEK = np.array([1.10, 1.00, 0.97, 0.95, 0.93, 0.88, 1.17])  # Monday to Sunday
GROWTH_A_YEAR = 0.12
FURTHER_LINES = np.array([0.62, 0.22, 0.10, 0.06])
BRAND_RATIO = 0.6  # shoppers switch to their favourite brand where they see both
SPRING_FESTIVAL_CATEGORIES = ("C03", "C04")
RAMP_DAYS, FADE_DAYS = 30, 30

_ROOT_OF_CATEGORY = np.array([ROOTS.index(c.root) for c in CATEGORIES])


@dataclass(frozen=True)
class Baskets:
    """The baskets of one day in time order, and their lines in basket order, before anyone looks at stock."""

    person: Array
    wanted_at: Array
    basket: Array  # of each line: number of its basket
    sku: Array
    units: Array

    @property
    def n(self) -> int:
        """Number of baskets."""
        return len(self.person)


class Demand:
    """Expected baskets by SKU and day, and the drawing of baskets."""

    def __init__(self, params: SimulationParams, catalogue: Catalogue, people: People, clock: Clock) -> None:
        self._params, self._catalogue, self._people, self._clock = params, catalogue, people, clock
        self._by_category = np.argsort(catalogue.category, kind="stable")
        self._bounds = np.searchsorted(catalogue.category[self._by_category], np.arange(len(CATEGORIES) + 1))

    def rates(self, day: int, promotion: Array, price: Array) -> Array:
        """Expected baskets that start with each SKU; 0 where it is not on sale."""
        today, catalogue = self._params.date_of(day), self._catalogue
        swing = np.array([c.season_swing for c in CATEGORIES])
        peak = np.array([c.season_peak for c in CATEGORIES])
        weekend = np.array([c.weekend for c in CATEGORIES]) * (1.0 if today.weekday() >= 5 else -0.4)
        season = 1 + swing * np.cos(2 * np.pi * (today.timetuple().tm_yday - peak) / 365.25)
        by_category = season * (1 + weekend)
        for i, category in enumerate(CATEGORIES):
            if category.category_id in SPRING_FESTIVAL_CATEGORIES:
                by_category[i] *= spring_festival_factor(today)
        level = WEEK[today.weekday()] * festival_factor(today) * (1 + GROWTH_A_YEAR * day / 365)
        return (
            catalogue.base_rate
            * by_category[catalogue.category]
            * level
            * promotion
            * price
            * self._life(day)
        )

    def _life(self, day: int) -> Array:
        """Launch ramp and fading before retirement."""
        age, rest = day - self._catalogue.launch_day, self._catalogue.retire_day - day
        ramp = np.where(self._catalogue.launch_day > 0, 0.4 + 0.6 * np.clip(age / RAMP_DAYS, 0, 1), 1.0)
        fade = 0.4 + 0.6 * np.clip(rest / FADE_DAYS, 0, 1)
        return ramp * fade * (age >= 0) * (rest >= 0)

    def draw(self, day: int, rates: Array) -> Baskets:
        """The baskets of a day: seeds by SKU, then further wishes and complements."""
        rng = stream(self._params.seed, "baskets", day)
        common = np.exp(rng.normal(0.0, 0.05))
        seeds = rng.poisson(rates * common * rng.gamma(6.0, 1 / 6.0, self._catalogue.n))
        sku = rng.permutation(np.repeat(np.arange(self._catalogue.n), seeds))
        person = self._people.likely_for(rng, self._catalogue.category[sku], day)
        n = len(sku)
        further = np.repeat(np.arange(n), rng.choice(len(FURTHER_LINES), n, p=FURTHER_LINES))
        basket = np.concatenate([np.arange(n), further])
        sku = np.concatenate([sku, self._further(rng, day, rates, person[further])])
        ratio, partner = self._catalogue.partner_ratio[sku], self._catalogue.partner[sku]
        along = np.flatnonzero((rng.random(len(sku)) < ratio) & (sku >= 0))
        basket = np.concatenate([basket, basket[along]])
        sku = np.concatenate([sku, partner[along]])
        basket, sku = self._without_rivals(basket, sku)
        return Baskets(person, self._clock.shopping_times(rng, day, n), basket, sku, self._units(rng, sku))

    def _further(self, rng: np.random.Generator, day: int, rates: Array, person: Array) -> Array:
        """A further SKU for each line: the habit, or one to the customer's taste; -1 for none."""
        category = self._people.categories_for(rng, person)
        first, second = self.pick(rng, rates, category), self.pick(rng, rates, category)
        liked = self._people.brand[person, _ROOT_OF_CATEGORY[category]]
        switches = (self._catalogue.brand[first] != liked) & (self._catalogue.brand[second] == liked)
        sku = np.where(switches & (rng.random(len(person)) < BRAND_RATIO), second, first)
        habit = self._people.habit[person]
        takes_habit = (rng.random(len(person)) < HABIT_RATIO) & (habit >= 0)
        sku = np.where(takes_habit, habit, sku)
        return np.where((sku >= 0) & (rates[sku] > 0), sku, -1)

    def pick(self, rng: np.random.Generator, rates: Array, category: Array) -> Array:
        """A SKU of each category by its rate; -1 where nothing of the category is on sale."""
        totals = np.concatenate([[0.0], np.cumsum(rates[self._by_category])])
        low, high = totals[self._bounds[category]], totals[self._bounds[category + 1]]
        place = np.searchsorted(totals, low + rng.random(len(category)) * (high - low), side="right") - 1
        place = np.clip(place, self._bounds[category], self._bounds[category + 1] - 1)
        return np.where(high > low, self._by_category[place], -1)

    def _without_rivals(self, basket: Array, sku: Array) -> tuple[Array, Array]:
        """One line a SKU, and never two substitutes in one basket; lines in basket order, the first stays."""
        rival = self._catalogue.rival[sku]
        group = np.where(rival >= 0, np.minimum(sku, rival), sku)
        keep = (sku >= 0) & (occurrence(basket * (self._catalogue.n + 1) + group) == 0)
        basket, sku = basket[keep], sku[keep]
        order = np.argsort(basket, kind="stable")
        return basket[order], sku[order]

    def _units(self, rng: np.random.Generator, sku: Array) -> Array:
        """Units of each line: mostly one, dozens for lumpy SKUs."""
        usual = 1 + rng.poisson(0.25, len(sku))
        bulk = 1 + rng.geometric(1 / (LUMPY_UNITS - 1), len(sku))
        return np.where(self._catalogue.demand_class[sku] == LUMPY, bulk, usual)
