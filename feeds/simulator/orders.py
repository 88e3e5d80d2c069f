"""Checkout: what could be served of a day's baskets becomes orders with amounts to the cent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from feeds.simulator.clock import Clock
from feeds.simulator.demand import Baskets
from feeds.simulator.geography import (
    CURRENCY_OF,
    DISPATCH_PROMISE_DAYS,
    FREE_STANDARD_FROM_CENTS,
    LOCATION_OF,
    METHOD_SHARE,
    ORDER_CHANNEL_SHARE,
    PLACED,
    PROMISE_DAYS,
    SHIPPING_CENTS,
    TAX_PERCENT,
)
from feeds.simulator.params import SimulationParams
from feeds.simulator.payments import NEVER, Payments
from feeds.simulator.people import People
from feeds.simulator.streams import Agenda, Array, Book, occurrence, stream

GUEST_RATIO, COUPON_RATIO, SAMPLE_RATIO = 0.12, 0.08, 0.01
COUPON_PERCENT, COUPON_CODE = 10, "WELCOME10"
MARKETPLACE = 2


class Checkout(NamedTuple):
    """What each basket of a day chose, and the number of the order it became (-1: nothing left)."""

    channel: Array
    is_guest: Array
    order: Array


class Orders:
    """The books of orders, lines and payment attempts, and the agenda of what follows from them."""

    def __init__(self, params: SimulationParams, people: People, clock: Clock, agenda: Agenda) -> None:
        self._params, self._people, self._clock = params, people, clock
        self.book = Book(
            day="i4",
            number="i4",
            person="i4",
            is_guest="?",
            country="i1",
            location="i1",
            channel="i1",
            method="i1",
            pay_method="i1",
            has_coupon="?",
            ordered_at="i8",
            captured_at="i8",
            cancel_at="i8",
            updated_at="i8",
            status="i1",
            gross="i8",
            discount="i8",
            shipping="i8",
            tax="i8",
            total="i8",
            promised_dispatch_at="i8",
            promised_day="i4",
            first_line="i8",
            n_lines="i4",
            dispatched_at="i8",
            delivered_at="i8",
            carrier="i1",
        )
        self.lines = Book(
            order="i8",
            number="i4",
            sku="i4",
            units="i8",
            price="i8",
            discount="i8",
            tax="i8",
            campaign="i4",
            returned="i8",
        )
        self._payments = Payments(people, clock, agenda)
        self.attempts = self._payments.attempts

    def location_of(self, person: Array) -> Array:
        """The stock location that serves each customer."""
        return LOCATION_OF[self._people.country[person]]

    def lines_of(self, orders: Array, products_only: bool = True) -> Array:
        """Line numbers of orders, in order."""
        first, n = self.book["first_line"][orders], self.book["n_lines"][orders].astype(np.int64)
        lines = np.repeat(first - np.r_[0, np.cumsum(n)[:-1]], n) + np.arange(n.sum()) if len(n) else first
        return lines[self.lines["sku"][lines] >= 0] if products_only else lines

    def place(
        self, day: int, baskets: Baskets, filled: Array, cents: Array, percent: Array, campaign: Array
    ) -> Checkout:
        """Turn what could be served into orders; ``cents`` are prices by SKU and currency."""
        rng, n = stream(self._params.seed, "checkout", day), baskets.n
        draws = rng.random((7, n))
        channel = np.searchsorted(np.cumsum(ORDER_CHANNEL_SHARE)[:-1], draws[0])
        is_guest = draws[1] < GUEST_RATIO
        served = np.unique(baskets.basket[filled > 0])
        order_of = np.full(n, -1)
        if not len(served):
            return Checkout(channel, is_guest, order_of)
        draws, person = draws[:, served], baskets.person[served]
        country = self._people.country[person]
        method = np.searchsorted(np.cumsum(METHOD_SHARE)[:-1], draws[2])
        has_coupon = draws[3] < COUPON_RATIO
        order_of[served] = self.book.n + np.arange(len(served))
        amounts = self._add_lines(
            order_of,
            baskets,
            filled,
            cents[:, CURRENCY_OF[country]],
            percent,
            campaign,
            has_coupon,
            draws[4],
            country,
        )
        net = amounts["gross"] - amounts["discount"]
        shipping = SHIPPING_CENTS[method, country]
        shipping = np.where((method > 0) & (net >= FREE_STANDARD_FROM_CENTS), 0, shipping)
        tax = amounts["tax"] + tax_within(shipping, country)
        ordered_at = baskets.wanted_at[served]
        rows = self.book.append(
            day=day,
            number=np.arange(len(served)) + 1,
            person=person,
            is_guest=is_guest[served],
            country=country,
            location=LOCATION_OF[country],
            channel=channel[served],
            method=method,
            pay_method=self._payments.methods(person, draws[5]),
            has_coupon=has_coupon,
            ordered_at=ordered_at,
            captured_at=NEVER,
            cancel_at=NEVER,
            updated_at=ordered_at,
            status=PLACED,
            gross=amounts["gross"],
            discount=amounts["discount"],
            shipping=shipping,
            tax=tax,
            total=net + shipping,
            promised_dispatch_at=self._clock.at(
                self._workday(day + DISPATCH_PROMISE_DAYS[method]), 18 * 3600
            ),
            promised_day=self._workday(day + PROMISE_DAYS[method, country]),
            first_line=amounts["first_line"],
            n_lines=amounts["n_lines"],
            dispatched_at=NEVER,
            delivered_at=NEVER,
            carrier=0,
        )
        self._payments.plan(rng, self.book, rows)
        self._payments.plan_cancellations(rng, self.book, rows, draws[6])
        return Checkout(channel, is_guest, order_of)

    def _add_lines(
        self,
        order_of: Array,
        baskets: Baskets,
        filled: Array,
        cents: Array,
        percent: Array,
        campaign: Array,
        has_coupon: Array,
        sample: Array,
        country: Array,
    ) -> dict[str, Array]:
        """Book the lines that got units and return the sums by order; ``cents`` has a column an order."""
        got = np.flatnonzero(filled > 0)
        first_order = int(order_of[order_of >= 0][0])
        order, sku, units = order_of[baskets.basket[got]] - first_order, baskets.sku[got], filled[got]
        price = cents[sku, order]
        promoted = (price * percent[sku] + 50) // 100 * units
        coupon = np.where(has_coupon[order], (price * units - promoted) * COUPON_PERCENT // 100, 0)
        gifts = np.flatnonzero(sample < SAMPLE_RATIO)
        order = np.concatenate([order, gifts])
        zero = np.zeros(len(gifts), np.int64)
        columns = {
            "sku": np.concatenate([sku, zero - 1]),
            "units": np.concatenate([units, zero + 1]),
            "price": np.concatenate([price, zero]),
            "discount": np.concatenate([promoted + coupon, zero]),
            "campaign": np.concatenate([campaign[sku], zero - 1]),
        }
        by_order = np.argsort(order, kind="stable")
        order, columns = order[by_order], {name: values[by_order] for name, values in columns.items()}
        gross = columns["price"] * columns["units"]
        tax = tax_within(gross - columns["discount"], country[order])
        n = len(country)
        n_lines = np.bincount(order, minlength=n)
        first_line = self.lines.n + np.cumsum(n_lines) - n_lines
        self.lines.append(
            order=order + first_order, number=occurrence(order) + 1, tax=tax, returned=0, **columns
        )
        sums = {"gross": gross, "discount": columns["discount"], "tax": tax}
        totals = {name: np.zeros(n, np.int64) for name in sums}
        for name, values in sums.items():
            np.add.at(totals[name], order, values)
        return {**totals, "first_line": first_line, "n_lines": n_lines}

    def _workday(self, day: Array) -> Array:
        """The day itself, or the Monday after a Sunday."""
        return day + ((self._params.start.weekday() + day) % 7 == 6)


def tax_within(cents: Array, country: Array) -> Array:
    """The tax contained in amounts, in cents, rounded half up."""
    percent = TAX_PERCENT[country]
    return (2 * cents * percent + 100 + percent) // (2 * (100 + percent))


def order_id(start_label: str, number: int) -> str:
    """The identifier of the ``number``-th order of a day written as YYYYMMDD."""
    return f"O{start_label}-{number:04d}"
