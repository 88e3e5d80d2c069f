"""Where the shop sells: countries, currencies, taxes, tariffs, promises and the true transit times."""

from __future__ import annotations

import numpy as np

COUNTRIES = ("DE", "FR", "GB", "US")
COUNTRY_SHARE = np.array([0.45, 0.20, 0.25, 0.10])
LANGUAGES = ("de", "fr", "en", "en")
DIALLING_CODES = ("+49", "+33", "+44", "+1")
CURRENCIES = ("EUR", "GBP", "USD")
CURRENCY_OF = np.array([0, 0, 1, 2])
PRICE_LIST_FACTOR = (1.0, 0.87, 1.10)  # the shop's own price lists, not the day's exchange rate
TAX_PERCENT = np.array([19, 20, 20, 0])  # contained in prices
LOCATION_OF = np.array([0, 0, 1, 1])
LOCATION_SHARE = np.array([0.65, 0.35])

METHODS = ("express", "standard", "economy")
METHOD_SHARE = np.array([0.15, 0.60, 0.25])
SHIPPING_CENTS = np.array([[990, 1290, 890, 2490], [490, 690, 390, 1290], [290, 390, 290, 790]])
FREE_STANDARD_FROM_CENTS = 6_000
PROMISE_DAYS = np.array([[3, 4, 3, 6], [6, 7, 6, 11], [9, 11, 9, 17]])
DISPATCH_PROMISE_DAYS = np.array([1, 2, 3])
# Truth: transit in days is ceil(gamma(shape, mean / shape)), a delivery on a Sunday moves to Monday.
TRANSIT_MEAN_DAYS = np.array([[0.8, 1.5, 0.8, 3.0], [1.9, 3.0, 1.9, 6.0], [3.4, 5.0, 3.4, 10.0]])
TRANSIT_SHAPE = np.array([6.0, 5.0, 4.0])
LOST_RATIO = 0.004

CARRIERS = ("dhl", "hermes", "colissimo", "chronopost", "royal_mail", "evri", "ups", "usps")

PAYMENT_METHODS = ("card", "paypal", "alipay", "wechat_pay", "bank_transfer")
PAYMENT_SHARE = np.array(
    [
        [0.36, 0.44, 0.01, 0.01, 0.18],
        [0.72, 0.24, 0.01, 0.01, 0.02],
        [0.70, 0.27, 0.01, 0.01, 0.01],
        [0.74, 0.24, 0.01, 0.01, 0.00],
    ]
)
PAYMENT_SHARE_CHINESE = np.array([0.18, 0.04, 0.48, 0.30, 0.00])
PAYMENT_FAILURE_RATIO = np.array([0.060, 0.025, 0.030, 0.035, 0.0])
FAILURE_CODES = ("insufficient_funds", "do_not_honour", "issuer_timeout", "authentication_failed")
FEE_PER_MILLE = np.array([14, 25, 18, 18, 2])
FEE_FIXED_CENTS = np.array([25, 35, 20, 20, 10])

ORDER_CHANNELS = ("web", "app", "marketplace")
ORDER_CHANNEL_SHARE = np.array(
    [0.36, 0.16, 0.48]
)  # marketplace orders leave no trace in the shop's own events
EVENT_CHANNELS = ("organic", "paid_search", "email", "social", "direct", "affiliate")
EVENT_CHANNEL_SHARE = np.array([0.33, 0.22, 0.12, 0.10, 0.18, 0.05])
DEVICES = ("desktop", "mobile", "tablet", "app", "other")
DESKTOP, MOBILE, TABLET, APP, OTHER = range(5)

ORDER_STATUSES = ("placed", "paid", "packed", "shipped", "delivered", "cancelled", "returned")
PLACED, PAID, PACKED, SHIPPED, DELIVERED, CANCELLED, RETURNED = range(7)
SHIPMENT_STATUSES = ("packed", "in_transit", "delivered", "lost", "returned")
IN_TRANSIT, ARRIVED, LOST = 1, 2, 3
