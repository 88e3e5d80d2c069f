"""Visits to the shop: sessions that end in an order and sessions that do not."""

from __future__ import annotations

import numpy as np

from feeds.simulator.assortment import CATEGORIES, FRUITLESS_SEARCHES
from feeds.simulator.catalogue import Catalogue
from feeds.simulator.clock import Clock
from feeds.simulator.demand import Baskets, Demand
from feeds.simulator.geography import APP, COUNTRY_SHARE, DESKTOP, EVENT_CHANNEL_SHARE, MOBILE, OTHER, TABLET
from feeds.simulator.odd_visitors import BOTS, OddVisitors
from feeds.simulator.orders import MARKETPLACE, Checkout
from feeds.simulator.params import SimulationParams
from feeds.simulator.people import VISITOR_POOL, People
from feeds.simulator.streams import Array, stream
from feeds.simulator.visits import (
    ADD,
    FAVOURITE,
    PURCHASE,
    REMOVE,
    SEARCH,
    SHARE,
    VIEW,
    Events,
    Sessions,
    event_rows,
    on_the_clock,
)

QUERIES = (*(name for c in CATEGORIES for name in (c.noun_de, c.noun_en, c.noun_zh)), *FRUITLESS_SEARCHES)
N_FRUITFUL = 3 * len(CATEGORIES)

BROWSE_SESSIONS = 0.0182  # a customer and day
SIGNED_IN_RATIO = 0.4
RIVAL_VIEW_RATIO, PARTNER_VIEW_RATIO = 0.6, 0.15
SEARCH_RATIO, FRUITLESS_RATIO = 0.3, 0.08
CART_RATIO, REMOVE_RATIO, FAVOURITE_RATIO, SHARE_RATIO = 0.11, 0.3, 0.04, 0.012


