"""What a session and an event are while a day is made: columns of numbers, and how rows are put together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from feeds.simulator.streams import Array

EVENT_TYPES = ("view", "search", "add_to_cart", "remove_from_cart", "favourite", "share", "purchase")
VIEW, SEARCH, ADD, REMOVE, FAVOURITE, SHARE, PURCHASE = range(7)


class Sessions(NamedTuple):
    """Sessions of a day; ``person`` is -1 unless signed in."""

    visitor: Array
    person: Array
    country: Array
    device: Array
    channel: Array


class Events(NamedTuple):
    """Events of a day in time order; -1 stands for nothing."""

    session: Array
    at: Array
    kind: Array
    sku: Array
    order: Array
    units: Array
    query: Array
    results: Array
    sessions: Sessions


def event_rows(
    session: Array,
    place: Array,
    kind: int,
    sku: Array | int,
    order: Array | int = -1,
    units: Array | int = -1,
    query: Array | int = -1,
    results: Array | int = -1,
) -> Array:
    """Event rows whose time is still a place between 0 and 1 in the session, in millionths."""
    return timed_rows(
        session,
        np.rint(np.minimum(place, 1.0) * 1e6).astype(np.int64),
        kind,
        sku,
        order,
        units,
        query,
        results,
    )


def timed_rows(session: Array, at: Array, kind: int, *rest: Array | int) -> Array:
    """Event rows of sessions at UTC seconds; ``rest`` are sku, order, units, query and results."""
    table = np.full((len(session), 8), -1, np.int64)
    for column, values in enumerate((session, at, kind, *rest)):
        table[:, column] = values
    return table


def on_the_clock(rows: list[Array], starts: Array, ends: Array) -> Array:
    """Put places in the session on the clock."""
    table = np.concatenate(rows)
    session = table[:, 0]
    table[:, 1] = starts[session] + table[:, 1] * (ends - starts)[session] // 1_000_000
    return table
