"""Rows of the customers feed: those registered at the start, then the new and the changed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from feeds.simulator.clock import Clock
from feeds.simulator.columns import feed_table, instants, pick, words
from feeds.simulator.geography import COUNTRIES
from feeds.simulator.params import SimulationParams
from feeds.simulator.people import SEGMENTS, People, customer_id, email, language, phone
from feeds.simulator.streams import Array, stream

CHANGE_RATIO, CONSENT_RATIO = 0.0008, 0.62  # changes a customer and day


class CustomerFeed:
    """Keeps consent and segment of each customer and tells their changes."""

    def __init__(self, params: SimulationParams, people: People, clock: Clock) -> None:
        self._params, self._people, self._clock = params, people, clock
        rng = stream(params.seed, "consents")
        self._consent = rng.random(people.n) < CONSENT_RATIO
        self._segment = np.where(people.registered_day < -365, 1, 0) + (rng.random(people.n) < 0.05)
        self._registered_at = (
            np.where(
                people.registered_day < 0,
                clock.midnights[0] + people.registered_day * 86_400,
                clock.midnights[np.maximum(np.minimum(people.registered_day, params.days), 0)],
            )
            + people.registered_second // 4
        )
        self._language = words([language(people, i) for i in range(people.n)])

    def of_day(self, day: int) -> pa.Table:
        """Customers to send on a day: everyone on the first, then those registered or changed."""
        rng, registered = stream(self._params.seed, "customer changes", day), self._people.registered_day
        changed = rng.random(self._people.n) < CHANGE_RATIO
        turns_consent = rng.random(self._people.n) < 0.5
        if day == 0:
            rows = np.flatnonzero(registered <= 0)
            return self._rows(rows, self._registered_at[rows])
        changed &= registered < day
        self._consent[changed & turns_consent] ^= True
        self._segment[changed & ~turns_consent] = np.minimum(self._segment[changed & ~turns_consent] + 1, 2)
        rows = np.flatnonzero(changed | (registered == day))
        return self._rows(
            rows, np.where(changed[rows], self._clock.at(day, 20 * 3600), self._registered_at[rows])
        )

    def _rows(self, rows: Array, updated_at: Array) -> pa.Table:
        people = self._people
        return feed_table(
            "customers",
            customer_id=words([customer_id(i) for i in rows]),
            registered_at=instants(self._registered_at[rows]),
            full_name=words([people.full_name(i) for i in rows]),
            email=words([email(people, i) for i in rows]),
            phone=words([phone(people, i) for i in rows]),
            country=pick(words(COUNTRIES), people.country[rows]),
            language=pick(self._language, rows),
            segment=pick(words(SEGMENTS), self._segment[rows]),
            is_marketing_allowed=pa.array(self._consent[rows]),
            updated_at=instants(updated_at),
        )
