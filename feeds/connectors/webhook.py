"""Webhook sources: what was pushed and spooled becomes pages of records; receiving is done elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from feeds.connectors.pull import Page
from feeds.connectors.spool import discard_read, read_spool
from feeds.connectors.spool_seal import Seal, seal_of
from feeds.connectors.webhook_signature import Signing
from feeds.report import FeedError
from feeds.shop import Source
from feeds.vault import Vault

FIELDS = {"secret_env", "scheme", "tolerance_seconds", "max_bytes", "records"}


@dataclass(frozen=True)
class WebhookOptions:
    """What a webhook source declares; ``records`` is the dotted path of the record (or list) in a payload."""

    secret_env: str
    scheme: str = "standard"
    tolerance_seconds: float = 300.0
    max_bytes: int = 1_000_000
    records: str = ""

    @classmethod
    def of(cls, source: Source) -> WebhookOptions:
        """The options of a source; raises ``FeedError`` naming what is wrong."""
        unknown = sorted(set(source.pull) - FIELDS)
        if unknown or "secret_env" not in source.pull:
            raise FeedError(
                f"Source {source.name!r}: pull has unknown fields {unknown} or lacks secret_env. "
                f"Use only {sorted(FIELDS)}."
            )
        return cls(**source.pull)

    def signing(self) -> Signing:
        """How its deliveries are proved; reads the secret."""
        return Signing.of(self.scheme, self.secret_env, self.tolerance_seconds)


def spool_folder(folder: Path, source: str) -> Path:
    """Where the deliveries of a source wait; ``folder`` is the shop's."""
    return folder / "spool" / source


def connect(source: Source, feed: str, folder: Path, vault: Vault | None = None) -> SpoolPull:
    """The pull of what has been pushed to a source."""
    return SpoolPull(spool_folder(folder, source.name), WebhookOptions.of(source).records, seal_of(vault))


class SpoolPull:
    """Reads the spool from where the last ingestion ended; the cursor is the number of the last segment."""

    def __init__(self, folder: Path, records: str, seal: Seal | None = None) -> None:
        self._folder, self._path, self._seal = folder, records, seal

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """One page a segment. What lies behind the cursor is in the ledger, so its segments are removed."""
        read = int(cursor or 0)
        discard_read(self._folder, read)
        for bodies, number in read_spool(self._folder, read, self._seal):
            records = [record for body in bodies for record in self._records(body)]
            yield Page(records, str(number))

    def _records(self, body: bytes) -> list[Any]:
        """The records of a payload; one in which the path leads nowhere is given whole, to be quarantined."""
        payload = json.loads(body, parse_float=Decimal)
        value: Any = payload
        for part in filter(None, self._path.split(".")):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            return [payload]
        return value if isinstance(value, list) else [value]
