"""Rows of the inventory feeds: stock levels, purchase orders, suppliers, supply terms."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from feeds.simulator.catalogue import Catalogue, sku_id
from feeds.simulator.clock import Clock
from feeds.simulator.columns import dates, decimals, feed_table, instants, pick, repeat, whole, words
from feeds.simulator.geography import CURRENCIES, PRICE_LIST_FACTOR
from feeds.simulator.inventory import CANCELLED, OPEN, PURCHASE_STATUSES, REVIEW_DAYS, Inventory, is_listed
from feeds.simulator.names import SUPPLIER_COUNTRIES, SUPPLIER_NAMES
from feeds.simulator.params import SimulationParams
from feeds.simulator.streams import Array

HOLDING_RATIO_A_YEAR = 0.22  # of the unit cost
SERVICE_LEVEL = 0.95
_CURRENCY_OF = {"CN": "USD", "US": "USD", "GB": "GBP"}


def supplier_id(number: int) -> str:
    """The identifier of a supplier."""
    return f"SUP-{number + 1:02d}"


def supplier_currency(number: int) -> int:
    """The currency that a supplier invoices in."""
    return CURRENCIES.index(_CURRENCY_OF.get(SUPPLIER_COUNTRIES[number], "EUR"))


class InventoryFeeds:
    """Writes stock and purchasing as the shop's warehouse system would."""

    def __init__(
        self, params: SimulationParams, catalogue: Catalogue, clock: Clock, inventory: Inventory
    ) -> None:
        self._params, self._catalogue, self._clock, self._inventory = params, catalogue, clock, inventory
        self._skus = words([sku_id(i) for i in range(catalogue.n)])
        self._suppliers = words([supplier_id(i) for i in range(len(SUPPLIER_COUNTRIES))])
        self._currency = np.array([supplier_currency(i) for i in range(len(SUPPLIER_COUNTRIES))])
        factor = np.array(PRICE_LIST_FACTOR)[self._currency[catalogue.supplier]]
        self._cost_cents = np.rint(catalogue.cost_cents * factor).astype(np.int64)

    def of_day(self, day: int, purchases: Array) -> dict[str, pa.Table]:
        """The inventory feeds of a day; ``purchases`` are the lines ordered or received on it."""
        fresh = np.flatnonzero(self._catalogue.listed_day == day)
        return {
            "stock_levels": self._stock_rows(day),
            "purchase_orders": self._purchase_rows(np.unique(purchases)),
            "suppliers": self._supplier_rows(day),
            "supply_terms": self._term_rows(day, fresh),
        }

    def _stock_rows(self, day: int) -> pa.Table:
        inventory, catalogue = self._inventory, self._catalogue
        sku, location = np.nonzero(np.repeat(is_listed(catalogue, day)[:, None], 2, axis=1))
        on_sale = (catalogue.launch_day <= day)[sku]
        return feed_table(
            "stock_levels",
            sku=pick(self._skus, sku),
            location_id=pick(words(self._params.locations), location),
            stock_date=dates(self._params.start, np.full(len(sku), day)),
            on_hand_units=whole(inventory.on_hand[sku, location]),
            reserved_units=whole(inventory.reserved[sku, location]),
            in_transit_units=whole(inventory.in_transit(day)[sku, location]),
            backordered_units=whole(np.zeros(len(sku), np.int64)),
            is_in_stock=pa.array(on_sale & (inventory.sellable_all_day[sku, location])),
        )

    def _purchase_rows(self, rows: Array) -> pa.Table:
        book = self._inventory.purchases
        sku, status, supplier = book["sku"][rows], book["status"][rows], book["supplier"][rows]
        start = self._params.start
        ids = [
            f"PO-{self._params.date_of(int(d)):%Y%m%d}-{c:02d}"
            for d, c in zip(book["ordered_day"][rows], book["code"][rows], strict=True)
        ]
        return feed_table(
            "purchase_orders",
            purchase_order_id=words(ids),
            line_number=whole(book["line"][rows]),
            sku=pick(self._skus, sku),
            location_id=pick(words(self._params.locations), book["location"][rows]),
            supplier_id=pick(self._suppliers, supplier),
            ordered_date=dates(start, book["ordered_day"][rows]),
            expected_receipt_date=dates(start, book["expected_day"][rows]),
            received_date=dates(start, book["due_day"][rows], mask=(status == OPEN) | (status == CANCELLED)),
            ordered_units=whole(book["ordered"][rows]),
            received_units=whole(book["received"][rows]),
            unit_cost_amount=decimals(self._cost_cents[sku]),
            currency=pick(words(CURRENCIES), self._currency[supplier]),
            purchase_order_status=pick(words(PURCHASE_STATUSES), status),
            updated_at=instants(book["updated_at"][rows]),
        )

    def _supplier_rows(self, day: int) -> pa.Table:
        n = len(SUPPLIER_COUNTRIES) if day == 0 else 0
        return feed_table(
            "suppliers",
            supplier_id=self._suppliers[:n],
            name=words(SUPPLIER_NAMES[:n]),
            country=words(SUPPLIER_COUNTRIES[:n]),
            currency=pick(words(CURRENCIES), self._currency[:n]),
            contact_email=words([f"orders.{i + 1}@supplier.example.com" for i in range(n)]),
            updated_at=instants(np.full(n, self._clock.at(day, 5 * 3600))),
        )

    def _term_rows(self, day: int, skus: Array) -> pa.Table:
        sku, location = np.repeat(skus, 2), np.tile([0, 1], len(skus))
        catalogue, supplier = self._catalogue, self._catalogue.supplier[sku]
        cost = self._cost_cents[sku]
        margin = np.maximum(catalogue.price_cents[sku] / 1.2 - catalogue.cost_cents[sku], 1)
        in_invoice = np.array(PRICE_LIST_FACTOR)[self._currency[supplier]]
        return feed_table(
            "supply_terms",
            supplier_id=pick(self._suppliers, supplier),
            sku=pick(self._skus, sku),
            location_id=pick(words(self._params.locations), location),
            lead_time_days=pa.array(catalogue.lead_days[sku].astype(np.float64)),
            review_period_days=whole(np.full(len(sku), REVIEW_DAYS)),
            moq_units=whole(self._inventory.moq()[sku]),
            pack_size_units=whole(catalogue.pack_units[sku]),
            unit_cost_amount=decimals(cost),
            currency=pick(words(CURRENCIES), self._currency[supplier]),
            holding_cost_amount=decimals(
                np.rint(cost * 1e4 * HOLDING_RATIO_A_YEAR / 365).astype(np.int64), 18, 6
            ),
            shortage_cost_amount=decimals(np.rint(margin * 1e4 * in_invoice).astype(np.int64), 18, 6),
            service_level_ratio=repeat(SERVICE_LEVEL, len(sku)),
            updated_at=instants(np.full(len(sku), self._clock.at(day, 5 * 3600))),
        )
