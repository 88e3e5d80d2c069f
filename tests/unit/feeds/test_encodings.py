"""One small feed in many encodings ends as the same rows, to the byte; what is doubtful is refused."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from feeds.encodings import Encoding, detect, to_utf8
from feeds.report import FeedError, LandingError

HEADER = "event_id,visitor_id,event_type,occurred_at,search_query"
QUERIES = {
    "zh": ["红色连衣裙女夏季新款", "运动鞋男透气轻便跑步鞋", "手机壳苹果防摔", "儿童书包小学生"],
    "tw": ["紅色連衣裙女夏季新款", "運動鞋男透氣輕便", "手機殼防摔", "兒童書包"],
    "de": ["Grüße aus München", "schöne Schuhe für Mädchen", "Straßenschuhe größer", "Tür öffnen"],
    "es": ["camiseta de niño", "pantalón marrón", "año nuevo señor", "jamón ibérico número uno"],
}
BY_FACT = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
BY_EVIDENCE = [
    ("zh", "gbk"), ("zh", "gb18030"), ("tw", "big5"), ("de", "latin-1"), ("de", "cp1252"), ("es", "latin-1"),
]  # fmt: skip


def text(language: str) -> str:
    lines = [f"e{n},v,search,2026-02-01T10:00:00Z,{q}" for n, q in enumerate(QUERIES[language])]
    return "\n".join([HEADER, *lines]) + "\n"


def rows_of(world: Any, content: bytes, options: str = "") -> str:
    world.options = options
    world.send("events", "2026-02-01.csv", content)
    world.ingest("events")
    columns = ("event_id", "visitor_id", "event_type", "occurred_at", "search_query", "_line")
    return hashlib.sha256(repr(world.rows("events", *columns)).encode()).hexdigest()


@pytest.mark.parametrize(
    ("language", "encoding"),
    [*((language, encoding) for language in ("zh", "de") for encoding in BY_FACT[1:]), *BY_EVIDENCE],
)
def test_a_feed_in_any_encoding_gives_the_rows_it_gives_in_utf8(
    make_world: Callable[[], Any], language: str, encoding: str
) -> None:
    found = rows_of(make_world(), text(language).encode(encoding))
    assert found == rows_of(make_world(), text(language).encode())


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "utf-16", "cp1252", "latin-1"])
def test_a_declared_encoding_gives_the_same_rows_however_short_the_text(
    make_world: Callable[[], Any], encoding: str
) -> None:
    short = (
        f"{HEADER}\ne1,v,search,2026-02-01T10:00:00Z,{'é' if encoding in ('cp1252', 'latin-1') else '杯'}\n"
    )
    found = rows_of(make_world(), short.encode(encoding), f", encoding: {encoding}")
    assert found == rows_of(make_world(), short.encode())


@pytest.mark.parametrize(
    ("told", "encoding"),
    [("Zażółć gęślą jaźń krzesło żółte", "cp1250"), ("Příliš žluťoučký kůň úpěl", "cp1250"),
     ("Красное платье летнее", "cp1251"), ("赤いドレス ランニング", "shift_jis"), ("杯", "gb18030"),
     ("é", "latin-1")],
)  # fmt: skip
def test_what_could_be_several_encodings_is_refused_with_the_remedy(told: str, encoding: str) -> None:
    content = f"id,name\n1,{told}\n".encode(encoding)
    with pytest.raises(
        LandingError, match=r"f: byte \d+ is not valid UTF-8, .*Declare the source's `encoding`"
    ):
        detect(lambda: io.BytesIO(content), "f")


def test_a_file_that_mixes_encodings_is_refused_at_the_first_odd_byte() -> None:
    mixed = ("红色杯子\n" * 5).encode() + "红色杯子\n".encode("gb18030")
    with pytest.raises(LandingError, match=r"byte 65 is not valid UTF-8.*mixes encodings"):
        detect(lambda: io.BytesIO(mixed), "f")


@pytest.mark.parametrize(
    ("encoding", "bad"), [("gb18030", b"\xff"), ("big5", b"\xff"), ("utf-16-le", b"\x00\xd8")]
)
def test_an_undecodable_byte_is_an_error_with_its_place_and_never_replaced(encoding: str, bad: bytes) -> None:
    good = "红色\n杯\n" if encoding != "big5" else "紅色\n杯\n"
    content = good.encode(encoding) + bad + "\n".encode(encoding)
    place = len(good.encode(encoding))
    with pytest.raises(LandingError, match=f"byte {place} is not valid {encoding}.*line 3"):
        b"".join(to_utf8(io.BytesIO(content), Encoding(encoding, declared=True), "f"))


def test_the_encoding_that_was_found_is_kept_with_its_confidence(world: Any) -> None:
    world.send("events", "2026-02-01.csv", text("zh").encode("gbk"))
    world.ingest("events")
    (line,) = (world.folder / "landing" / "events" / ".encodings.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert (told["name"], told["encoding"]) == ("2026-02-01.csv", "gb18030")
    assert 0.8 <= told["confidence"] < 1


def test_a_wrong_declaration_is_refused_rather_than_guessed_around(world: Any) -> None:
    with pytest.raises(FeedError, match="Correct the source's `encoding`"):
        rows_of(world, text("de").encode("latin-1"), ", encoding: utf-8")
