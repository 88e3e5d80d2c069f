"""A customer's records taken out of what waits beside landing: pushed deliveries, snapshots of SQL tables.

Both hold records as their source wrote them, which no dialect has read yet. A record is theirs when it
holds one of their ids as a value; an id of few characters counts only under a name that ends in ``id``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feeds.connectors.spool import rewrite_spool
from feeds.connectors.spool_seal import seal_of
from feeds.connectors.webhook import WebhookOptions, spool_folder
from feeds.forgetting_originals import may_tell
from feeds.people import Person
from feeds.shop import Shop
from feeds.vault import Vault

_TELLING_LENGTH = 4


def forget_in_pulls(shop: Shop, folder: Path, vault: Vault, person: Person) -> int:
    """Remove the customer's records from spools and snapshots; gives how many. ``folder`` is the shop's.

    No feed of the shop may be ingested meanwhile; deliveries may be received.
    """
    ids = {*person.customers, *person.visitors, *person.orders}
    removed = 0
    for source in shop.sources:
        if not any(may_tell(source, feed) for feed in source.provides):
            continue
        if source.connector == "webhook":
            path = WebhookOptions.of(source).records
            gone: list[Any] = []

            def without(body: bytes, path: str = path, gone: list[Any] = gone) -> bytes | None:
                return _without(body, path, ids, gone)

            rewrite_spool(spool_folder(folder, source.name), seal_of(vault), without)
            removed += len(gone)
        for snapshot in sorted((folder / "pulls" / source.name).glob("*.jsonl")):
            removed += _cut_snapshot(snapshot, ids)
    return removed


def _without(body: bytes, path: str, ids: set[str], gone: list[Any]) -> bytes | None:
    """The payload without the customer's records, which go to ``gone``; ``None`` when nothing is left."""
    payload = json.loads(body)
    if not is_theirs(payload, ids):
        return body
    parts = [part for part in path.split(".") if part]
    holder: Any = payload
    for part in parts[:-1]:
        holder = holder.get(part) if isinstance(holder, Mapping) else None
    records = (holder.get(parts[-1]) if isinstance(holder, Mapping) else None) if parts else payload
    kept = [r for r in records if not is_theirs(r, ids)] if isinstance(records, list) else []
    gone += [None] * (len(records) - len(kept) if isinstance(records, list) else 1)
    if not kept:
        return None
    if parts:
        holder[parts[-1]] = kept
        # What stands around the records may name the customer, too.
        payload = payload if not is_theirs(payload, ids) else _nested(parts, kept)
    else:
        payload = kept
    return json.dumps(payload, ensure_ascii=False).encode()


def _nested(parts: list[str], value: Any) -> Any:
    for part in reversed(parts):
        value = {part: value}
    return value


def is_theirs(record: Any, ids: set[str], name: str = "") -> bool:
    """Whether one of the ids stands anywhere in a record.

    >>> is_theirs({"order": {"customer": {"id": 7}}, "units": 8}, {"7"}), is_theirs({"units": 7}, {"7"})
    (True, False)
    """
    if isinstance(record, Mapping):
        return any(is_theirs(value, ids, str(key)) for key, value in record.items())
    if isinstance(record, list):
        return any(is_theirs(value, ids, name) for value in record)
    if isinstance(record, bool) or not isinstance(record, str | int):
        return False
    value = str(record).strip()
    return value in ids and (len(value) >= _TELLING_LENGTH or name.casefold().endswith("id"))


def _cut_snapshot(snapshot: Path, ids: set[str]) -> int:
    """Write a snapshot again without the customer's rows, under the name that the cursor knows."""
    lines = snapshot.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not is_theirs(json.loads(line), ids)]
    if len(kept) < len(lines):
        aside = snapshot.with_name(f".tmp-{os.getpid()}")
        with aside.open("w", encoding="utf-8") as out:
            out.writelines(kept)
            out.flush()
            os.fsync(out.fileno())
        os.replace(aside, snapshot)
    return len(lines) - len(kept)
