"""Stock and purchasing: units on hand, promised and on order, and the shop's own order rule."""

from __future__ import annotations

import numpy as np

from feeds.simulator.catalogue import LINES_PER_BASKET, Catalogue
from feeds.simulator.clock import Clock
from feeds.simulator.festivals import supplier_closure
from feeds.simulator.geography import LOCATION_SHARE
from feeds.simulator.names import SUPPLIER_COUNTRIES
from feeds.simulator.params import SimulationParams
from feeds.simulator.streams import Array, Book, occurrence, running_total_before, stream

REVIEW_DAYS = 7
OPEN, RECEIVED, CANCELLED = range(3)
PURCHASE_STATUSES = ("open", "received", "cancelled")
SAFETY_FACTOR = 0.8  # standard deviations; a real shop's guess, not the optimum
COVER_DAYS = 14
MEMORY = 0.06  # weight of yesterday in the shop's own sales estimate
LEAD_SPREAD = (0.22, 0.30)  # coefficient of variation of lead times: far, near
SHORT_RATIO, CANCELLED_RATIO = 0.03, 0.004
ORDER_HOUR, RECEIPT_HOUR = 10 * 3600, 7 * 3600


class Inventory:
    """Stock by SKU and location (arrays of two columns), and the book of purchase order lines."""

    def __init__(self, params: SimulationParams, catalogue: Catalogue, clock: Clock) -> None:
        self._params, self._catalogue, self._clock = params, catalogue, clock
        rng = stream(params.seed, "opening stock")
        rate = catalogue.base_rate * LINES_PER_BASKET * catalogue.mean_units
        self.mean_sales = rate[:, None] * LOCATION_SHARE * np.exp(rng.normal(0.0, 0.2, (catalogue.n, 2)))
        self.order_weekday = np.arange(len(SUPPLIER_COUNTRIES)) % 5
        _, top = self._levels()
        opening = np.ceil(top * rng.uniform(0.45, 1.1, (catalogue.n, 2))).astype(np.int64)
        self.on_hand = np.where(catalogue.launch_day[:, None] > 0, 0, opening)
        self.reserved = np.zeros((catalogue.n, 2), np.int64)
        self.on_order = np.zeros((catalogue.n, 2), np.int64)
        self.purchases = Book(
            sku="i8",
            location="i8",
            supplier="i8",
            ordered_day="i8",
            expected_day="i8",
            due_day="i8",
            shipped_day="i8",
            ordered="i8",
            received="i8",
            line="i8",
            status="i8",
            updated_at="i8",
            code="i8",
        )
        self._open = np.empty(0, np.int64)
        self.sellable_all_day = self.on_hand > 0

    @property
    def available(self) -> Array:
        """Units that can be sold now."""
        return self.on_hand - self.reserved

    def moq(self) -> Array:
        """Least units in one order, by SKU: about two weeks' sales in whole packs."""
        pack = self._catalogue.pack_units
        fortnight = self._catalogue.base_rate * LINES_PER_BASKET * self._catalogue.mean_units * 10
        return pack * np.maximum(1, np.floor(fortnight / pack)).astype(np.int64)

    def receive(self, day: int) -> Array:
        """Book the purchase lines that are due; their numbers."""
        book = self.purchases
        due = self._open[book["due_day"][self._open] <= day]
        self._open = self._open[book["due_day"][self._open] > day]
        rng = stream(self._params.seed, "receipts", day)
        u, short = rng.random(len(due)), rng.uniform(0.5, 0.95, len(due))
        ordered = book["ordered"][due]
        got = np.where(u < SHORT_RATIO, np.maximum(np.floor(ordered * short), 1).astype(np.int64), ordered)
        cancelled = u > 1 - CANCELLED_RATIO
        got[cancelled] = 0
        place = (book["sku"][due], book["location"][due])
        np.add.at(self.on_hand, place, got)
        np.add.at(self.on_order, place, -ordered)
        book["received"][due], book["status"][due] = got, np.where(cancelled, CANCELLED, RECEIVED)
        book["updated_at"][due] = self._clock.at(day, RECEIPT_HOUR)
        return due

    def sell(self, sku: Array, location: Array, units: Array) -> Array:
        """Reserve what is there for lines in time order; the units that each line gets."""
        before = running_total_before(sku * 2 + location, units)
        filled = np.clip(self.available[sku, location] - before, 0, units)
        np.add.at(self.reserved, (sku, location), filled)
        self.sellable_all_day = self.available > 0
        return filled

    def release(self, sku: Array, location: Array, units: Array) -> None:
        """Give back what a cancelled order had reserved."""
        np.add.at(self.reserved, (sku, location), -units)

    def dispatch(self, sku: Array, location: Array, units: Array) -> None:
        """Take dispatched units out of the location."""
        np.add.at(self.on_hand, (sku, location), -units)
        np.add.at(self.reserved, (sku, location), -units)

    def restock(self, sku: Array, location: Array, units: Array) -> None:
        """Put returned units back."""
        np.add.at(self.on_hand, (sku, location), units)

    def in_transit(self, day: int) -> Array:
        """Units that suppliers have shipped and the location has not received."""
        moving = self._open[self.purchases["shipped_day"][self._open] <= day]
        units = np.zeros_like(self.on_hand)
        place = (self.purchases["sku"][moving], self.purchases["location"][moving])
        np.add.at(units, place, self.purchases["ordered"][moving])
        return units

    def learn(self, day: int, sold: Array) -> None:
        """Update the shop's own estimate of daily sales with a day's sales; blind to what stock-outs hid."""
        on_sale = (self._catalogue.launch_day <= day) & (self._catalogue.retire_day >= day)
        self.mean_sales[on_sale] += MEMORY * (sold[on_sale] - self.mean_sales[on_sale])

    def _levels(self) -> tuple[Array, Array]:
        """Reorder point and order-up-to level by SKU and location."""
        span = (self._catalogue.lead_days + REVIEW_DAYS)[:, None]
        spread = np.sqrt(self.mean_sales * span * np.maximum(self._catalogue.mean_units, 1.5)[:, None])
        point = self.mean_sales * span + SAFETY_FACTOR * spread
        return point, point + np.maximum(self.mean_sales * COVER_DAYS, self.moq()[:, None])

    def reorder(self, day: int) -> Array:
        """Order from the suppliers whose weekday it is, and for launches; the new purchase lines."""
        today, catalogue = self._params.date_of(day), self._catalogue
        point, top = self._levels()
        position = self.available + self.on_order
        calls = self.order_weekday[catalogue.supplier] == today.weekday()
        calls &= (catalogue.launch_day <= day) & (catalogue.retire_day > day + catalogue.lead_days)
        wanted = np.where(
            calls[:, None] & (position <= point), np.maximum(top - position, self.moq()[:, None]), 0.0
        )
        is_launch = (catalogue.launch_day > 0) & (catalogue.listed_day == day)
        wanted = np.where(is_launch[:, None], top, wanted)
        sku, location = np.nonzero(wanted > 0)
        if not len(sku):
            return np.empty(0, np.int64)
        pack = catalogue.pack_units[sku]
        units = np.maximum(pack * np.ceil(wanted[sku, location] / pack), pack).astype(np.int64)
        return self._order(day, sku, location, units, is_launch[sku])

    def _order(self, day: int, sku: Array, location: Array, units: Array, is_launch: Array) -> Array:
        supplier = self._catalogue.supplier[sku]
        code = (supplier * 2 + location) * 2 + is_launch
        by_order = np.argsort(code, kind="stable")
        sku, location, units, supplier = (
            sku[by_order],
            location[by_order],
            units[by_order],
            supplier[by_order],
        )
        is_launch, code = is_launch[by_order], code[by_order]
        promised = day + np.where(is_launch, 10, self._catalogue.lead_days[sku])
        due = self._due(day, code, promised, is_launch)
        rows = self.purchases.append(
            sku=sku,
            location=location,
            supplier=supplier,
            ordered_day=day,
            expected_day=promised,
            due_day=due,
            shipped_day=day + (due - day) // 2,
            ordered=units,
            received=0,
            line=occurrence(code) + 1,
            status=OPEN,
            updated_at=int(self._clock.at(day, ORDER_HOUR)),
            code=code,
        )
        np.add.at(self.on_order, (sku, location), units)
        self._open = np.concatenate([self._open, rows])
        return rows

    def _due(self, day: int, code: Array, promised: Array, is_launch: Array) -> Array:
        """The true day of receipt: gamma about the promise, later around the Spring Festival."""
        rng = stream(self._params.seed, "lead times", day)
        far = np.array([c == "CN" for c in SUPPLIER_COUNTRIES])[code // 4]
        shape = 1 / np.where(far, *LEAD_SPREAD) ** 2
        draws = rng.gamma(6.0, 1.0, len(SUPPLIER_COUNTRIES) * 4)
        # One gamma draw a code, brought to the spread of the supplier.
        factor = 1 + (draws[code] / 6.0 - 1) * np.sqrt(6.0 / shape)
        days = np.maximum(np.rint((promised - day) * np.maximum(factor, 0.3)), 1).astype(np.int64)
        days = np.where(is_launch, 10, days)
        days += np.where(far & ~is_launch, self._closed_days(day, days), 0)
        due = day + days
        weekday = (self._params.start.weekday() + due) % 7
        return due + (weekday == 6)

    def _closed_days(self, day: int, days: Array) -> Array:
        """Days by which the closure of Chinese factories lengthens lead times that begin on ``day``."""
        today, late = self._params.date_of(day), np.zeros(len(days), np.int64)
        for year in (today.year, today.year + 1):
            closure = supplier_closure(year)
            if closure is None:
                continue
            first, last = (closure[0] - self._params.start).days, (closure[1] - self._params.start).days
            is_caught = (day <= last) & (day + days >= first)
            late += np.where(is_caught, last - max(day, first) + 1, 0)
        return late


def is_listed(catalogue: Catalogue, day: int) -> Array:
    """SKUs whose stock the shop reports on a day: from the first purchase to the retirement."""
    return (catalogue.listed_day <= day) & (catalogue.retire_day >= day)
