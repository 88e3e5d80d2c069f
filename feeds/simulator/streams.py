"""Random streams and growing tables: what makes day d of a shop independent of how many days follow it."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def stream(seed: int, subject: str, day: int = -1) -> np.random.Generator:
    """The generator of one subject on one day; -1 is the world before the first day.

    Streams are keyed, not drawn one after the other, so nothing that happens elsewhere moves them.
    """
    key = (seed, crc32(subject.encode()), day + 1)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


class Book:
    """Rows of equal length that only ever grow: the state of orders, lines and purchase orders."""

    def __init__(self, **dtypes: str) -> None:
        self._columns: dict[str, Array] = {name: np.empty(256, dtype) for name, dtype in dtypes.items()}
        self.n = 0

    def append(self, **columns: Array | int | float) -> Array:
        """Add rows and return their numbers; every column must be given, scalars are repeated."""
        if columns.keys() != self._columns.keys():
            raise ValueError(f"Got columns {sorted(columns)}, but expected {sorted(self._columns)}.")
        n = max(np.size(column) for column in columns.values() if isinstance(column, np.ndarray))
        for name, values in columns.items():
            held = self._columns[name]
            while len(held) < self.n + n:
                held = np.concatenate([held, np.empty_like(held)])
            held[self.n : self.n + n] = values
            self._columns[name] = held
        self.n += n
        return np.arange(self.n - n, self.n)

    def __getitem__(self, name: str) -> Array:
        """A view of one column; assigning to its elements changes the book."""
        return self._columns[name][: self.n]


class Agenda:
    """What is due on which day: row numbers put down under a kind and the day on which they happen."""

    def __init__(self) -> None:
        self._due: dict[tuple[str, int], list[Array]] = {}

    def put(self, kind: str, days: Array, rows: Array) -> None:
        """Note that ``rows`` are due on ``days``, element by element."""
        for day in np.unique(days):
            self._due.setdefault((kind, int(day)), []).append(rows[days == day])

    def take(self, kind: str, day: int) -> Array:
        """Row numbers due on a day, ascending; they are forgotten."""
        parts = self._due.pop((kind, day), [])
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def occurrence(keys: Array) -> Array:
    """For each element how many equal elements come before it."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(keys) else np.empty(0, np.int64)
    rank = np.arange(len(keys)) - np.repeat(starts, np.diff(np.r_[starts, len(keys)]))
    result = np.empty(len(keys), np.int64)
    result[order] = rank
    return result


def running_total_before(keys: Array, amounts: Array) -> Array:
    """For each element the sum of ``amounts`` of earlier elements with the same key."""
    order = np.argsort(keys, kind="stable")
    ranked, before = keys[order], np.cumsum(amounts[order]) - amounts[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(keys) else np.empty(0, np.int64)
    before -= np.repeat(before[starts], np.diff(np.r_[starts, len(keys)]))
    result = np.empty(len(keys), np.int64)
    result[order] = before
    return result
