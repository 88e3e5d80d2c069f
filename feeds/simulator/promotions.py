"""Promotions and price changes: what is announced, what holds on a day, and how demand answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from feeds.simulator.catalogue import Catalogue, charm, price_list
from feeds.simulator.festivals import shopping_festivals
from feeds.simulator.params import SimulationParams
from feeds.simulator.streams import Array, stream

CYCLE_DAYS = 14
DIP_DAYS, DIP_FACTOR = 5, 0.85  # shoppers who bought ahead stay away


@dataclass(frozen=True)
class Campaign:
    """One promotion: its SKUs, days of the simulation (both included) and percent taken off."""

    promotion_id: str
    name: str
    skus: Array
    percent: Array
    first_day: int
    last_day: int
    announced_day: int


class Promotions:
    """Campaigns as they come up: an ordinary one a fortnight and one for each shopping festival."""

    def __init__(self, params: SimulationParams, catalogue: Catalogue) -> None:
        self._params, self._catalogue = params, catalogue
        self.campaigns = sorted(
            (*self._ordinary(), *self._festive()),
            key=lambda campaign: (campaign.first_day, campaign.promotion_id),
        )

    def announced_on(self, day: int) -> list[Campaign]:
        """Campaigns that become known on a day; on day 0 also those known before."""
        return [
            c
            for c in self.campaigns
            if c.announced_day == day or (day == 0 and c.announced_day < 0 <= c.last_day)
        ]

    def percent_on(self, day: int) -> tuple[Array, Array]:
        """Percent off and number of the campaign (-1: none) by SKU; the first campaign of a SKU wins."""
        percent, number = np.zeros(self._catalogue.n, np.int64), np.full(self._catalogue.n, -1)
        for i, campaign in enumerate(self.campaigns):
            if campaign.first_day <= day <= campaign.last_day:
                free = number[campaign.skus] < 0
                percent[campaign.skus[free]] = campaign.percent[free]
                number[campaign.skus[free]] = i
        return percent, number

    def response(self, day: int, percent: Array) -> Array:
        """Factor of demand by SKU: lift by elasticity while the promotion runs, a dip after it."""
        factor = (1 - percent / 100.0) ** -self._catalogue.elasticity
        for campaign in self.campaigns:
            if campaign.last_day < day <= campaign.last_day + DIP_DAYS:
                rested = campaign.skus[percent[campaign.skus] == 0]
                factor[rested] = DIP_FACTOR
        return factor

    def _ordinary(self) -> list[Campaign]:
        made = []
        for k in range((self._params.days + 60) // CYCLE_DAYS + 1):
            rng = stream(self._params.seed, "promotions", k)
            first = 9 + k * CYCLE_DAYS + int(rng.integers(0, 5))
            last = first + int(rng.integers(5, 10))
            made.append(
                self._campaign(rng, f"PR-{k + 1:03d}", f"Offers of the fortnight {k + 1}", 0.05, first, last)
            )
        return made

    def _festive(self) -> list[Campaign]:
        made, start = [], self._params.start
        for year in range(start.year, date.fromordinal(start.toordinal() + self._params.days + 60).year + 1):
            for code, name, opening, n in shopping_festivals(year):
                first = (opening - start).days
                if first >= 0:
                    rng = stream(self._params.seed, f"festival {code}", year)
                    made.append(
                        self._campaign(rng, f"PR-{code}-{year}", f"{name} {year}", 0.12, first, first + n - 1)
                    )
        return made

    def _campaign(
        self, rng: np.random.Generator, promotion_id: str, name: str, share: float, first: int, last: int
    ) -> Campaign:
        catalogue = self._catalogue
        n = max(2, round(share * catalogue.n))
        fit = np.flatnonzero((catalogue.launch_day <= first) & (catalogue.retire_day > last))
        # Popular SKUs are promoted more often than their number.
        weight = np.sqrt(catalogue.base_rate[fit])
        skus = np.sort(rng.choice(fit, min(n, len(fit)), replace=False, p=weight / weight.sum()))
        percent = rng.choice(np.array([10, 15, 20, 25, 30, 40]), len(skus))
        return Campaign(promotion_id, name, skus, percent, first, last, first - int(rng.integers(10, 22)))


class Prices:
    """List prices by SKU and currency, in cents, and the changes of each day."""

    def __init__(self, params: SimulationParams, catalogue: Catalogue) -> None:
        self._seed, self._catalogue = params.seed, catalogue
        self.cents = price_list(catalogue.price_cents)

    def change(self, day: int) -> Array:
        """Change the prices of a day; the SKUs that changed, ascending. A SKU changes about twice a year."""
        rng = stream(self._seed, "prices", day)
        n = self._catalogue.n
        drawn, factor = rng.random(n) < 1 / 180, rng.choice(np.array([0.9, 0.95, 1.05, 1.08]), n)
        if day == 0:
            return np.empty(0, np.int64)
        wanted = charm(self.cents[:, 0] * factor)
        lowest, highest = self._catalogue.price_cents * 0.75, self._catalogue.price_cents * 1.35
        changed = drawn & (wanted != self.cents[:, 0]) & (wanted > lowest) & (wanted < highest)
        self.cents[changed] = price_list(wanted[changed])
        return np.flatnonzero(changed)

    def response(self) -> Array:
        """Factor of demand by SKU for the present price against the first."""
        return (self.cents[:, 0] / self._catalogue.price_cents) ** -self._catalogue.elasticity
