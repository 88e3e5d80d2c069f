"""Visitors that are no shoppers: a bot that reads the whole shop, a tab that reloads for three days."""

from __future__ import annotations

import numpy as np

from feeds.simulator.clock import Clock
from feeds.simulator.geography import OTHER
from feeds.simulator.params import SimulationParams
from feeds.simulator.streams import Array, stream
from feeds.simulator.visits import VIEW, Sessions, timed_rows

BOTS, BOT_EVERY_DAYS, BOT_FIRST_DAY = 3, 40, 12
ENDLESS_EVERY_DAYS, ENDLESS_FIRST_DAY, ENDLESS_DAYS, ENDLESS_GAP = 150, 20, 3, 11 * 60


class OddVisitors:
    """The views of bots and of the endless session; a normal part of a shop's traffic."""

    def __init__(self, params: SimulationParams, clock: Clock, first_bot: int, endless: int) -> None:
        self._params, self._clock = params, clock
        self._first_bot, self._endless = first_bot, endless

    def of_day(self, day: int, on_sale: Array) -> tuple[Array, Sessions]:
        """Event rows and sessions of a day; usually none. ``on_sale`` are the SKUs to look at."""
        rng = stream(self._params.seed, "odd visitors", day)
        midnight = int(self._clock.midnights[day])
        rows: list[Array] = []
        visitors: list[int] = []
        if day % BOT_EVERY_DAYS == BOT_FIRST_DAY:
            n = int(np.clip(self._params.customers * 0.15, 300, 1_200))
            at = midnight + 3 * 3600 + np.cumsum(rng.integers(1, 3, n))
            rows.append(timed_rows(np.full(n, len(visitors)), at, VIEW, rng.choice(on_sale, n)))
            visitors.append(self._first_bot + day // BOT_EVERY_DAYS % BOTS)
        since = day % ENDLESS_EVERY_DAYS - ENDLESS_FIRST_DAY
        if 0 <= since < ENDLESS_DAYS:
            last = int(self._clock.midnights[day + 1])
            at = np.arange(midnight + (8 * 3600 if since == 0 else 300), last, ENDLESS_GAP)
            at = at + rng.integers(0, 240, len(at))
            at = at[at < last]
            rows.append(timed_rows(np.full(len(at), len(visitors)), at, VIEW, rng.choice(on_sale, len(at))))
            visitors.append(self._endless)
        n = len(visitors)
        table = np.concatenate(rows) if rows else np.empty((0, 8), np.int64)
        return table, Sessions(
            np.array(visitors, np.int64),
            np.full(n, -1),
            np.zeros(n, np.int64),
            np.full(n, OTHER),
            np.full(n, 4),
        )
