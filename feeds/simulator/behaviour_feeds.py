"""Rows of the events feed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feeds.simulator.catalogue import Catalogue, sku_id
from feeds.simulator.columns import decimals, feed_table, instants, pick, repeat, whole, words
from feeds.simulator.geography import COUNTRIES, CURRENCIES, CURRENCY_OF, DEVICES, EVENT_CHANNELS
from feeds.simulator.params import SimulationParams
from feeds.simulator.people import customer_id, visitor_id
from feeds.simulator.sessions import QUERIES
from feeds.simulator.streams import Array
from feeds.simulator.visits import ADD, EVENT_TYPES, PURCHASE, REMOVE, Events


class BehaviourFeeds:
    """Writes what visitors did as the shop's tracking would."""

    def __init__(
        self, params: SimulationParams, catalogue: Catalogue, n_customers: int, n_visitors: int
    ) -> None:
        self._params = params
        self.skus = words([sku_id(i) for i in range(catalogue.n)])
        self.customers = words([customer_id(i) for i in range(n_customers)])
        self.visitors = words([visitor_id(i) for i in range(n_visitors)])

    def events(
        self, day: int, events: Events, order_ids: pa.Array, first_order: int, cents: Array
    ) -> pa.Table:
        """The day's events; ``order_ids`` are those of the day, which begin with number ``first_order``."""
        n, label = len(events.at), f"{self._params.date_of(day):%Y%m%d}"
        sessions, currency = events.sessions, CURRENCY_OF[events.sessions.country[events.session]]
        of_session = words([f"s{label}-{i + 1:05d}" for i in range(len(sessions.visitor))])
        has_units = np.isin(events.kind, (ADD, REMOVE, PURCHASE))
        order = np.where(events.order >= 0, events.order - first_order, -1)
        return feed_table(
            "events",
            event_id=words([f"e{label}-{i + 1:06d}" for i in range(n)]),
            visitor_id=pick(self.visitors, sessions.visitor[events.session]),
            customer_id=pick(self.customers, sessions.person[events.session]),
            source_session_id=pick(of_session, events.session),
            event_type=pick(words(EVENT_TYPES), events.kind),
            occurred_at=instants(events.at),
            sku=pick(self.skus, events.sku),
            order_id=pick(order_ids, order) if len(order_ids) else pa.nulls(n, pa.string()),
            search_query=pick(words(QUERIES), events.query),
            n_search_results=whole(events.results, mask=events.results < 0),
            units=whole(events.units, mask=~has_units),
            price_amount=decimals(cents[np.maximum(events.sku, 0), currency], mask=events.sku < 0),
            currency=pc.if_else(
                pa.array(events.sku >= 0), pick(words(CURRENCIES), currency), repeat(None, n, pa.string())
            ),
            device_type=pick(words(DEVICES), sessions.device[events.session]),
            country=pick(words(COUNTRIES), sessions.country[events.session]),
            channel=pick(words(EVENT_CHANNELS), sessions.channel[events.session]),
        )
