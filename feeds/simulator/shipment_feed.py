"""Rows of the shipments feed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feeds.simulator.catalogue import Catalogue
from feeds.simulator.clock import Clock
from feeds.simulator.columns import dates, feed_table, instants, pick, words
from feeds.simulator.geography import (
    ARRIVED,
    CARRIERS,
    COUNTRIES,
    DELIVERED,
    IN_TRANSIT,
    LOST,
    METHODS,
    RETURNED,
    SHIPMENT_STATUSES,
)
from feeds.simulator.orders import Orders
from feeds.simulator.params import SimulationParams
from feeds.simulator.payments import NEVER
from feeds.simulator.streams import Array


class ShipmentFeed:
    """Writes parcels with their state at the end of the day; every order has one."""

    def __init__(self, params: SimulationParams, catalogue: Catalogue, clock: Clock, orders: Orders) -> None:
        self._params, self._catalogue, self._clock, self._orders = params, catalogue, clock, orders

    def of_day(self, day: int, parcels: list[Array], ids: Callable[[Array], pa.Array]) -> pa.Table:
        """Parcels that left, arrived or were given up today, one row each; ``ids`` names orders."""
        rows = np.unique(np.concatenate([np.empty(0, np.int64), *parcels]))
        book, lines = self._orders.book, self._orders.lines
        delivered_at, left_at = book["delivered_at"][rows], book["dispatched_at"][rows]
        has_arrived = (book["status"][rows] == DELIVERED) | (book["status"][rows] == RETURNED)
        is_lost = (delivered_at == NEVER) & (left_at < self._clock.midnights[day])
        state = np.where(has_arrived, ARRIVED, np.where(is_lost, LOST, IN_TRANSIT))
        updated = np.where(
            has_arrived, delivered_at, np.where(is_lost, self._clock.at(day, 17 * 3600), left_at)
        )
        grams = np.zeros(self._orders.book.n, np.int64)
        line = self._orders.lines_of(rows)
        weight = np.rint(self._catalogue.weight_kg[lines["sku"][line]] * 1000).astype(np.int64)
        np.add.at(grams, lines["order"][line], weight * lines["units"][line])
        return feed_table(
            "shipments",
            shipment_id=pc.binary_join_element_wise("S", ids(rows), ""),
            order_id=ids(rows),
            location_id=pick(words(self._params.locations), book["location"][rows]),
            carrier=pick(words(CARRIERS), book["carrier"][rows]),
            shipping_method=pick(words(METHODS), book["method"][rows]),
            shipment_status=pick(words(SHIPMENT_STATUSES), state),
            destination_country=pick(words(COUNTRIES), book["country"][rows]),
            dispatched_at=instants(left_at),
            delivered_at=instants(np.where(has_arrived, delivered_at, NEVER)),
            promised_delivery_date=dates(self._params.start, book["promised_day"][rows]),
            weight_kg=pa.array(grams[rows] / 1000.0),
            updated_at=instants(updated),
        )
