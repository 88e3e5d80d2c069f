"""A forgotten customer stands in no file of the shop, all others do, and a replay brings nobody back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_quality.acceptance import pseudonym
from feeds.landing import open_landed, read_manifest
from orchestration.forget import NobodyFound, forget_customer
from orchestration.keys import landing_vault

Found = Callable[[Path, list[str]], dict[str, list[str]]]


@pytest.fixture
def people(shop: Any, planted: Callable[[int], Any]) -> list[Any]:
    """Forty customers, ingested; every fifth has bad rows only."""
    made = [planted(n) for n in range(1, 41)]
    shop.send_people(made)
    shop.ingest()
    return made


def traces(shop: Any, person: Any) -> list[str]:
    """All strings that could lead to a customer: ids, personal values and their pseudonyms."""
    key = shop.workspace.settings.personal_data_key()
    kinds = {"name": person.name, "email": person.email, "phone": person.phone, "address": person.postcode}
    hashes = [pseudonym(value, kind, key) for kind, value in kinds.items()]
    return [person.id, person.visitor, *hashes, *person.canaries]


def originals(shop: Any) -> str:
    """The text of all originals, opened with the key."""
    workspace = shop.workspace
    vault, told = landing_vault(workspace.settings), []
    for landing in sorted((shop.folder / "landing").iterdir()):
        for file in read_manifest(landing):
            with open_landed(shop.folder, file, vault).open() as stream:
                told.append(stream.read().decode())
    return "\n".join(told)


def test_nothing_of_a_forgotten_customer_is_left_and_nothing_of_another_is_lost(
    shop: Any, people: list[Any], found_under: Found
) -> None:
    gone, other = people[2], people[3]
    before = {feed: len(shop.rows(feed, "_line")) for feed in ("customers", "orders", "refunds", "events")}
    assert len(found_under(shop.folder, traces(shop, gone)[:5])) >= 4
    receipt = forget_customer(shop.workspace, gone.id, "the data protection officer")
    assert found_under(shop.folder, traces(shop, gone)) == {}
    assert gone.id not in originals(shop)
    assert gone.email not in originals(shop)
    assert all(person.id in originals(shop) for person in people if person is not gone)
    after = {feed: len(shop.rows(feed, "_line")) for feed in before}
    # What the shop sold stays; who bought it does not.
    assert after == {
        "customers": before["customers"] - 1,
        "orders": before["orders"],
        "refunds": before["refunds"],
        "events": before["events"] - 1,
    }
    assert ("order-3", None, None, None) in shop.rows(
        "orders", "order_id", "customer_id", "recipient_name", "shipping_postcode"
    )
    assert (other.id,) in shop.rows("customers", "customer_id")
    told = json.loads(receipt.read_text())
    assert told["requested_by"] == "the data protection officer"
    assert told["done"]["lake/raw/customers"] == {"before": 1, "after": 0}
    assert told["done"]["lake/raw/orders"] == {"before": 1, "after": 0}
    assert told["done"]["landing"] == {"lines": 4, "rewritten": 4, "deleted": 0}


def test_a_customer_is_found_by_e_mail_address_too(shop: Any, people: list[Any], found_under: Found) -> None:
    forget_customer(shop.workspace, f" {people[6].email.upper()} ", "me")
    assert found_under(shop.folder, traces(shop, people[6])) == {}


def test_a_customer_of_bad_rows_only_leaves_landing_and_quarantine(
    shop: Any, people: list[Any], found_under: Found
) -> None:
    bad = next(person for person in people if person.number % 5 == 0)
    receipt = json.loads(forget_customer(shop.workspace, bad.id, "me").read_text())
    assert receipt["done"]["quarantine"]["before"] >= 3
    assert bad.id not in originals(shop)
    assert found_under(shop.folder, traces(shop, bad)) == {}


def test_a_replayed_file_brings_nobody_back(shop: Any, people: list[Any], found_under: Found) -> None:
    gone = people[2]
    forget_customer(shop.workspace, gone.id, "me")
    # The same content again, and the same people in new files.
    for file in shop.feeds.rglob("*.*"):
        os.utime(file, (1, 1))
    shop.ingest()
    assert found_under(shop.folder, traces(shop, gone)) == {}
    assert gone.id not in originals(shop)
    shop.send_people(people, day="2026-02-03")
    told = shop.ingest()
    assert "'forgotten': 1" in told
    tables = [p for p in found_under(shop.folder, traces(shop, gone)) if not p.startswith("landing")]
    assert tables == []
    assert (people[3].id,) in shop.rows("customers", "customer_id")


@pytest.mark.parametrize("step", ["cut_originals", "forget_in_lake", "redact_published", "forget_in_logs"])
def test_a_request_that_was_killed_is_finished_when_it_is_given_again(
    shop: Any, people: list[Any], found_under: Found, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    gone = people[2]

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(f"orchestration.forget.{step}", killed)
        with pytest.raises(KeyboardInterrupt):
            forget_customer(shop.workspace, gone.id, "me")
    receipt = json.loads(forget_customer(shop.workspace, gone.id, "me").read_text())
    assert receipt["resumed"] is True
    assert found_under(shop.folder, traces(shop, gone)) == {}
    assert not list((shop.folder / "forgetting").iterdir())


def test_nobody_is_forgotten_by_mistake(shop: Any, people: list[Any]) -> None:
    with pytest.raises(NobodyFound, match="as its feeds write it"):
        forget_customer(shop.workspace, "nobody@mail.example", "me")
    assert len(shop.rows("customers", "customer_id")) == 32
