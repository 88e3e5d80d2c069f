"""Customers who asked to be forgotten: kept as keyed hashes, and left out wherever their rows arrive again.

A row that cannot be without the customer (a required customer or visitor id) is left out as ``forgotten``;
any other (an order, a refund) stays without the link, so that what the shop sold does not change.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from data_quality.acceptance_rules import quoted
from data_quality.contract import Contract

FILTER = "forgotten"
LINKS = ("customer_id", "visitor_id")


@dataclass(frozen=True)
class Forgotten:
    """Hashes of the ids of forgotten customers, and of the visitors they were."""

    customers: frozenset[str] = frozenset()
    visitors: frozenset[str] = frozenset()

    def of(self, link: str) -> frozenset[str]:
        """The hashes for a link column."""
        return self.customers if link == "customer_id" else self.visitors


NOBODY = Forgotten()


def suppression_hash(value: str, link: str, key: bytes) -> str:
    """What stands for a forgotten id; no pseudonym in any table equals it."""
    return hmac.new(key, f"shopwright:forgotten:{link}:{value.strip()}".encode(), hashlib.sha256).hexdigest()


def links_of(contract: Contract) -> tuple[str, ...]:
    """The columns that say whose a row is."""
    return tuple(name for name in LINKS if name in contract.column_names)


def keeps_rows(contract: Contract) -> bool:
    """Whether rows of a forgotten customer stay, without the link."""
    return not any(contract.column(name).required for name in links_of(contract))


def owned(links: tuple[str, ...], customers: str, visitors: str) -> str:
    """SQL: a row is the customer's by its customer id; by its visitor only if it names no customer."""
    ours = {"customer_id": f"customer_id in ({customers})", "visitor_id": f"visitor_id in ({visitors})"}
    if links == LINKS:
        return f"({ours['customer_id']} or (customer_id is null and {ours['visitor_id']}))"
    return ours[links[0]]


def leave_out_forgotten(
    con: duckdb.DuckDBPyConnection, contract: Contract, forgotten: Forgotten, key: bytes
) -> None:
    """Mark or unlink the rows of forgotten customers in table ``judged``."""
    links = links_of(contract)
    if not any(forgotten.of(link) for link in links):
        return
    found = {link: _found(con, link, forgotten, key) for link in links}
    if not any(found.values()):
        return
    con.register("gone", pa.table({"link": [k for k, v in found.items() for _ in v],
                                   "id": [i for v in found.values() for i in v]}))  # fmt: skip
    ids = "select id from gone where link = '{}'"
    mine = owned(links, ids.format("customer_id"), ids.format("visitor_id"))
    if keeps_rows(contract):
        emptied = [*links, *(c.name for c in contract.columns if c.personal)]
        con.execute(f"update judged set {', '.join(f'{quoted(c)} = null' for c in emptied)} where {mine}")
    else:
        con.execute(f"update judged set _filtered = '{FILTER}', _rule = null, _given = null where {mine}")
    con.unregister("gone")


def _found(con: duckdb.DuckDBPyConnection, link: str, forgotten: Forgotten, key: bytes) -> list[str]:
    hashes = forgotten.of(link)
    if not hashes:
        return []
    ids = con.execute(f"select distinct {link} from judged where {link} is not null").fetchall()
    return [value for (value,) in ids if suppression_hash(value, link, key) in hashes]
