"""How a SQL source is read, as its shop file declares it; every refusal names the field."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from data_quality.contract import load_contract
from feeds.report import FeedError
from feeds.shop import Source

FIELDS = {
    "dsn_env", "table", "schema", "columns", "key", "modified", "deletes", "chunk_rows", "statement_seconds",
}  # fmt: skip
MODIFIED_FIELDS = {"column", "overlap_seconds", "time_zone"}
DELETES_FIELDS = {"as", "version", "keep", "refuse_ratio"}


@dataclass(frozen=True)
class SqlOptions:
    """One table and how changes and deletions in it are found."""

    source: str
    dsn_env: str
    table: str
    key: tuple[str, ...]
    schema: str | None = None
    columns: tuple[str, ...] = ()  # all, when empty
    modified: tuple[str, ...] = ()  # the column, then what stands in where it is null
    overlap_seconds: float = 300.0
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    chunk_rows: int = 5000
    statement_seconds: float = 600.0
    is_snapshot: bool = False
    tombstone: tuple[tuple[str, Any], ...] = ()
    version: str | None = None
    kept: tuple[str, ...] = ()
    refuse_ratio: float = 0.5

    @classmethod
    def of(cls, source: Source, feed: str) -> SqlOptions:
        """The options of a source; raises ``FeedError`` for an unknown or unusable one."""
        given, name = source.pull, source.name
        _refuse_unknown(given, FIELDS, name, "pull")
        for needed in ("dsn_env", "table", "key"):
            if not given.get(needed):
                raise FeedError(f"Source {name!r}: pull lacks {needed}.")
        modified, deletes = _mapping(given, "modified", name), _mapping(given, "deletes", name)
        _refuse_unknown(modified, MODIFIED_FIELDS, name, "modified")
        _refuse_unknown(deletes, DELETES_FIELDS, name, "deletes")
        key = _names(given["key"])
        if deletes and not (deletes.get("as") and deletes.get("version")):
            raise FeedError(
                f"Source {name!r}: deletes needs `as` (what a row that is gone becomes, such as "
                "{order_status: cancelled}) and `version` (the column that takes the time of the pull)."
            )
        return cls(
            source=name,
            dsn_env=str(given["dsn_env"]),
            table=str(given["table"]),
            key=key,
            schema=given.get("schema"),
            columns=_names(given.get("columns", [])),
            modified=_names(modified.get("column", [])),
            overlap_seconds=float(modified.get("overlap_seconds", 300)),
            zone=_zone(str(modified.get("time_zone", "UTC")), name),
            chunk_rows=int(given.get("chunk_rows", 5000)),
            statement_seconds=float(given.get("statement_seconds", 600)),
            is_snapshot=bool(deletes),
            tombstone=tuple(dict(deletes.get("as", {})).items()),
            version=deletes.get("version"),
            kept=tuple(dict.fromkeys((*key, *_names(deletes.get("keep", []))))) if deletes else (),
            refuse_ratio=float(deletes.get("refuse_ratio", 0.5)),
        )._without_personal(feed, source)

    def _without_personal(self, feed: str, source: Source) -> SqlOptions:
        """Refuse to keep personal columns of the feed in a snapshot; a tombstone has no use for them."""
        if source.dialect == "canonical" and self.is_snapshot:
            personal = {c.name for c in load_contract(feed).columns if c.personal}
            if personal & set(self.kept):
                raise FeedError(
                    f"Source {self.source!r}: deletes.keep names personal columns "
                    f"{sorted(personal & set(self.kept))}. Leave them out; the deletion empties them."
                )
        return self

    @property
    def columns_used(self) -> tuple[str, ...]:
        """Columns that the table must have."""
        return tuple(dict.fromkeys((*self.columns, *self.key, *self.modified, *self.kept)))

    @property
    def columns_read(self) -> tuple[str, ...]:
        """Columns of the records: the chosen ones with key and times."""
        return tuple(dict.fromkeys((*self.columns, *self.key, *self.modified)))

    def dsn(self) -> str:
        """The connection string from the environment."""
        value = os.environ.get(self.dsn_env, "")
        if not value:
            raise FeedError(
                f"Source {self.source!r}: the environment variable {self.dsn_env} is not set. "
                "It holds the connection string."
            )
        return value


def _names(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(map(str, value or ()))  # type: ignore[call-overload]


def _mapping(given: Mapping[str, Any], key: str, source: str) -> Mapping[str, Any]:
    value = given.get(key) or {}
    if not isinstance(value, Mapping):
        raise FeedError(f"Source {source!r}: {key} is {value!r}, but must be a mapping.")
    return value


def _zone(name: str, source: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as unknown:
        raise FeedError(f"Source {source!r}: time_zone {name!r} is unknown.") from unknown


def _refuse_unknown(given: Mapping[str, Any], known: set[str], source: str, where: str) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise FeedError(f"Source {source!r}: {where} has unknown fields {unknown}. Use only {sorted(known)}.")
