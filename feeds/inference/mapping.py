"""Which feed an unknown file is, and which of its columns is which of the contract's, and how surely.

Evidence of headers and of values is weighed; what stays doubtful is left to the person who accepts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from data_quality.contract import Column, Contract, load_contract
from feeds.inference.sample import Sample
from feeds.inference.values import Evidence, evidence, is_ean

FEEDS = (
    "orders", "order_lines", "payments", "refunds", "shipments", "customers", "products",
    "stock_levels", "events",
)  # fmt: skip
# Required columns that a source need not tell: what they are made of instead (SQL over other mapped columns).
DERIVED = {
    "orders": {
        "updated_at": "ordered_at",
        "gross_amount": "total_amount",
        "currency": "",
        "order_status": "",
    },
    "order_lines": {"line_number": "", "line_kind": "", "currency": ""},
    "payments": {"payment_id": "order_id", "payment_status": "", "currency": ""},
    "refunds": {"refund_id": "order_id", "refund_kind": "", "currency": ""},
    "shipments": {"updated_at": "dispatched_at", "shipment_status": ""},
    "customers": {"updated_at": "registered_at"},
    "products": {"updated_at": ""},
    "stock_levels": {"location_id": "", "is_in_stock": "on_hand_units"},
    "events": {"event_id": "", "visitor_id": "customer_id"},
}
# A file without these is not of the feed, however many other columns fit.
ESSENTIAL = {
    "orders": ("order_id", "ordered_at", "total_amount"),
    "order_lines": ("order_id", "sku", "units"),
    "payments": ("order_id", "payment_method", "paid_at"),
    "refunds": ("refund_amount", "refunded_at"),
    "shipments": ("order_id", "shipment_id"),
    "customers": ("customer_id",),
    "products": ("sku", "title"),
    "stock_levels": ("sku", "stock_date", "on_hand_units"),
    "events": ("event_type", "occurred_at"),
}
MIN_CONFIDENCE = 0.5
_NUMBERS = frozenset(("integer", "decimal", "comma", "money"))


@dataclass(frozen=True)
class Match:
    """One column of the file: the contract column it is taken for (or none), how surely, and why."""

    source: str
    column: str | None
    confidence: float
    why: str
    seen: Evidence


@dataclass(frozen=True)
class Mapping:
    """The feed a file is taken for, its columns, and what the contract requires but no column tells."""

    feed: str
    confidence: float
    matches: tuple[Match, ...]
    missing: tuple[str, ...]
    runner_up: str | None

    @property
    def by_column(self) -> dict[str, Match]:
        """Matches by contract column."""
        return {match.column: match for match in self.matches if match.column}


def map_sample(sample: Sample) -> Mapping:
    """The likeliest feed of a sample, and its columns."""
    seen = [evidence(sample.column(i)) for i in range(len(sample.header))]
    candidates = sorted((_as_feed(feed, sample.header, seen) for feed in FEEDS), key=lambda m: -m.confidence)
    best, second = candidates[0], candidates[1]
    runner_up = second.feed if second.confidence > 0.8 * best.confidence else None
    return Mapping(best.feed, best.confidence, best.matches, best.missing, runner_up)


def _as_feed(feed: str, header: tuple[str, ...], seen: list[Evidence]) -> Mapping:
    contract = load_contract(feed)
    scored = sorted(
        (
            (score, i, column.name, why)
            for i, name in enumerate(header)
            for column in contract.columns
            for score, why in [_score(name, column, contract, seen[i])]
            if score >= MIN_CONFIDENCE
        ),
        key=lambda s: (-s[0], s[1], s[2]),
    )
    taken: dict[int, tuple[str, float, str]] = {}
    for score, i, column, why in scored:
        if i not in taken and column not in {c for c, _, _ in taken.values()}:
            taken[i] = (column, score, why)
    matches = tuple(_match(name, taken.get(i), seen[i]) for i, name in enumerate(header))
    found = {column for column, _, _ in taken.values()}
    missing = tuple(
        c.name
        for c in contract.columns
        if c.required and c.name not in found and not _derives(feed, c.name, found)
    )
    essential = [max((s for c, s, _ in taken.values() if c == e), default=0.0) for e in ESSENTIAL[feed]]
    explained = sum(score for _, score, _ in taken.values()) / max(len(header), 1)
    confidence = round(
        0.55 * sum(essential) / len(essential) + 0.35 * explained + 0.1 / (1 + len(missing)), 3
    )
    return Mapping(feed, confidence * (0.5 if min(essential) == 0 else 1.0), matches, missing, None)


def _match(name: str, found: tuple[str, float, str] | None, seen: Evidence) -> Match:
    column, score, why = found or (None, 0.0, "no contract column is like it")
    return Match(name, column, score, why, seen)


def _derives(feed: str, column: str, found: set[str]) -> bool:
    derived = DERIVED[feed]
    return column in derived and (not derived[column] or derived[column] in found)


def _score(name: str, column: Column, contract: Contract, seen: Evidence) -> tuple[float, str]:
    """How surely a header and its values are a contract column, 0 to 1."""
    by_name, told = _header_score(name, column.name)
    by_value, shown = _value_score(column, contract, seen)
    if by_value == 0.0:
        return 0.0, f"values are no {column.type}"
    if by_name == 0.0:
        # Values alone never decide between columns of one type; they may where a code speaks for itself.
        return (0.55, shown) if by_value >= 0.95 and column.name == "currency" else (0.0, "")
    return round(0.8 * by_name + 0.2 * by_value, 3), f"{told}; {shown}"


@lru_cache(maxsize=20_000)
def _header_score(name: str, column: str) -> tuple[float, str]:
    given = plain(name)
    known = [plain(text) for text in (column, *vocabulary()["headers"].get(column, ()))]
    if given in known:
        # The earlier in the list, the more usual the name is for this column rather than for another.
        place = known.index(given)
        return 1.0 - 0.004 * place, f"{name!r} is a name of {column}"
    like, score = max(((k, SequenceMatcher(None, given, k).ratio()) for k in known), key=lambda pair: pair[1])
    if score >= 0.84 and len(given) > 3:
        return 0.75 * score, f"{name!r} is like {like!r}"
    # Two Chinese characters are a word, three Latin letters are none.
    inside = [k for k in known if (len(k) > 3 or (len(k) > 1 and not k.isascii())) and k in given]
    return (0.6, f"{name!r} contains {max(inside, key=len)!r}") if inside else (0.0, "")


def _value_score(column: Column, contract: Contract, seen: Evidence) -> tuple[float, str]:
    shown = f"{seen.share:.0%} {seen.kind}"
    if seen.kind == "empty":
        return 0.5, "no values"
    if column.allowed:
        known = sum(meaning(column.name, value) is not None for value in seen.values)
        share = known / max(len(seen.values), 1)
        return (
            0.4 + 0.6 * share if seen.n_distinct <= 40 else 0.0
        ), f"{known} of {len(seen.values)} values known"
    if column.type in ("timestamptz", "date"):
        return (seen.share if seen.kind in ("time", "date") else 0.0), shown
    if column.type in ("bigint", "integer"):
        return (seen.share if seen.kind == "integer" else 0.3 if seen.kind == "decimal" else 0.0), shown
    if column.type.startswith("decimal") or column.type == "double":
        return (seen.share if seen.kind in _NUMBERS else 0.0), shown
    if column.type == "boolean":
        return (seen.share if seen.kind == "boolean" or set(seen.values) <= {"0", "1"} else 0.0), shown
    if column.name == "currency":
        return (seen.share if seen.kind == "currency" else 0.0), shown
    if column.pattern == "^[A-Z]{2}$":
        return (seen.share if seen.kind == "country" else 0.2), shown
    if column.name == "sku" and sum(map(is_ean, seen.values)) > 0.8 * len(seen.values):
        return 1.0, "EAN with check digits"
    if contract.key == (column.name,):
        return 0.4 + 0.6 * seen.unique_share, f"{seen.unique_share:.0%} of values differ"
    if column.name.endswith("_id") or column.name == "sku":
        return (0.0 if seen.kind in ("time", "decimal", "comma", "money") else 0.9), shown
    return (0.8 if seen.kind == "text" else 0.4), shown


def meaning(column: str, value: str) -> str | None:
    """What a told state means in the contract's words; ``None`` when it is not known."""
    words = vocabulary()["values"].get(column, {})
    given = plain(value)
    return next(
        (means for means, told in words.items() if given == plain(means) or given in map(plain, told)), None
    )


@lru_cache(maxsize=20_000)
def plain(text: str) -> str:
    """A name without case, accents of writing, spaces and punctuation.

    >>> plain(" Bestell-Nr. "), plain("Número de Pedido"), plain("买家（会员名）")
    ('bestellnr', 'numerodepedido', '买家会员名')
    """
    flat = unicodedata.normalize("NFKD", text.replace("ß", "ss")).casefold()
    return re.sub(r"[\W_]", "", "".join(c for c in flat if not unicodedata.combining(c)))


@cache
def vocabulary() -> dict[str, Any]:
    """The names and states that are known, from ``vocabulary.yaml``."""
    told: dict[str, Any] = yaml.safe_load(
        (Path(__file__).parent / "vocabulary.yaml").read_text(encoding="utf-8")
    )
    return told
