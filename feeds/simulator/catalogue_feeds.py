"""Rows of the catalogue feeds: products, prices, promotions, calendar events, exchange rates."""

from __future__ import annotations

from datetime import UTC

import numpy as np
import pyarrow as pa

from feeds.simulator.assortment import CATEGORIES
from feeds.simulator.catalogue import FOREVER, Catalogue, category_path, is_perishable, sku_id
from feeds.simulator.clock import Clock, epoch_days
from feeds.simulator.columns import dates, decimals, feed_table, instants, pick, repeat, whole, words
from feeds.simulator.festivals import CalendarDay, calendar_of
from feeds.simulator.geography import CURRENCIES
from feeds.simulator.inventory_feeds import supplier_id
from feeds.simulator.params import SimulationParams
from feeds.simulator.promotions import Campaign, Prices, Promotions
from feeds.simulator.streams import Array, stream

RETIREMENT_NOTICE_DAYS = 30
FIRST_RATES = {"GBP": 0.835, "USD": 1.045}  # of one euro


class CatalogueFeeds:
    """Tells products, prices and promotions when they become known, and the calendar and exchange rates."""

    def __init__(
        self,
        params: SimulationParams,
        catalogue: Catalogue,
        clock: Clock,
        prices: Prices,
        promotions: Promotions,
    ) -> None:
        self._params, self._catalogue, self._clock = params, catalogue, clock
        self._prices, self._promotions = prices, promotions
        self._rates = {currency: round(rate * 1_000_000) for currency, rate in FIRST_RATES.items()}

    def of_day(self, day: int, repriced: Array) -> dict[str, pa.Table]:
        """The catalogue feeds of a day; without rows where nothing is new."""
        listed = self._catalogue.listed_day
        new = np.flatnonzero(listed == 0) if day == 0 else np.flatnonzero(listed == day)
        leaving = np.flatnonzero(self._catalogue.retire_day == day + RETIREMENT_NOTICE_DAYS)
        known = listed <= day
        return {
            "products": self._product_rows(
                day, np.union1d(np.union1d(new, leaving), repriced[known[repriced]])
            ),
            "prices": self._price_rows(day, np.union1d(new, repriced[known[repriced]])),
            "promotions": self._promotion_rows(self._promotions.announced_on(day)),
            "calendar_events": self._calendar_rows(day),
            "fx_rates": self._rate_rows(day),
        }

    def _product_rows(self, day: int, skus: Array) -> pa.Table:
        catalogue = self._catalogue
        leaf = [CATEGORIES[c] for c in catalogue.category[skus]]
        retire = catalogue.retire_day[skus]
        is_told = (retire < FOREVER) & (retire <= day + RETIREMENT_NOTICE_DAYS)
        # What was on sale before the first day was launched before it, two years ago at most.
        launched = np.where(
            catalogue.launch_day > 0, catalogue.launch_day, -30 - np.arange(catalogue.n) * 7 % 700
        )
        perishable = np.array([is_perishable(int(c)) for c in catalogue.category[skus]], bool)
        return feed_table(
            "products",
            sku=words([sku_id(s) for s in skus]),
            product_id=words([f"P{p + 1:04d}" for p in catalogue.product[skus]]),
            title=words([catalogue.title_de[s] for s in skus]),
            title_en=words([catalogue.title_en[s] for s in skus]),
            # Every fifth product has no Chinese title yet.
            title_zh=pa.array([catalogue.title_zh[s] if s // 2 % 5 else None for s in skus], pa.string()),
            brand=words([catalogue.brand_name(int(s)) for s in skus]),
            category_id=words([c.category_id for c in leaf]),
            category_path=words([category_path(int(c)) for c in catalogue.category[skus]]),
            supplier_id=words([supplier_id(int(s)) for s in catalogue.supplier[skus]]),
            unit_cost_amount=decimals(catalogue.cost_cents[skus]),
            list_price_amount=decimals(self._prices.cents[skus, 0]),
            currency=repeat("EUR", len(skus), pa.string()),
            launched_date=dates(self._params.start, launched[skus]),
            retired_date=dates(self._params.start, np.where(is_told, retire, 0), mask=~is_told),
            weight_kg=pa.array(catalogue.weight_kg[skus]),
            is_perishable=pa.array(perishable),
            shelf_life_days=whole(np.array([c.shelf_life_days for c in leaf], np.int64), mask=~perishable),
            updated_at=instants(np.full(len(skus), self._clock.at(day, 5 * 3600))),
        )

    def _price_rows(self, day: int, skus: Array) -> pa.Table:
        ids, n = words([sku_id(s) for s in skus]), len(CURRENCIES)
        cents = self._prices.cents[skus].reshape(-1)
        return feed_table(
            "prices",
            sku=pick(ids, np.repeat(np.arange(len(skus)), n)),
            currency=pick(words(CURRENCIES), np.tile(np.arange(n), len(skus))),
            valid_from=instants(np.full(len(cents), self._clock.midnights[day])),
            price_amount=decimals(cents),
            list_price_amount=decimals(cents),
        )

    def _promotion_rows(self, campaigns: list[Campaign]) -> pa.Table:
        sizes = [len(c.skus) for c in campaigns]

        def spread(values: list[int]) -> Array:
            return np.repeat(np.array(values, np.int64), sizes)

        def joined(arrays: list[Array]) -> Array:
            return np.concatenate([np.empty(0, np.int64), *arrays])

        at = [
            int(self._clock.midnights[0]) + c.announced_day * 86_400 + 9 * 3600
            if c.announced_day < 0
            else int(self._clock.at(c.announced_day, 9 * 3600))
            for c in campaigns
        ]
        number = spread(list(range(len(campaigns))))
        return feed_table(
            "promotions",
            promotion_id=pick(words([c.promotion_id for c in campaigns]), number),
            sku=words([sku_id(s) for s in joined([c.skus for c in campaigns])]),
            name=pick(words([c.name for c in campaigns]), number),
            start_date=dates(self._params.start, spread([c.first_day for c in campaigns])),
            end_date=dates(self._params.start, spread([c.last_day for c in campaigns])),
            discount_ratio=pa.array(joined([c.percent for c in campaigns]) / 100.0),
            announced_at=instants(spread(at)),
        )

    def _calendar_rows(self, day: int) -> pa.Table:
        """This year's and the next year's calendar as far as known; the next comes on 1 October."""
        today, rows = self._params.date_of(day), list[CalendarDay]()
        if day == 0:
            known = today.year + 1 if (today.month, today.day) >= (10, 1) else today.year
            rows = [row for year in range(today.year, known + 1) for row in calendar_of(year)]
        elif (today.month, today.day) == (10, 1):
            rows = calendar_of(today.year + 1)
        return feed_table(
            "calendar_events",
            calendar_event_id=words([r.event for r in rows]),
            event_date=pa.array([epoch_days(r.day) for r in rows], pa.int32()).cast(pa.date32()),
            country=words([r.country for r in rows]),
            name=words([r.name for r in rows]),
            kind=words([r.kind for r in rows]),
            announced_at=instants(np.array([r.announced_at.replace(tzinfo=UTC).timestamp() for r in rows])),
        )

    def _rate_rows(self, day: int) -> pa.Table:
        """Rates of the day in both directions and across, from a slow random walk against the euro."""
        rng = stream(self._params.seed, "exchange rates", day)
        for currency, move in zip(self._rates, rng.normal(0.0, 0.003, len(self._rates)), strict=True):
            pull = 0.02 * (FIRST_RATES[currency] - self._rates[currency] / 1e6)
            self._rates[currency] = round(self._rates[currency] * (1 + move) + 1e6 * pull)
        of_euro = {"EUR": 1_000_000, **self._rates}
        pairs = [(base, quote) for base in of_euro for quote in of_euro if base != quote]
        rates = [
            of_euro[quote] if base == "EUR" else round(of_euro[quote] * 1_000_000 / of_euro[base])
            for base, quote in pairs
        ]
        return feed_table(
            "fx_rates",
            rate_date=dates(self._params.start, np.full(len(pairs), day)),
            base_currency=words([base for base, _ in pairs]),
            quote_currency=words([quote for _, quote in pairs]),
            rate=decimals(np.array(rates, np.int64), 18, 6),
        )
