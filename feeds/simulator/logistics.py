"""After checkout: payments arrive, orders are cancelled, dispatched within capacity, delivered, returned."""

from __future__ import annotations

import numpy as np

from feeds.simulator.clock import Clock
from feeds.simulator.festivals import is_dispatch_day
from feeds.simulator.geography import (
    CANCELLED,
    DELIVERED,
    LOCATION_SHARE,
    LOST_RATIO,
    PACKED,
    PAID,
    PLACED,
    RETURNED,
    SHIPPED,
    TRANSIT_MEAN_DAYS,
    TRANSIT_SHAPE,
)
from feeds.simulator.inventory import Inventory
from feeds.simulator.orders import Orders
from feeds.simulator.params import SimulationParams
from feeds.simulator.payments import CAPTURED, NEVER
from feeds.simulator.refunds import (
    CANCELLATION,
    CHANGED_MIND,
    DELIVERED_LATE,
    LOST_IN_TRANSIT,
    PAYMENT_EXPIRED,
    REFUND,
    RETURN,
    Refunds,
)
from feeds.simulator.streams import Agenda, Array, stream

CUT_OFF, FIRST_SCAN, LAST_SCAN = 12 * 3600, 49_200, 64_800  # noon, 13:40, 18:00
BACKLOG_DAYS = 3.4  # what the shop lets lie; its temporary staff works off the rest
RETURN_RATIO, SHIPPING_REFUND_RATIO, PARTIAL_RATIO = 0.065, 0.15, 0.5
LOST_AFTER_DAYS = 30


