"""Pseudonyms: what stands in the tables where personal data stood, the same for the same value and key."""

from __future__ import annotations

import hashlib
import hmac

import duckdb
import pyarrow as pa

from data_quality.acceptance_rules import quoted
from data_quality.contract import Contract


def pseudonym(value: str, kind: str, key: bytes) -> str:
    """The keyed hash that stands for a personal value: HMAC-SHA-256, hex, one domain a kind of data."""
    text = value.strip().casefold() if kind == "email" else value.strip()
    return hmac.new(key, f"shopwright:{kind}:".encode() + text.encode(), hashlib.sha256).hexdigest()


def hash_personal(con: duckdb.DuckDBPyConnection, contract: Contract, key: bytes) -> None:
    """Replace the personal values in table ``judged`` by their pseudonyms."""
    for column in contract.columns:
        if column.personal is None:
            continue
        name = quoted(column.name)
        values = [
            v
            for (v,) in con.execute(f"select distinct {name} from judged where {name} is not null").fetchall()
        ]
        if not values:
            continue
        hashed = pa.table({"v": values, "h": [pseudonym(v, column.personal, key) for v in values]})
        con.register("pseudonyms", hashed)
        con.execute(f"update judged set {name} = p.h from pseudonyms p where judged.{name} = p.v")
        con.unregister("pseudonyms")
