"""A thousand planted values come in and stand in no file of the data home, and in nothing that is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Found = Callable[[Path, list[str]], dict[str, list[str]]]


def test_a_thousand_canaries_stand_in_no_file_and_in_no_message(
    shop: Any, planted: Callable[[int], Any], found_under: Found
) -> None:
    people = [planted(n) for n in range(150)]
    canaries = [value for person in people for value in person.canaries]
    assert len(set(canaries)) >= 1000
    shop.send_people(people)
    # The search finds them where they are: in what the sources sent.
    sent = {value for values in found_under(shop.feeds, canaries).values() for value in values}
    assert sent == set(canaries)
    told = shop.ingest()
    # Good rows were stored, bad ones quarantined, and the originals are still there.
    assert [len(shop.rows(feed, "_line")) for feed in ("customers", "orders", "refunds", "events")] == [
        120
    ] * 4
    assert len(list((shop.folder / "quarantine").rglob("*.parquet"))) == 4
    assert len(list((shop.folder / "landing").glob("*/*.*l"))) >= 4
    assert [value for value in canaries if value in told] == []
    assert found_under(shop.folder, canaries) == {}


def test_free_text_is_kept_around_what_is_masked(shop: Any, planted: Callable[[int], Any]) -> None:
    shop.send_people([planted(1)])
    shop.ingest()
    masked = "Rückruf [phone] oder [phone], Mail [e-mail]. 身份证[id number], Karte [card]"
    assert shop.rows("refunds", "reason") == [(masked,)]
    assert shop.rows("customers", "segment") == [(masked,)]
    assert shop.rows("events", "search_query") == [("[e-mail] [phone]",)]


def test_a_file_without_a_header_is_refused_without_its_first_line(
    shop: Any, planted: Callable[[int], Any], found_under: Found
) -> None:
    person = planted(3)
    shop.send("customers", "2026-02-01.csv", f"{person.id},{person.name},{person.email},{person.phone}\n")
    try:
        told = shop.ingest("customers")
    except Exception as refused:  # whatever is raised ends in a log
        told = str(refused)
    assert told
    assert [value for value in person.canaries if value in told] == []
    assert found_under(shop.folder, list(person.canaries)) == {}
