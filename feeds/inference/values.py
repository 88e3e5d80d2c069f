"""What the values of a column say: numbers, times and their format, codes, and whether they look personal.

One value at a time and then the whole column; headers are not looked at here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from data_quality.free_text import mask_text

_CURRENCY_CODES = (
    "AED ARS AUD BRL CAD CHF CLP CNY COP CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW MXN MYR NOK NZD PEN PHP "
    "PLN RON RUB SAR SEK SGD THB TRY TWD UAH USD VND ZAR"
)
CURRENCIES = frozenset(_CURRENCY_CODES.split())
_FORMATS = (
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y", "%Y%m%d", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日",
)  # fmt: skip
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?")
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_DECIMAL = re.compile(r"[+-]?\d+\.\d+|[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_COMMA = re.compile(r"[+-]?\d+,\d{1,4}|[+-]?\d{1,3}(\.\d{3})+(,\d+)?")
_MONEY = re.compile(r"([€$£¥￥]|R[$]|元|[A-Z]{3})?\s*([+-]?[\d.,]+)\s*([€$£¥￥]|元|[A-Z]{3})?")
_BOOLEAN = frozenset(("true", "false", "yes", "no", "ja", "nein", "sí", "si", "是", "否", "y", "n"))


@dataclass(frozen=True)
class Evidence:
    """What a column holds: the commonest kind and its share, the format of its times, how its values vary."""

    kind: str
    share: float
    format: str | None
    unique_share: float
    n_distinct: int
    values: tuple[str, ...]
    is_personal: bool


def kind_of(value: str) -> str:
    """The kind of one value: integer, decimal, comma, money, time, date, boolean, currency, country or text.

    >>> [kind_of(value) for value in ("12", "12.50", "1.234,50", "€ 9,99")]
    ['integer', 'decimal', 'comma', 'money']
    >>> [kind_of(value) for value in ("2026-02-03", "31.12.2025 14:05", "EUR", "DE")]
    ['date', 'time', 'currency', 'country']
    """
    if _INTEGER.fullmatch(value):
        return "integer" if not (len(value) == 8 and _of_format(value, "%Y%m%d")) else "date"
    if _DECIMAL.fullmatch(value):
        return "decimal"
    if _COMMA.fullmatch(value):
        return "comma"
    if _ISO.fullmatch(value) or any(_of_format(value, form) for form in _FORMATS):
        return "time" if ":" in value else "date"
    if value in CURRENCIES:
        return "currency"
    money = _MONEY.fullmatch(value)
    signs = {sign for sign in money.group(1, 3) if sign} if money else set()
    if signs and all(len(sign) < 3 or sign in CURRENCIES for sign in signs):
        return "money"
    if value.casefold() in _BOOLEAN:
        return "boolean"
    return "country" if re.fullmatch(r"[A-Z]{2}", value) else "text"


def evidence(values: Sequence[str]) -> Evidence:
    """What the values of a column say, of at most 1,000 of them."""
    if not values:
        return Evidence("empty", 1.0, None, 0.0, 0, (), False)
    kinds = Counter(map(kind_of, values))
    for wider, narrower in (
        ("decimal", "integer"),
        ("comma", "integer"),
        ("time", "date"),
        ("money", "comma"),
    ):
        # A column of prices has whole ones too, and midnight may be written as a day.
        if kinds[wider] and kinds[narrower]:
            kinds[wider] += kinds.pop(narrower)
    kind, n = kinds.most_common(1)[0]
    counted = Counter(values)
    form = _format_of(values) if kind in ("time", "date") else None
    personal = sum(mask_text(value, ("CN", "DE", "ES")) != value for value in values if not _is_time(value))
    return Evidence(
        kind=kind,
        share=round(n / len(values), 3),
        format=form,
        unique_share=round(len(counted) / len(values), 3),
        n_distinct=len(counted),
        values=tuple(value for value, _ in counted.most_common(40)),
        is_personal=personal > 0.2 * len(values),
    )


def is_ean(value: str) -> bool:
    """Whether a number of 8, 12, 13 or 14 digits ends in its check digit (GS1).

    >>> is_ean("4006381333931"), is_ean("4006381333932")
    (True, False)
    """
    if not value.isascii() or not value.isdigit() or len(value) not in (8, 12, 13, 14):
        return False
    digits = [int(digit) for digit in reversed(value)]
    return (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0


def _is_time(value: str) -> bool:
    return kind_of(value) in ("time", "date")


def _of_format(value: str, form: str) -> bool:
    try:
        moment = datetime.strptime(value, form)
    except ValueError:
        return False
    return 1990 <= moment.year <= 2100


def _format_of(values: Sequence[str]) -> str | None:
    """``iso``, or the format that all values have; day first where days alone decide it."""
    if all(_ISO.fullmatch(value) for value in values):
        return "iso"
    fits = [form for form in _FORMATS if all(_of_format(value, form) for value in values)]
    return fits[0] if fits else None
