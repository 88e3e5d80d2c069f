"""From numbers of the simulation to typed Arrow columns of a contract. No business rule belongs here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_quality.contract import load_contract
from feeds.simulator.clock import epoch_days
from feeds.simulator.payments import NEVER
from feeds.simulator.streams import Array

Values: TypeAlias = pa.Array | pa.ChunkedArray


def feed_table(feed: str, **columns: Values) -> pa.Table:
    """A table with exactly the contract's columns; what is not given is null."""
    schema = load_contract(feed).arrow_schema()
    if unknown := sorted(columns.keys() - set(schema.names)):
        raise ValueError(f"Got columns {unknown}, but contract {feed} has {schema.names}.")
    n = len(next(iter(columns.values())))
    arrays = [columns[f.name] if f.name in columns else pa.nulls(n, f.type) for f in schema]
    return pa.table(arrays, schema=schema)


def pick(words: pa.Array, numbers: Array) -> Values:
    """The word of each number; -1 gives null."""
    numbers = np.asarray(numbers)
    return words.take(pa.array(numbers, pa.int64(), mask=numbers < 0))


def words(values: Sequence[str]) -> pa.Array:
    """Texts to pick from."""
    return pa.array(list(values), pa.string())


def decimals(numbers: Array, precision: int = 18, scale: int = 2, mask: Array | None = None) -> pa.Array:
    """Decimals from whole numbers of the last place (cents for money); masked ones are null."""
    halves = np.empty((len(numbers), 2), np.int64)
    halves[:, 0] = numbers
    halves[:, 1] = halves[:, 0] >> 63
    made = pa.Array.from_buffers(pa.decimal128(precision, scale), len(numbers), [None, pa.py_buffer(halves)])
    return made if mask is None else pc.if_else(pa.array(~mask), made, pa.scalar(None, made.type))


def whole(numbers: Array, mask: Array | None = None) -> pa.Array:
    """64-bit integers; masked ones are null."""
    return pa.array(np.asarray(numbers, np.int64), mask=mask)


def instants(seconds: Array) -> pa.Array:
    """UTC timestamps; a moment that never comes is null."""
    seconds = np.asarray(seconds, np.int64)
    never = seconds >= NEVER
    return pa.array(np.where(never, 0, seconds) * 1_000_000, pa.timestamp("us", tz="UTC"), mask=never)


def dates(start: date, days: Array, mask: Array | None = None) -> pa.Array:
    """Dates of days of the simulation."""
    return pa.array((epoch_days(start) + np.asarray(days)).astype(np.int32), pa.date32(), mask=mask)


def repeat(value: object, n: int, kind: pa.DataType | None = None) -> Values:
    """One value ``n`` times."""
    return pa.repeat(pa.scalar(value, kind) if kind else pa.scalar(value), n)
