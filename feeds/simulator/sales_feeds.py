"""Rows of the sales feeds: orders, lines, state changes, payments, refunds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feeds.simulator.behaviour_feeds import BehaviourFeeds
from feeds.simulator.catalogue import Catalogue
from feeds.simulator.clock import Clock
from feeds.simulator.columns import dates, decimals, feed_table, instants, pick, repeat, whole, words
from feeds.simulator.geography import (
    COUNTRIES,
    CURRENCIES,
    CURRENCY_OF,
    FAILURE_CODES,
    FEE_FIXED_CENTS,
    FEE_PER_MILLE,
    METHODS,
    ORDER_CHANNELS,
    ORDER_STATUSES,
    PAYMENT_METHODS,
)
from feeds.simulator.logistics import Logistics
from feeds.simulator.orders import COUPON_CODE, MARKETPLACE, Orders, order_id
from feeds.simulator.params import SimulationParams
from feeds.simulator.payments import CAPTURED, PAYMENT_STATUSES
from feeds.simulator.people import People
from feeds.simulator.promotions import Promotions
from feeds.simulator.refunds import REASONS, REFUND_KINDS
from feeds.simulator.shipment_feed import ShipmentFeed
from feeds.simulator.streams import Array

SAMPLE_SKU, SAMPLE_TITLE = "SAMPLE", "Gratisprobe"


class SalesFeeds:
    """Writes the books of a day as the shop's systems would export them."""

    def __init__(
        self,
        params: SimulationParams,
        catalogue: Catalogue,
        people: People,
        clock: Clock,
        orders: Orders,
        logistics: Logistics,
        promotions: Promotions,
        behaviour: BehaviourFeeds,
    ) -> None:
        self._params = params
        self._orders, self._logistics, self._behaviour = orders, logistics, behaviour
        self._promotion_ids = words([c.promotion_id for c in promotions.campaigns])
        self._titles = words(catalogue.title_de)
        self._shipments = ShipmentFeed(params, catalogue, clock, orders)
        self._ids = np.empty(0, object)
        self._visitors = np.empty(0, np.int64)
        self._names = words([people.full_name(i) for i in range(people.n)])
        self._postcodes = words(people.postcode)

    def remember(self, day: int, placed: Array, visitors: Array) -> pa.Array:
        """Give the orders placed on a day their identifiers and visitors; the identifiers."""
        label = f"{self._params.date_of(day):%Y%m%d}"
        made = [order_id(label, i + 1) for i in range(len(placed))]
        self._ids = np.concatenate([self._ids, np.array(made, object)])
        self._visitors = np.concatenate([self._visitors, visitors])
        return words(made)

    def ids(self, rows: Array) -> pa.Array:
        """Identifiers of orders."""
        return pa.array(self._ids[rows], pa.string())

    def of_day(self, day: int, placed: Array) -> dict[str, pa.Table]:
        """Every sales feed of a day but customers."""
        return {
            "orders": self._order_rows(self._logistics.changed_orders()),
            "order_lines": self._line_rows(placed),
            "order_status_events": self._status_rows(),
            "payments": self._payment_rows(self._logistics.paid_attempts),
            "refunds": self._refund_rows(
                np.concatenate([np.empty(0, np.int64), *self._logistics.refunds.today])
            ),
            "shipments": self._shipments.of_day(day, self._logistics.parcels, self.ids),
        }

    def _order_rows(self, rows: Array) -> pa.Table:
        book = {
            name: self._orders.book[name][rows]
            for name in (
                "person",
                "is_guest",
                "country",
                "location",
                "channel",
                "method",
                "pay_method",
                "has_coupon",
                "ordered_at",
                "updated_at",
                "status",
                "gross",
                "discount",
                "shipping",
                "tax",
                "total",
                "promised_dispatch_at",
                "promised_day",
            )
        }
        return feed_table(
            "orders",
            order_id=self.ids(rows),
            customer_id=pick(self._behaviour.customers, np.where(book["is_guest"], -1, book["person"])),
            visitor_id=pick(
                self._behaviour.visitors, np.where(book["channel"] == MARKETPLACE, -1, self._visitors[rows])
            ),
            ordered_at=instants(book["ordered_at"]),
            updated_at=instants(book["updated_at"]),
            order_status=pick(words(ORDER_STATUSES), book["status"]),
            channel=pick(words(ORDER_CHANNELS), book["channel"]),
            location_id=pick(words(self._params.locations), book["location"]),
            shipping_method=pick(words(METHODS), book["method"]),
            shipping_country=pick(words(COUNTRIES), book["country"]),
            shipping_postcode=pick(self._postcodes, book["person"]),
            recipient_name=pick(self._names, book["person"]),
            currency=pick(words(CURRENCIES), CURRENCY_OF[book["country"]]),
            gross_amount=decimals(book["gross"]),
            discount_amount=decimals(book["discount"]),
            shipping_amount=decimals(book["shipping"]),
            tax_amount=decimals(book["tax"]),
            total_amount=decimals(book["total"]),
            coupon_code=pick(words([COUPON_CODE]), np.where(book["has_coupon"], 0, -1)),
            payment_method=pick(words(PAYMENT_METHODS), book["pay_method"]),
            promised_dispatch_at=instants(book["promised_dispatch_at"]),
            promised_delivery_date=dates(self._params.start, book["promised_day"]),
        )

    def _line_rows(self, placed: Array) -> pa.Table:
        rows = self._orders.lines_of(placed, products_only=False)
        lines, order = self._orders.lines, self._orders.lines["order"][rows]
        sku = lines["sku"][rows]
        is_sample = pa.array(sku < 0)
        return feed_table(
            "order_lines",
            order_id=self.ids(order),
            line_number=whole(lines["number"][rows]),
            sku=pc.if_else(is_sample, SAMPLE_SKU, pick(self._behaviour.skus, sku)),
            line_kind=pc.if_else(is_sample, "sample", repeat("product", len(rows))),
            ordered_at=instants(self._orders.book["ordered_at"][order]),
            units=whole(lines["units"][rows]),
            unit_price_amount=decimals(lines["price"][rows]),
            discount_amount=decimals(lines["discount"][rows]),
            tax_amount=decimals(lines["tax"][rows]),
            currency=pick(words(CURRENCIES), CURRENCY_OF[self._orders.book["country"][order]]),
            promotion_id=pick(self._promotion_ids, lines["campaign"][rows]),
            title=pc.if_else(is_sample, SAMPLE_TITLE, pick(self._titles, sku)),
        )

    def _status_rows(self) -> pa.Table:
        happened = self._logistics.status_events
        order = np.concatenate([np.empty(0, np.int64), *(rows for rows, _, _ in happened)])
        status = np.concatenate([np.empty(0, np.int64), *(np.full(len(rows), s) for rows, s, _ in happened)])
        at = np.concatenate([np.empty(0, np.int64), *(at for _, _, at in happened)])
        in_time = np.lexsort((status, order, at))
        return feed_table(
            "order_status_events",
            order_id=self.ids(order[in_time]),
            order_status=pick(words(ORDER_STATUSES), status[in_time]),
            status_at=instants(at[in_time]),
        )

    def _payment_rows(self, rows: Array) -> pa.Table:
        attempts, book = self._orders.attempts, self._orders.book
        order, status = attempts["order"][rows], attempts["status"][rows]
        total, method = book["total"][order], book["pay_method"][order]
        fee = np.where(
            status == CAPTURED, (total * FEE_PER_MILLE[method] + 500) // 1_000 + FEE_FIXED_CENTS[method], 0
        )
        ids = [f"{o}-P{k}" for o, k in zip(self._ids[order], attempts["number"][rows], strict=True)]
        return feed_table(
            "payments",
            payment_id=words(ids),
            order_id=self.ids(order),
            payment_method=pick(words(PAYMENT_METHODS), method),
            payment_status=pick(words(PAYMENT_STATUSES), status),
            amount=decimals(total),
            fee_amount=decimals(fee),
            currency=pick(words(CURRENCIES), CURRENCY_OF[book["country"][order]]),
            failure_code=pick(words(FAILURE_CODES), attempts["code"][rows]),
            paid_at=instants(attempts["at"][rows]),
        )

    def _refund_rows(self, rows: Array) -> pa.Table:
        refunds, book, lines = self._logistics.refunds.book, self._orders.book, self._orders.lines
        rows = rows[np.lexsort((rows, refunds["at"][rows]))]
        order, line = refunds["order"][rows], refunds["line"][rows]
        has_line, held = line >= 0, np.maximum(line, 0)
        return feed_table(
            "refunds",
            refund_id=words([f"R{row + 1:07d}" for row in rows]),
            order_id=self.ids(order),
            line_number=whole(lines["number"][held], mask=~has_line),
            customer_id=pick(
                self._behaviour.customers, np.where(book["is_guest"][order], -1, book["person"][order])
            ),
            sku=pick(self._behaviour.skus, np.where(has_line, lines["sku"][held], -1)),
            refund_kind=pick(words(REFUND_KINDS), refunds["kind"][rows]),
            units=whole(refunds["units"][rows]),
            refund_amount=decimals(refunds["amount"][rows]),
            currency=pick(words(CURRENCIES), CURRENCY_OF[book["country"][order]]),
            refunded_at=instants(refunds["at"][rows]),
            reason=pick(words(REASONS), refunds["reason"][rows]),
        )