class Logistics:
    """The queue of each location and what becomes of parcels; keeps what changed on the present day."""

    def __init__(
        self, params: SimulationParams, orders: Orders, inventory: Inventory, clock: Clock, agenda: Agenda
    ) -> None:
        self._params, self._orders, self._inventory = params, orders, inventory
        self._clock, self._agenda = clock, agenda
        self.refunds = Refunds(clock, agenda)
        self._waiting = [np.empty(0, np.int64), np.empty(0, np.int64)]
        self._pace = params.order_rate * LOCATION_SHARE
        self.begin()

    def begin(self) -> None:
        """Forget yesterday's changes."""
        self.status_events: list[tuple[Array, int, Array]] = []
        self.paid_attempts = np.empty(0, np.int64)
        self.parcels: list[Array] = []
        self.refunds.today = []

    def changed_orders(self) -> Array:
        """Orders whose state changed today, ascending."""
        return (
            np.unique(np.concatenate([e[0] for e in self.status_events]))
            if self.status_events
            else np.empty(0, int)
        )

    def placed(self, rows: Array) -> None:
        """Note orders placed today."""
        self._reach(rows, PLACED, self._orders.book["ordered_at"][rows])
        placed = np.bincount(self._orders.book["location"][rows], minlength=2)
        self._pace += 0.08 * (placed - self._pace)

    def collect_payments(self, day: int) -> None:
        """Make today's payment attempts unless the order is cancelled; paid orders join the queue."""
        due = self._agenda.take("attempt", day)
        book, attempts = self._orders.book, self._orders.attempts
        order = attempts["order"][due]
        alive = (book["status"][order] != CANCELLED) & (attempts["at"][due] < book["cancel_at"][order])
        due, order = due[alive], order[alive]
        self.paid_attempts = due[np.argsort(attempts["at"][due], kind="stable")]
        captured = attempts["status"][due] == CAPTURED
        self._reach(order[captured], PAID, attempts["at"][due][captured])
        for location in (0, 1):
            here = order[captured & (book["location"][order] == location)]
            self._waiting[location] = np.concatenate([self._waiting[location], here])

    def cancel(self, day: int) -> None:
        """Cancel what was to be cancelled today and has not left; money and stock go back."""
        due, book, lines = self._agenda.take("cancel", day), self._orders.book, self._orders.lines
        rows = due[np.isin(book["status"][due], (PLACED, PAID))]
        if not len(rows):
            return
        at, was_paid = book["cancel_at"][rows], book["status"][rows] == PAID
        self._reach(rows, CANCELLED, at)
        for location in (0, 1):
            self._waiting[location] = self._waiting[location][~np.isin(self._waiting[location], rows)]
        line = self._orders.lines_of(rows)
        owner = np.searchsorted(rows, lines["order"][line])
        net = lines["units"][line] * lines["price"][line] - lines["discount"][line]
        self._inventory.release(
            lines["sku"][line], book["location"][lines["order"][line]], lines["units"][line]
        )
        reason = np.where(was_paid, CHANGED_MIND, PAYMENT_EXPIRED)
        self.refunds.note(
            lines["order"][line],
            line,
            CANCELLATION,
            lines["units"][line],
            np.where(was_paid[owner], net, 0),
            at[owner],
            reason[owner],
            now=True,
        )
        paid_shipping = np.flatnonzero(was_paid & (book["shipping"][rows] > 0))
        self.refunds.note(
            rows[paid_shipping],
            -1,
            CANCELLATION,
            0,
            book["shipping"][rows][paid_shipping],
            at[paid_shipping],
            CHANGED_MIND,
            now=True,
        )

    def dispatch(self, day: int) -> None:
        """Send what capacity allows: express first, then by time of payment; orders paid before noon only."""
        today, book, lines = self._params.date_of(day), self._orders.book, self._orders.lines
        for location in (0, 1):
            if not is_dispatch_day(today, location):
                continue
            rng = stream(self._params.seed, f"dispatch {location}", day)
            queue = self._waiting[location]
            ready = queue[book["captured_at"][queue] < self._clock.at(day, CUT_OFF)]
            ready = ready[np.lexsort((ready, book["captured_at"][ready], book["method"][ready] > 0))]
            sent = ready[: self._capacity(rng, today.weekday(), location, len(queue))]
            if not len(sent):
                continue
            left_at = self._clock.at(day, np.sort(rng.integers(FIRST_SCAN, LAST_SCAN, len(sent))))
            self._waiting[location] = queue[~np.isin(queue, sent)]
            self._reach(sent, PACKED, left_at - rng.integers(1_200, 5_400, len(sent)))
            self._reach(sent, SHIPPED, left_at)
            book["dispatched_at"][sent] = left_at
            book["carrier"][sent] = 2 * book["country"][sent] + rng.integers(0, 2, len(sent))
            self.parcels.append(sent)
            line = self._orders.lines_of(np.sort(sent))
            self._inventory.dispatch(
                lines["sku"][line], book["location"][lines["order"][line]], lines["units"][line]
            )
            self._send(rng, day, sent)

    def _capacity(self, rng: np.random.Generator, weekday: int, location: int, backlog: int) -> int:
        pace = float(self._pace[location])
        extra = 0.35 * max(backlog - BACKLOG_DAYS * pace, -pace)
        share = 0.6 if weekday == 5 else 1.28
        return max(int(share * pace * rng.uniform(0.9, 1.1) + extra), int(0.3 * pace) + 1)

    def _send(self, rng: np.random.Generator, day: int, sent: Array) -> None:
        """Draw the true transit of parcels and put down when they arrive, or that they are lost."""
        book = self._orders.book
        method, country = book["method"][sent], book["country"][sent]
        shape = TRANSIT_SHAPE[method]
        days = np.ceil(rng.gamma(shape, TRANSIT_MEAN_DAYS[method, country] / shape)).astype(np.int64)
        arrival = day + days
        arrival += (self._params.start.weekday() + arrival) % 7 == 6
        is_lost = rng.random(len(sent)) < LOST_RATIO
        book["delivered_at"][sent] = self._clock.at(arrival, rng.integers(8 * 3600, 19 * 3600, len(sent)))
        book["delivered_at"][sent[is_lost]] = NEVER
        self._agenda.put("arrival", arrival[~is_lost], sent[~is_lost])
        self._agenda.put("loss", np.full(int(is_lost.sum()), day + LOST_AFTER_DAYS), sent[is_lost])

    def deliver(self, day: int) -> None:
        """Parcels that arrive today, parcels given up today, and the returns and refunds they will cause."""
        rng, book, lines = stream(self._params.seed, "deliveries", day), self._orders.book, self._orders.lines
        arrived, lost = self._agenda.take("arrival", day), self._agenda.take("loss", day)
        self.parcels += [arrived, lost]
        self._reach(arrived, DELIVERED, book["delivered_at"][arrived])
        line = self._orders.lines_of(arrived)
        line = line[rng.random(len(line)) < RETURN_RATIO]
        units = lines["units"][line]
        partial = (rng.random(len(line)) < PARTIAL_RATIO) & (units > 1)
        units = np.where(partial, rng.integers(1, np.maximum(units, 2)), units)
        net = lines["units"][line] * lines["price"][line] - lines["discount"][line]
        back_at = self._clock.at(
            day + rng.integers(3, 22, len(line)), rng.integers(9 * 3600, 17 * 3600, len(line))
        )
        self.refunds.note(
            lines["order"][line],
            line,
            RETURN,
            units,
            net * units // np.maximum(lines["units"][line], 1),
            back_at,
            rng.integers(0, 4, len(line)),
        )
        is_late = (day > book["promised_day"][arrived]) & (book["shipping"][arrived] > 0)
        sorry = arrived[is_late & (rng.random(len(arrived)) < SHIPPING_REFUND_RATIO)]
        paid_at = self._clock.at(day + 1, rng.integers(9 * 3600, 17 * 3600, len(sorry)))
        self.refunds.note(sorry, -1, REFUND, 0, book["shipping"][sorry], paid_at, DELIVERED_LATE)
        given_up_at = self._clock.at(day, rng.integers(9 * 3600, 17 * 3600, len(lost)))
        self.refunds.note(lost, -1, REFUND, 0, book["total"][lost], given_up_at, LOST_IN_TRANSIT, now=True)

    def take_back(self, day: int) -> None:
        """Returns and refunds due today; returned units go back on the shelf."""
        rows, book, lines = self._agenda.take("refund", day), self._orders.book, self._orders.lines
        self.refunds.today.append(rows)
        back = rows[self.refunds.book["kind"][rows] == RETURN]
        line, order, units = (
            self.refunds.book["line"][back],
            self.refunds.book["order"][back],
            self.refunds.book["units"][back],
        )
        np.add.at(lines["returned"], line, units)
        self._inventory.restock(lines["sku"][line], book["location"][order], units)
        for row in np.unique(order):
            mine = self._orders.lines_of(np.array([row]))
            if (lines["units"][mine] == lines["returned"][mine]).all():
                last = self.refunds.book["at"][back][order == row].max()
                self._reach(np.array([row]), RETURNED, np.array([last]))

    def _reach(self, rows: Array, status: int, at: Array) -> None:
        """Move orders to a state."""
        if not len(rows):
            return
        self._orders.book["status"][rows] = status
        self._orders.book["updated_at"][rows] = at
        self.status_events.append((rows, status, at))
