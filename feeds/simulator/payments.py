"""Payment attempts as planned at checkout: failures, retries, transfers; and planned cancellations."""

from __future__ import annotations

import numpy as np

from feeds.simulator.clock import Clock
from feeds.simulator.geography import (
    PAYMENT_FAILURE_RATIO,
    PAYMENT_METHODS,
    PAYMENT_SHARE,
    PAYMENT_SHARE_CHINESE,
)
from feeds.simulator.people import People
from feeds.simulator.streams import Agenda, Array, Book

NEVER = 2**62
CANCEL_RATIO = 0.025
MOST_ATTEMPTS = 3
WORSE_ON_RETRY = np.array([[1.0], [5.0], [6.0]])  # who failed once fails again
BANK_TRANSFER = PAYMENT_METHODS.index("bank_transfer")
PENDING, CAPTURED, FAILED = range(3)
PAYMENT_STATUSES = ("pending", "captured", "failed")


class Payments:
    """The book of payment attempts; an attempt happens on its day unless the order is cancelled before."""

    def __init__(self, people: People, clock: Clock, agenda: Agenda) -> None:
        self._people, self._clock, self._agenda = people, clock, agenda
        self.attempts = Book(order="i8", number="i4", status="i1", at="i8", code="i1")

    def methods(self, person: Array, u: Array) -> Array:
        """The payment method of each customer, by country, from uniform draws ``u``."""
        share = np.where(
            self._people.is_chinese[person][:, None],
            PAYMENT_SHARE_CHINESE,
            PAYMENT_SHARE[self._people.country[person]],
        )
        return np.minimum((u[:, None] > np.cumsum(share, axis=1)).sum(1), len(PAYMENT_METHODS) - 1)

    def plan(self, rng: np.random.Generator, book: Book, rows: Array) -> None:
        """Plan the attempts: failures first, then the capture; bank transfers stay pending for days."""
        method, at = book["pay_method"][rows], book["ordered_at"][rows] + rng.integers(20, 180, len(rows))
        fails = rng.random((MOST_ATTEMPTS, len(rows))) < PAYMENT_FAILURE_RATIO[method] * WORSE_ON_RETRY
        n_failed = np.cumprod(fails, axis=0).sum(0)
        waits = rng.integers(300, 5_400, (MOST_ATTEMPTS, len(rows)))
        codes = rng.integers(0, 4, (MOST_ATTEMPTS, len(rows)))
        transfer, transfer_wait = method == BANK_TRANSFER, rng.integers(20 * 3600, 70 * 3600, len(rows))
        for number in range(MOST_ATTEMPTS):
            failed = np.flatnonzero(n_failed > number)
            self._attempt(book, rows[failed], number + 1, FAILED, at[failed], codes[number, failed])
            captured = np.flatnonzero((n_failed == number) & ~transfer)
            self._attempt(book, rows[captured], number + 1, CAPTURED, at[captured], -1)
            at = at + waits[number]
        first = book["ordered_at"][rows] + 60
        self._attempt(book, rows[transfer], 1, PENDING, first[transfer], -1)
        self._attempt(book, rows[transfer], 2, CAPTURED, (first + transfer_wait)[transfer], -1)

    def _attempt(
        self, book: Book, rows: Array, number: int, status: int, at: Array, code: Array | int
    ) -> None:
        if not len(rows):
            return
        attempts = self.attempts.append(order=rows, number=number, status=status, at=at, code=code)
        self._agenda.put("attempt", self._clock.day_of(at), attempts)
        if status == CAPTURED:
            book["captured_at"][rows] = at

    def plan_cancellations(self, rng: np.random.Generator, book: Book, rows: Array, u: Array) -> None:
        """Some customers change their minds; what was never paid expires after one to three days."""
        at = book["ordered_at"][rows]
        regret, expiry = (
            at + rng.integers(1_800, 36 * 3600, len(rows)),
            at + rng.integers(86_400, 3 * 86_400, len(rows)),
        )
        unpaid = book["captured_at"][rows] == NEVER
        cancel_at = np.where(unpaid, expiry, np.where(u < CANCEL_RATIO, regret, NEVER))
        book["cancel_at"][rows] = cancel_at
        planned = np.flatnonzero(cancel_at < NEVER)
        self._agenda.put("cancel", self._clock.day_of(cancel_at[planned]), rows[planned])
