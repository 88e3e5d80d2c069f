"""Personal data in free text is found; numbers and codes of a shop's own are left alone."""

from __future__ import annotations

import random
from collections.abc import Iterator

import duckdb
import pytest
from stdnum import ean, luhn
from stdnum.cn import ric

from data_quality.contract import all_contracts
from data_quality.free_text import CARD, E_MAIL, IDENTITY, PHONE, free_text_columns, mask_free_text, mask_text

SENTENCES = (
    "{}",
    "please use {}",
    "{} is mine",
    "Bitte an {}, danke.",
    "联系{}谢谢",
    "({})",
    "no. {}; thanks",
    "x: {}!",
)


def cards(rng: random.Random) -> Iterator[str]:
    for prefix, length in (
        ("4", 16),
        ("53", 16),
        ("2720", 16),
        ("6011", 16),
        ("3530", 16),
        ("37", 15),
        ("62", 19),
    ):
        number = prefix + "".join(rng.choices("0123456789", k=length - 1 - len(prefix)))
        yield number + luhn.calc_check_digit(number)


def identities(rng: random.Random) -> Iterator[str]:
    for county in ("110105", "310104", "440305", "510107"):
        born = f"19{rng.randint(50, 99)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
        number = f"{county}{born}{rng.randint(1, 999):03d}"
        yield number + ric.calc_check_digit(number + "0")


def personal(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Values and their kinds, in the ways that people write them."""
    for n in range(40):
        name = "".join(rng.choices("abcdefghij", k=6))
        for address in (
            f"{name}@mail.example",
            f"{name}.{n}+shop@sub.mail-host.co.uk",
            f"{name}＠mail.example",
        ):
            yield address, E_MAIL
        digits = f"{rng.randint(0, 99_999_999):08d}"
        mobile = f"1{rng.choice('3589')}{rng.randint(0, 9)}{digits}"
        for number in (
            mobile,
            f"+86 {mobile[:3]} {mobile[3:7]} {mobile[7:]}",
            f"{mobile[:3]}-{mobile[3:7]}-{mobile[7:]}",
        ):
            yield number, PHONE
        yield mobile.translate(str.maketrans("0123456789", "０１２３４５６７８９")), PHONE
        for number in (
            f"+49 30 9{digits[:6]}",
            f"0170 {digits[:7]}",
            f"+44 20 7946 0{digits[:3]}",
            f"(030) 9{digits[:6]}",
        ):
            yield number, PHONE
        for card in cards(rng):
            yield card, CARD
            if len(card) == 16:
                yield " ".join(card[at : at + 4] for at in range(0, 16, 4)), CARD
        for identity in identities(rng):
            yield identity, IDENTITY


def own_codes(rng: random.Random) -> Iterator[str]:
    """What a shop writes itself: ids, SKUs, EANs, sizes, prices, days, tracking numbers."""
    for n in range(400):
        yield f"ORD-2026-{n:08d}"
        yield f"SKU-{rng.randint(10**9, 10**10)}"
        twelve = "".join(rng.choices("0123456789", k=12))
        yield twelve + ean.calc_check_digit(twelve)
        yield f"{rng.randint(1, 9999)} x {rng.randint(1, 99)}.{rng.randint(0, 99):02d} EUR"
        yield f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d} {rng.randint(0, 23):02d}:30:00"
        yield f"size {rng.randint(30, 50)}, {rng.randint(100, 999)}g, pack of {rng.randint(2, 24)}"
        yield f"DHL JJD{rng.randint(10**17, 10**18)}"
        yield f"order {rng.randint(10**7, 10**8)}"
        yield f"{rng.randint(10**12, 10**13)}A"
        yield f"v{rng.randint(1, 9)}.{rng.randint(10, 99)}.{rng.randint(1000, 9999)}"


def test_recall_on_planted_values_is_complete_but_for_numbers_that_no_one_has() -> None:
    rng = random.Random(7)
    corpus = [(rng.choice(SENTENCES).format(value), value, kind) for value, kind in personal(rng)]
    missed = [(text, kind) for text, value, kind in corpus if kind not in mask_text(text, ("DE", "GB"))]
    assert len(corpus) > 1000
    # A few of the random numbers lie in no operator's range, which is why nobody can be called on them.
    assert len(missed) / len(corpus) < 0.02, missed[:10]
    assert {kind for _, kind in missed} <= {PHONE}


def test_nothing_of_the_value_remains_beside_the_mask() -> None:
    rng = random.Random(8)
    for value, kind in personal(rng):
        told = mask_text(f"a {value} b", ("DE", "GB"))
        if kind in told:
            assert told == f"a {kind} b"


def test_precision_on_a_shops_own_codes() -> None:
    rng = random.Random(9)
    corpus = [rng.choice(SENTENCES).format(code) for code in own_codes(rng)]
    wrong = [text for text in corpus if mask_text(text, ("DE", "GB")) != text]
    assert len(corpus) == 4000
    assert len(wrong) / len(corpus) < 0.001, wrong[:10]


@pytest.mark.parametrize(
    "text",
    ["4111111111111112", "110105194912310021", "12345678901", "anna(at)example.org", "@brand", "9:30-17:00"],
)
def test_what_fails_its_check_digit_or_form_is_no_personal_data(text: str) -> None:
    assert mask_text(text) == text


def test_only_suspect_texts_are_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(
        "data_quality.free_text.mask_text",
        lambda text, countries: looked.append(text) or mask_text(text, countries),
    )
    with duckdb.connect() as con:
        con.execute("create table t as select 'red shoes ' || (i % 50) as q from range(10000) t(i)")
        con.execute("insert into t values ('mail a@b.example'), ('mail a@b.example'), (null)")
        assert mask_free_text(con, "t", ["q"]) == 1
        assert con.execute("select count(*) from t where q = 'mail [e-mail]'").fetchall() == [(2,)]
    assert looked == ["mail a@b.example"]


def test_no_key_and_no_code_list_is_taken_for_free_text() -> None:
    for contract in all_contracts("feeds"):
        free = set(free_text_columns(contract))
        assert not free & {*contract.key, "sku", "order_id", "currency"}
        assert not any(contract.column(name).allowed or contract.column(name).personal for name in free)
    assert "search_query" in free_text_columns(next(c for c in all_contracts("feeds") if c.name == "events"))
