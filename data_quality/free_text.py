"""Personal data inside free text: e-mail addresses, phone, identity and card numbers are found and masked.

Free text is a text column that its contract bounds by nothing: no allowed values, pattern or greatest length,
and no tag as personal (such columns are hashed whole). Names and postal addresses in free text are not found:
there is no rule that tells them from other words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import duckdb
import pyarrow as pa

from data_quality.acceptance_rules import quoted
from data_quality.contract import Contract

E_MAIL, PHONE, IDENTITY, CARD = "[e-mail]", "[phone]", "[id number]", "[card]"

# Full-width forms are what Chinese keyboards write; each is one character, so positions stay.
_NARROW = str.maketrans("０１２３４５６７８９＠＋－．（）　Ｘｘ", "0123456789@+-.() Xx")
# Seven digits make the shortest number that is masked.
_SUSPECT = r"[@＠]|(?:[0-9０-９][ ().\-/　－（）]{0,3}){7}"
_E_MAIL = re.compile(r"[\w.+'-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}(?![\w-])")
# No digit, Latin letter, point or hyphen may touch a number on either side: it would be part of a code.
_START, _END = r"(?<![A-Za-z0-9_.-])", r"(?![A-Za-z0-9_-])(?!\.\d)"
_IDENTITY = re.compile(_START + r"[1-9]\d{5}(?:19|20)\d{9}[\dXx]" + _END)
_CARD = re.compile(_START + r"(?:\d{4}[ -]?){3}\d{4}(?:[ -]?\d{1,3})?" + _END)
_CARD_OF_FIFTEEN = re.compile(_START + r"3[47]\d{2}[ -]?\d{6}[ -]?\d{5}" + _END)
_MOBILE_CN = re.compile(_START + r"(?:(?:\+|00)?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}" + _END)
# How a number begins that is dialled: a country's code, or a trunk zero.
_DIALLED = re.compile(_START + r"(?:\+|00|\(?0|\(\+)\(?\d")
# Issuers and lengths of ISO/IEC 7812: Visa, Mastercard, Discover and JCB have 16 digits, UnionPay up to 19.
_ISSUED = re.compile(r"(?:4|5[1-5]|2[2-7]|6011|64[4-9]|65|35(?:2[89]|[3-8]))\d+$")

Span = tuple[int, int, str]


def free_text_columns(contract: Contract) -> tuple[str, ...]:
    """Names of the contract's columns that may hold any text."""
    return tuple(
        c.name
        for c in contract.columns
        if c.type == "varchar" and not (c.allowed or c.pattern or c.max_length or c.personal)
    )


def mask_free_text(
    con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], countries: Sequence[str] = ()
) -> int:
    """Mask personal data in text columns of a table and give how many distinct texts were changed.

    Only texts that have an @ or seven digits close together are looked at one by one. ``countries`` (ISO
    3166) are those whose phone numbers are known without a country code.
    """
    changed = 0
    for column in map(quoted, columns):
        suspects = con.execute(
            # Texts repeat: each is looked at once.
            f"select text from (select distinct {column} as text from {table} where strlen({column}) >= 6) "
            "where length(text) >= 6 and regexp_matches(text, ?)",
            [_SUSPECT],
        ).fetchall()
        masked = [(text, told) for (text,) in suspects if (told := mask_text(text, tuple(countries))) != text]
        if not masked:
            continue
        found = pa.table({"v": [v for v, _ in masked], "m": [m for _, m in masked]})
        con.register("masked_texts", found)
        con.execute(f"update {table} set {column} = t.m from masked_texts t where {table}.{column} = t.v")
        con.unregister("masked_texts")
        changed += len(masked)
    return changed


@lru_cache(maxsize=4096)
def mask_text(text: str, countries: tuple[str, ...] = ()) -> str:
    """The text with what is personal in it replaced by its kind.

    >>> mask_text("mail to anna@example.org, 13800138000, order 4006381333931")
    'mail to [e-mail], [phone], order 4006381333931'
    >>> mask_text("call 030 901820", ("DE",)), mask_text("card 4111 1111 1111 1111")
    ('call [phone]', 'card [card]')
    """
    narrow, out, at = text.translate(_NARROW), "", 0
    for start, end, kind in sorted(_spans(narrow, countries)):
        if start >= at:
            out += text[at:start] + kind
        at = max(at, end)
    return out + text[at:]


def _spans(text: str, countries: tuple[str, ...]) -> Iterator[Span]:
    if "@" in text:
        yield from ((m.start(), m.end(), E_MAIL) for m in _E_MAIL.finditer(text))
    for match in _IDENTITY.finditer(text):
        if _is_identity(match.group().upper()):
            yield match.start(), match.end(), IDENTITY
    for pattern in (_CARD, _CARD_OF_FIFTEEN):
        for match in pattern.finditer(text):
            if _is_card(re.sub(r"[ -]", "", match.group())):
                yield match.start(), match.end(), CARD
    yield from ((m.start(), m.end(), PHONE) for m in _MOBILE_CN.finditer(text))
    if _DIALLED.search(text):
        yield from _phones(text, countries)


def _phones(text: str, countries: tuple[str, ...]) -> Iterator[Span]:
    # Imported where needed: most batches hold no such text, and the tables of numbers are large.
    from phonenumbers import Leniency, PhoneNumberMatcher

    for country in countries or (None,):
        for match in PhoneNumberMatcher(text, country, leniency=Leniency.VALID):
            if _DIALLED.match(text, match.start) and not _is_article(match.raw_string.strip("()")):
                yield match.start, match.end, PHONE


def _is_article(number: str) -> bool:
    """Whether a number is that of an article (EAN-13, GTIN-14) that begins with a zero as dialled ones do."""
    from stdnum import ean

    return number.isdecimal() and len(number) in (13, 14) and bool(ean.is_valid(number))


def _is_identity(number: str) -> bool:
    """Birthday and check digit (GB 11643, ISO 7064 MOD 11-2); place codes change too often to know."""
    from stdnum.cn import ric
    from stdnum.exceptions import ValidationError

    try:
        ric.get_birth_date(number)
    except (ValidationError, ValueError):
        return False
    return bool(ric.calc_check_digit(number) == number[-1])


def _is_card(number: str) -> bool:
    from stdnum import luhn

    if number.startswith(("34", "37")):
        known = len(number) == 15
    elif number.startswith("62"):
        known = 16 <= len(number) <= 19
    else:
        known = len(number) == 16 and _ISSUED.match(number) is not None
    return known and bool(luhn.is_valid(number))
