"""The day loop: what a shop lives through from morning to midnight, and the files it leaves behind."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from feeds.simulator.behaviour_feeds import BehaviourFeeds
from feeds.simulator.catalogue import build_catalogue
from feeds.simulator.catalogue_feeds import CatalogueFeeds
from feeds.simulator.clock import Clock
from feeds.simulator.customer_feed import CustomerFeed
from feeds.simulator.demand import Demand
from feeds.simulator.faults import FaultInjector
from feeds.simulator.inventory import Inventory
from feeds.simulator.inventory_feeds import InventoryFeeds
from feeds.simulator.logistics import Logistics
from feeds.simulator.orders import Orders
from feeds.simulator.params import SimulationParams, SimulationSummary
from feeds.simulator.people import build_people
from feeds.simulator.promotions import Prices, Promotions
from feeds.simulator.sales_feeds import SalesFeeds
from feeds.simulator.sessions import Traffic
from feeds.simulator.streams import Agenda, Array
from feeds.simulator.truth import Truth
from feeds.simulator.writers import format_of, render

TRUTH_FOLDER = "_truth"


class Shop:
    """A shop that lives one day at a time; a day never looks at how many will follow."""

    def __init__(self, params: SimulationParams) -> None:
        self.clock, agenda = Clock(params), Agenda()
        self.catalogue = catalogue = build_catalogue(params)
        self.people = people = build_people(params, catalogue)
        self.prices, self.promotions = Prices(params, catalogue), Promotions(params, catalogue)
        self.demand = Demand(params, catalogue, people, self.clock)
        self.inventory = Inventory(params, catalogue, self.clock)
        self.orders = Orders(params, people, self.clock, agenda)
        self.logistics = Logistics(params, self.orders, self.inventory, self.clock, agenda)
        self.traffic = Traffic(params, catalogue, people, self.demand, self.clock)
        self.truth = Truth(params, catalogue, people, self.traffic)
        behaviour = BehaviourFeeds(params, catalogue, people.n, self.traffic.n_visitors)
        self._behaviour = behaviour
        self._sales = SalesFeeds(
            params, catalogue, people, self.clock, self.orders, self.logistics, self.promotions, behaviour
        )
        self._customers = CustomerFeed(params, people, self.clock)
        self._catalogue_feeds = CatalogueFeeds(params, catalogue, self.clock, self.prices, self.promotions)
        self._inventory_feeds = InventoryFeeds(params, catalogue, self.clock, self.inventory)

    def live(self, day: int) -> dict[str, pa.Table]:
        """Live through the next day and return its feeds; days must be lived in order from 0."""
        self.logistics.begin()
        received = self.inventory.receive(day)
        repriced = self.prices.change(day)
        percent, campaign = self.promotions.percent_on(day)
        rates = self.demand.rates(day, self.promotions.response(day, percent), self.prices.response())
        ordered = self.inventory.reorder(day)

        baskets = self.demand.draw(day, rates)
        location = self.orders.location_of(baskets.person)[baskets.basket]
        filled = self.inventory.sell(baskets.sku, location, baskets.units)
        first_order = self.orders.book.n
        checkout = self.orders.place(day, baskets, filled, self.prices.cents, percent, campaign)
        placed = np.arange(first_order, self.orders.book.n)
        visitors = self.traffic.order_visitors(day, baskets)[checkout.order >= 0]
        order_ids = self._sales.remember(day, placed, visitors)
        self._keep_score(day, rates, baskets.sku, location, baskets.units, filled)

        self.logistics.placed(placed)
        self.logistics.collect_payments(day)
        self.logistics.cancel(day)
        self.logistics.dispatch(day)
        self.logistics.deliver(day)
        self.logistics.take_back(day)

        events = self.traffic.of_day(day, baskets, filled, checkout, rates)
        return {
            **self._catalogue_feeds.of_day(day, repriced),
            "customers": self._customers.of_day(day),
            **self._inventory_feeds.of_day(day, np.concatenate([ordered, received])),
            "events": self._behaviour.events(day, events, order_ids, first_order, self.prices.cents),
            **self._sales.of_day(day, placed),
        }

    def _keep_score(
        self, day: int, rates: Array, sku: Array, location: Array, units: Array, filled: Array
    ) -> None:
        demanded, sold = np.zeros_like(self.inventory.on_hand), np.zeros_like(self.inventory.on_hand)
        np.add.at(demanded, (sku, location), units)
        np.add.at(sold, (sku, location), filled)
        self.truth.note_day(day, rates, demanded, sold, self.inventory.sellable_all_day)
        self.inventory.learn(day, sold)


def simulate(
    params: SimulationParams,
    out_dir: str | Path,
    *,
    on_day: Callable[[date], None] | None = None,
    since: date | None = None,
) -> SimulationSummary:
    """Write the feeds of a simulated shop to ``out_dir/<feed>/<date>.<ext>`` and the truth beside them.

    The same parameters give the same bytes, and more days only add files: to get the next day of a shop,
    simulate one day more. ``since`` leaves out the files of earlier days (they are lived through all the
    same). ``on_day`` is called after each day. A feed without rows on a day has no file. Existing files of
    other days stay.
    """
    began, folder = time.perf_counter(), Path(out_dir)
    shop, faults = Shop(params), FaultInjector(params)
    rows: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for day in range(params.days):
        today = params.date_of(day)
        for feed, table in shop.live(day).items():
            if table.num_rows == 0:
                continue
            written = _files(faults, feed, day, f"{today}.{format_of(feed)}", table)
            if since is None or today >= since:
                rows[feed] += table.num_rows
                files[feed] += len(written)
                _write(folder / feed, written)
        if on_day is not None:
            on_day(today)
    shop.truth.write(folder / TRUTH_FOLDER, faults.notes)
    return SimulationSummary(
        out_dir=folder,
        truth_dir=folder / TRUTH_FOLDER,
        first_date=params.start,
        last_date=params.date_of(params.days - 1),
        rows=dict(sorted(rows.items())),
        files=dict(sorted(files.items())),
        seconds=time.perf_counter() - began,
    )


def _files(faults: FaultInjector, feed: str, day: int, name: str, table: pa.Table) -> dict[str, bytes]:
    """The files of one feed and day by name, spoiled where a fault is due."""
    if feed == "stock_levels":
        i = table.schema.get_field_index("on_hand_units")
        told = faults.spoil_stock(day, name, table["on_hand_units"].to_numpy())
        return {name: render(feed, table.set_column(i, table.schema.field(i), pa.array(told)))}
    return faults.spoil(feed, day, name, render(feed, table))


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        # A shop does not send its past again: a file that stands there as it would be written is left alone.
        if not path.exists() or path.stat().st_size != len(content) or path.read_bytes() != content:
            path.write_bytes(content)
