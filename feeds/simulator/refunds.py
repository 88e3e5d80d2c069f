"""Money and units taken back: the book of refunds, returns and cancellations."""

from __future__ import annotations

from feeds.simulator.clock import Clock
from feeds.simulator.streams import Agenda, Array, Book

REFUND, RETURN, CANCELLATION = range(3)
REFUND_KINDS = ("refund", "return", "cancellation")
REASONS = (
    "changed_mind",
    "too_small",
    "damaged",
    "not_as_described",
    "delivered_late",
    "lost_in_transit",
    "payment_expired",
)
CHANGED_MIND, DELIVERED_LATE, LOST_IN_TRANSIT, PAYMENT_EXPIRED = 0, 4, 5, 6


class Refunds:
    """The book of refunds and the numbers of today's."""

    def __init__(self, clock: Clock, agenda: Agenda) -> None:
        self._clock, self._agenda = clock, agenda
        self.book = Book(order="i8", line="i8", kind="i1", units="i8", amount="i8", at="i8", reason="i1")
        self.today: list[Array] = []

    def note(
        self,
        order: Array,
        line: Array | int,
        kind: int,
        units: Array | int,
        amount: Array,
        at: Array,
        reason: Array | int,
        now: bool = False,
    ) -> None:
        """Add rows, a line of -1 for whole orders; they happen today, or on the day of ``at``."""
        if not len(order):
            return
        rows = self.book.append(
            order=order, line=line, kind=kind, units=units, amount=amount, at=at, reason=reason
        )
        if now:
            self.today.append(rows)
        else:
            self._agenda.put("refund", self._clock.day_of(at), rows)
