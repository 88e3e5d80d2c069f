"""Whom a request to be forgotten is about: the ids and pseudonyms the shop's tables know a customer by.

And the two files that remember it: ``forgotten.json`` (keyed hashes, for ever) and a sealed note of the ids
while a request is being carried out, so that one that was killed can be finished.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from data_quality.acceptance import pseudonym
from data_quality.contract import load_contract
from data_quality.forgotten import LINKS, Forgotten, suppression_hash
from feeds.lake import Lake
from feeds.vault import Vault, open_sealed_or_plain

LINKED_FEEDS = ("customers", "orders", "refunds", "events")


@dataclass(frozen=True)
class Person:
    """A customer's ids in the shop, and the pseudonyms of their personal data; never stored in the clear."""

    customers: tuple[str, ...]
    visitors: tuple[str, ...]
    orders: tuple[str, ...]
    pseudonyms: tuple[str, ...]


def find_person(lake: Lake, customer: str, key: bytes) -> Person:
    """Everything the lake knows a customer by, from the source's customer id or an e-mail address."""
    customers = {customer.strip()}
    if "@" in customer:
        customers = set(
            _values(lake, "customers", "customer_id", "email", {pseudonym(customer, "email", key)})
        )
    visitors, orders, pseudonyms = set[str](), set[str](), set[str]()
    for feed in LINKED_FEEDS:
        columns = load_contract(feed).columns
        if "visitor_id" in {c.name for c in columns}:
            visitors.update(_values(lake, feed, "visitor_id", "customer_id", customers))
        if feed == "orders":
            orders.update(_values(lake, feed, "order_id", "customer_id", customers))
        for column in columns:
            if column.personal:
                pseudonyms.update(_values(lake, feed, column.name, "customer_id", customers))
    return Person(*(tuple(sorted(values)) for values in (customers, visitors, orders, pseudonyms)))


def _values(lake: Lake, feed: str, column: str, where: str, equals: set[str]) -> list[str]:
    if not lake.exists("raw", feed) or not (files := lake.files("raw", feed)):
        return []
    with duckdb.connect() as con:
        rows = con.execute(
            f"select distinct {column} from read_parquet(?, union_by_name = true) "
            f"where list_contains(?, {where}) and {column} is not null",
            [files, sorted(equals)],
        )
        return [value for (value,) in rows.fetchall()]


def read_forgotten(folder: Path) -> Forgotten:
    """The customers a shop has forgotten; ``folder`` is the shop's."""
    file = folder / "forgotten.json"
    if not file.exists():
        return Forgotten()
    told = json.loads(file.read_text(encoding="utf-8"))
    return Forgotten(frozenset(told["customers"]), frozenset(told["visitors"]))


def remember_forgotten(folder: Path, person: Person, key: bytes) -> None:
    """Add a customer to the forgotten ones, so that what arrives of them later is left out."""
    known, ids = read_forgotten(folder), {"customer_id": person.customers, "visitor_id": person.visitors}
    listed = {
        f"{link.removesuffix('_id')}s": sorted(
            known.of(link) | {suppression_hash(value, link, key) for value in ids[link]}
        )
        for link in LINKS
    }
    write_durably(folder / "forgotten.json", json.dumps(listed, indent=1).encode())


def note_of(folder: Path, subject: str) -> Path:
    """Where the note of an unfinished request stands."""
    return folder / "forgetting" / f"{subject}.sealed"


def write_note(note: Path, person: Person, told: dict[str, object], vault: Vault) -> None:
    """Keep the ids and what is to be told, sealed, until the request is carried out."""
    note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = note.with_name(f".tmp-{os.getpid()}-{note.name}")
    sealing = Vault("encrypted", vault.keys, vault.naming)
    with aside.open("wb", buffering=0) as out, sealing.writer(out) as sink:
        sink.write(json.dumps({"person": asdict(person), "told": told}).encode())
    os.replace(aside, note)


def read_note(note: Path, vault: Vault) -> tuple[Person, dict[str, object]] | None:
    """The note of an unfinished request, if there is one."""
    if not note.exists():
        return None
    with open_sealed_or_plain(note, vault) as file:
        content = json.loads(file.read())
    return Person(**{name: tuple(ids) for name, ids in content["person"].items()}), content["told"]


def write_durably(file: Path, content: bytes) -> None:
    """Replace a file atomically; it is on disk when the call returns."""
    aside = file.with_name(f".tmp-{os.getpid()}-{file.name}")
    with aside.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.replace(aside, file)