class Traffic:
    """What visitors do on a day, given what they wanted and what they got."""

    def __init__(
        self, params: SimulationParams, catalogue: Catalogue, people: People, demand: Demand, clock: Clock
    ) -> None:
        self._params, self._catalogue, self._people = params, catalogue, people
        self._demand, self._clock = demand, clock
        self.first_anonymous = 2 * people.n
        self.first_bot = self.first_anonymous + VISITOR_POOL * people.n
        self.endless = self.first_bot + BOTS
        self.n_visitors = self.endless + 1
        self._odd = OddVisitors(params, clock, self.first_bot, self.endless)

    def of_day(self, day: int, baskets: Baskets, filled: Array, checkout: Checkout, rates: Array) -> Events:
        """Every event of a day in time order."""
        parts = [
            self._buying(day, baskets, filled, checkout, rates),
            self._browsing(day, rates),
            self._odd.of_day(day, np.flatnonzero(rates > 0)),
        ]
        offsets = np.cumsum([0, *(len(sessions.visitor) for _, sessions in parts)])
        blocks = []
        for (rows, _), offset in zip(parts, offsets, strict=False):
            rows = rows.copy()
            rows[:, 0] += offset
            blocks.append(rows)
        table = np.concatenate(blocks)
        table = table[np.lexsort((table[:, 3], table[:, 2], table[:, 0], table[:, 1]))]
        sessions = Sessions(*(np.concatenate(column) for column in zip(*(s for _, s in parts), strict=True)))
        return Events._make([*table.T, sessions])

    def visitor_of(self, rng: np.random.Generator, person: Array) -> Array:
        """The device a customer uses: the first, or for every fourth customer sometimes a second."""
        second = (person % 4 == 1) & (rng.random(len(person)) < 0.4)
        return np.where(second, self._people.n + person, self._people.device[person])

    def order_visitors(self, day: int, baskets: Baskets) -> Array:
        """The visitor of each basket of a day; the same that its session has."""
        return self.visitor_of(stream(self._params.seed, "devices", day), baskets.person)

    def _buying(
        self, day: int, baskets: Baskets, filled: Array, checkout: Checkout, rates: Array
    ) -> tuple[Array, Sessions]:
        rng = stream(self._params.seed, "buying sessions", day)
        tracked = checkout.channel != MARKETPLACE
        number = np.cumsum(tracked) - 1
        person = baskets.person[tracked]
        ends = baskets.wanted_at[tracked]
        starts = np.maximum(ends - rng.integers(180, 1_500, len(ends)), self._clock.midnights[day])
        line = np.flatnonzero(tracked[baskets.basket])
        session, sku = number[baskets.basket[line]], baskets.sku[line]
        seen = rng.uniform(0.10, 0.75, len(line))
        bought = filled[line] > 0
        order = checkout.order[baskets.basket[line]]
        s, k, b = session, sku, bought
        more = np.repeat(np.arange(len(ends)), rng.poisson(0.7, len(ends)))
        other = self._demand.pick(rng, rates, self._people.categories_for(rng, person[more]))
        rival = np.flatnonzero((self._catalogue.rival[k] >= 0) & (rng.random(len(k)) < RIVAL_VIEW_RATIO))
        searching = np.flatnonzero(rng.random(len(ends)) < SEARCH_RATIO)
        first = np.searchsorted(session, searching)
        query, results = self._searches(rng, self._catalogue.category[sku[np.minimum(first, len(sku) - 1)]])
        rows = [
            event_rows(s, seen, VIEW, k),
            event_rows(s[b], seen[b] + 0.15, ADD, k[b], units=filled[line][b]),
            event_rows(s[b], np.ones(int(b.sum())), PURCHASE, k[b], order=order[b], units=filled[line][b]),
            event_rows(
                more[other >= 0], rng.uniform(0.05, 0.9, len(more))[other >= 0], VIEW, other[other >= 0]
            ),
            event_rows(s[rival], seen[rival] + 0.05, VIEW, self._catalogue.rival[k[rival]]),
            event_rows(searching, np.zeros(len(searching)), SEARCH, -1, query=query, results=results),
        ]
        table = on_the_clock(rows, starts, ends)
        device = rng.choice([DESKTOP, MOBILE, TABLET, OTHER], len(ends), p=[0.5, 0.4, 0.08, 0.02])
        return table, Sessions(
            self.order_visitors(day, baskets)[tracked],
            np.where(checkout.is_guest[tracked], -1, person),
            self._people.country[person],
            np.where(checkout.channel[tracked] == 1, APP, device),
            self._channels(rng, len(ends)),
        )

    def _browsing(self, day: int, rates: Array) -> tuple[Array, Sessions]:
        rng = stream(self._params.seed, "browsing sessions", day)
        lift = rates.sum() / self._catalogue.base_rate.sum()
        n = int(rng.poisson(BROWSE_SESSIONS * self._params.customers * np.sqrt(lift)))
        person = rng.integers(0, self._people.registered_by(day), n)
        signed_in = rng.random(n) < SIGNED_IN_RATIO
        anonymous = self.first_anonymous + self._anonymous(rng, day, n)
        starts = self._clock.shopping_times(rng, day, n)
        n_views = rng.geometric(0.32, n)
        session = np.repeat(np.arange(n), n_views)
        # A visit stays in one category but for a quarter of its views.
        main = self._people.categories_for(rng, person)[session]
        strays = self._people.categories_for(rng, person[session])
        sku = self._demand.pick(rng, rates, np.where(rng.random(len(session)) < 0.25, strays, main))
        session, sku = session[sku >= 0], sku[sku >= 0]
        place = np.sort(rng.uniform(0.02, 0.8, len(sku)))
        rows = [event_rows(session, place, VIEW, sku), *self._side_steps(rng, session, sku, place)]
        searching = np.flatnonzero(rng.random(n) < SEARCH_RATIO)
        query, results = self._searches(rng, self._people.categories_for(rng, person[searching]))
        rows.append(event_rows(searching, np.zeros(len(searching)), SEARCH, -1, query=query, results=results))
        ends = starts + rng.integers(30, 90, n) * np.minimum(n_views + 1, 20)
        device = rng.choice(5, n, p=[0.36, 0.44, 0.06, 0.12, 0.02])
        country = rng.choice(len(COUNTRY_SHARE), n, p=COUNTRY_SHARE)
        return on_the_clock(rows, starts, ends), Sessions(
            np.where(signed_in, self.visitor_of(rng, person), anonymous),
            np.where(signed_in, person, -1),
            np.where(signed_in, self._people.country[person], country),
            device,
            self._channels(rng, n),
        )

    def _side_steps(self, rng: np.random.Generator, session: Array, sku: Array, place: Array) -> list[Array]:
        """What a view leads to: pairs looked at, carts filled and emptied, favourites, shares."""
        u = rng.random((6, len(sku)))
        rival = np.flatnonzero((self._catalogue.rival[sku] >= 0) & (u[0] < RIVAL_VIEW_RATIO))
        partner = np.flatnonzero((self._catalogue.partner[sku] >= 0) & (u[1] < PARTNER_VIEW_RATIO))
        added = np.flatnonzero(u[2] < CART_RATIO)
        removed = added[u[3][added] < REMOVE_RATIO]
        liked, shared = np.flatnonzero(u[4] < FAVOURITE_RATIO), np.flatnonzero(u[5] < SHARE_RATIO)
        return [
            event_rows(session[rival], place[rival] + 0.02, VIEW, self._catalogue.rival[sku[rival]]),
            event_rows(session[partner], place[partner] + 0.03, VIEW, self._catalogue.partner[sku[partner]]),
            event_rows(session[added], place[added] + 0.05, ADD, sku[added], units=1),
            event_rows(session[removed], place[removed] + 0.15, REMOVE, sku[removed], units=1),
            event_rows(session[liked], place[liked] + 0.04, FAVOURITE, sku[liked]),
            event_rows(session[shared], place[shared] + 0.06, SHARE, sku[shared]),
        ]

    def _anonymous(self, rng: np.random.Generator, day: int, n: int) -> Array:
        """Numbers of anonymous visitors: the pool moves on, so that they come back within about a month."""
        a_day = max(1, round(BROWSE_SESSIONS * self._params.customers * (1 - SIGNED_IN_RATIO) * 0.7))
        return (day * a_day + rng.integers(0, 30 * a_day, n)) % (VISITOR_POOL * self._people.n)

    def _channels(self, rng: np.random.Generator, n: int) -> Array:
        return rng.choice(len(EVENT_CHANNEL_SHARE), n, p=EVENT_CHANNEL_SHARE)

    def _searches(self, rng: np.random.Generator, category: Array) -> tuple[Array, Array]:
        """Query and number of results for a search in each category; some find nothing."""
        n = len(category)
        fruitless = rng.random(n) < FRUITLESS_RATIO
        query = 3 * category + rng.choice(3, n, p=[0.55, 0.35, 0.10])
        query = np.where(fruitless, N_FRUITFUL + rng.integers(0, len(FRUITLESS_SEARCHES), n), query)
        on_offer = np.maximum(self._catalogue.n // len(CATEGORIES), 1)
        return query, np.where(fruitless, 0, rng.integers(max(1, on_offer // 2), on_offer + 1, n))
