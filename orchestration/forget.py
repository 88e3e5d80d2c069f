"""A customer's request to be forgotten, carried out over everything the shop stores, with a receipt.

Every step may be done twice, so that a request which was killed is finished by giving it again. What each
store does is its own package's concern.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_quality.forgotten import suppression_hash
from feeds.forgetting_originals import cut_originals
from feeds.forgetting_pulls import forget_in_pulls
from feeds.forgetting_tables import forget_in_lake, forget_in_quarantine
from feeds.locks import exclusive
from feeds.people import (
    Person,
    find_person,
    note_of,
    read_note,
    remember_forgotten,
    write_durably,
    write_note,
)
from feeds.report import FeedError
from feeds.scratch import private_scratch
from orchestration.forget_logs import forget_in_logs
from orchestration.keys import landing_vault
from orchestration.targets import deliver_live
from orchestration.warehouse_lock import writing
from orchestration.workspace import Workspace
from serving.redact import redact_published

REBUILT = ("warehouse.duckdb*", "features/*.parquet")
"""Files of the warehouse's folder that the next run makes anew, one set aside for damage included."""


class NobodyFound(FeedError):
    """No accepted row names the customer."""


def forget_customer(workspace: Workspace, customer: str, requested_by: str) -> Path:
    """Remove a customer (the source's id, or an e-mail address) from all that is stored; gives the receipt.

    Raises ``NobodyFound`` when no accepted row and no earlier request names the customer.
    """
    key, vault = workspace.settings.personal_data_key(), landing_vault(workspace.settings)
    subject = suppression_hash(customer, "customer_id", key)
    note = note_of(workspace.folder, subject)
    with _nothing_else_runs(workspace):
        begun = read_note(note, vault)
        person = begun[0] if begun else find_person(workspace.lake, customer, key)
        started = str(begun[1]["started_at"]) if begun else _now()
        if not begun:
            if not (person.customers and _is_known(workspace, person)):
                raise NobodyFound(
                    "No accepted row names this customer. Give the source's customer id as its feeds "
                    "write it, or the e-mail address of an accepted customer."
                )
            write_note(note, person, {"started_at": started}, vault)
        remember_forgotten(workspace.folder, person, key)
        done = _carry_out(workspace, person)
        receipt = _write_receipt(
            workspace,
            {
                "subject": subject,
                "shop": workspace.shop.name,
                "requested_by": requested_by,
                "started_at": started,
                "finished_at": _now(),
                "resumed": bool(begun),
                "done": done,
            },
            key,
        )
        note.unlink()
    return receipt


def _is_known(workspace: Workspace, person: Person) -> bool:
    """Whether any table names the customer, or one of their originals may."""
    return bool(person.visitors or person.orders or person.pseudonyms) or workspace.lake.exists(
        "raw", "customers"
    )


@contextmanager
def _nothing_else_runs(workspace: Workspace) -> Iterator[None]:
    """One request at a time; the tables' own locks keep loads out while each is changed."""
    with exclusive(workspace.folder / "locks" / "forget.lock"):
        yield


def _carry_out(workspace: Workspace, person: Person) -> dict[str, Any]:
    folder = workspace.folder
    with ExitStack() as locks:
        for feed in sorted(workspace.shop.feeds):
            locks.enter_context(exclusive(folder / "locks" / f"{feed}.lock"))
        cut = cut_originals(workspace.shop, folder, landing_vault(workspace.settings), person)
        done: dict[str, Any] = {
            "landing": {"lines": cut.n_lines, "rewritten": cut.rewritten, "deleted": cut.deleted},
            "pulls": forget_in_pulls(workspace.shop, folder, landing_vault(workspace.settings), person),
            "quarantine": forget_in_quarantine(folder, cut.lines),
            **forget_in_lake(workspace.lake, person),
        }
    with private_scratch(folder) as scratch:
        done |= redact_published(workspace.published, scratch, person.customers, person.visitors)
    for told in deliver_live(workspace, keep=1):  # what was delivered before still names the customer
        done[f"target {told.target}"] = f"{told.state}; earlier generations are removed there"
    with writing(workspace.warehouse):
        for pattern in REBUILT:
            for file in sorted(workspace.warehouse.parent.glob(pattern)):
                file.unlink()
                done[str(file.relative_to(folder))] = "removed; the next run builds it again"
    if (folder / "models").exists():
        shutil.rmtree(folder / "models")
        done["models"] = "removed; the next run fits them again"
    return done | forget_in_logs(folder, person)


def _write_receipt(workspace: Workspace, told: dict[str, Any], key: bytes) -> Path:
    folder = workspace.folder / "receipts"
    folder.mkdir(exist_ok=True)
    text = json.dumps(told, sort_keys=True)
    signature = hmac.new(key, b"shopwright:receipt:" + text.encode(), hashlib.sha256).hexdigest()
    stamp = told["finished_at"].replace(":", "").replace("-", "")[:15]
    receipt = folder / f"forget-{stamp}-{told['subject'][:12]}.json"
    write_durably(receipt, json.dumps({**told, "signature": signature}, indent=1).encode())
    return receipt


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
