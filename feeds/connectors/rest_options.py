"""How a REST source is asked, as its shop file declares it; every refusal names the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from feeds.connectors.http_limits import HttpError

PAGINATIONS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "page": {"param": "page", "first": 1, "size_param": None, "size": 100},
    "offset": {"param": "offset", "limit_param": "limit", "limit": 100},
    "cursor": {"param": "cursor", "path": "next_cursor"},
    "link": {"rel": "next"},
    "next_url": {"path": "next"},
}
FIELDS = {
    "base_url", "path", "params", "headers", "records", "pagination", "modified", "limits", "token_env",
    "auth", "max_passes",
}  # fmt: skip
MODIFIED_FIELDS = {"field", "param", "overlap_seconds", "format", "order", "start"}
FORMATS = ("iso", "epoch", "epoch_ms")


@dataclass(frozen=True)
class Modified:
    """By what changes are found: the record's field, the parameter that asks for later ones, the overlap."""

    field: str
    param: str
    overlap: timedelta = timedelta(minutes=5)
    format: str = "iso"
    is_ascending: bool = False
    start: str | None = None

    def of(self, record: object) -> datetime | None:
        """When the record was changed last (UTC); ``None`` when it does not say."""
        value: Any = record
        for part in self.field.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return self.read(value)

    def read(self, value: object) -> datetime | None:
        """A time in this source's form; a time without zone is UTC."""
        if value is None or isinstance(value, bool) or value == "":
            return None
        try:
            if self.format == "iso":
                moment = datetime.fromisoformat(str(value))
                return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            scale = 1000 if self.format == "epoch_ms" else 1
            return datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(str(value)) / scale)
        except (ValueError, OverflowError):
            return None

    def write(self, moment: datetime) -> str:
        """A time as the parameter wants it."""
        if self.format == "iso":
            return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        seconds = moment.timestamp()
        return str(int(seconds * 1000)) if self.format == "epoch_ms" else str(int(seconds))


@dataclass(frozen=True)
class RestOptions:
    """Everything that a request of a REST source is made of, but the credentials."""

    base_url: str
    path: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    records: str = "$"
    pagination: str = "none"
    paging: Mapping[str, Any] = field(default_factory=dict)
    modified: Modified | None = None
    max_passes: int = 5

    @classmethod
    def of(cls, options: Mapping[str, Any], source: str) -> RestOptions:
        """The options of a source; raises ``HttpError`` for an unknown or unusable one."""
        _refuse_unknown(options, FIELDS, source, "pull")
        base_url = options.get("base_url")
        if not isinstance(base_url, str) or urlsplit(base_url).scheme not in ("http", "https"):
            raise HttpError(f"Source {source!r} has base_url {base_url!r}. Use an http or https address.")
        if urlsplit(base_url).username:
            raise HttpError(
                f"Source {source!r} has credentials in base_url. Name them with token_env or auth."
            )
        kind, paging = _paging(options.get("pagination", {"type": "none"}), source)
        return cls(
            base_url=base_url,
            path=str(options.get("path", "")),
            params=dict(options.get("params", {})),
            headers={str(k): str(v) for k, v in options.get("headers", {}).items()},
            records=str(options.get("records", "$")),
            pagination=kind,
            paging=paging,
            modified=_modified(options.get("modified"), source),
            max_passes=int(options.get("max_passes", 5)),
        )

    @property
    def is_anchored(self) -> bool:
        """Whether pages restart from the last change seen, so that rows that move cannot be passed over."""
        return bool(
            self.modified and self.modified.is_ascending and self.pagination not in ("none", "cursor")
        )

    @property
    def is_verified(self) -> bool:
        """Whether the pull is repeated until two passes agree, because its pages may shift."""
        return self.pagination not in ("none", "cursor") and not self.is_anchored


def _paging(given: object, source: str) -> tuple[str, Mapping[str, Any]]:
    kind = given.get("type") if isinstance(given, Mapping) else given
    if kind not in PAGINATIONS:
        raise HttpError(f"Source {source!r} has pagination {kind!r}. Use one of {', '.join(PAGINATIONS)}.")
    options = {k: v for k, v in given.items() if k != "type"} if isinstance(given, Mapping) else {}
    _refuse_unknown(options, set(PAGINATIONS[str(kind)]), source, f"pagination {kind}")
    return str(kind), {**PAGINATIONS[str(kind)], **options}


def _modified(given: object, source: str) -> Modified | None:
    if given is None:
        return None
    if not isinstance(given, Mapping) or not {"field", "param"} <= set(given):
        raise HttpError(f"Source {source!r}: modified needs at least field and param.")
    _refuse_unknown(given, MODIFIED_FIELDS, source, "modified")
    form, order = given.get("format", "iso"), given.get("order", "any")
    if form not in FORMATS or order not in ("ascending", "any"):
        raise HttpError(
            f"Source {source!r}: modified has format {form!r} and order {order!r}. Use a format of "
            f"{', '.join(FORMATS)} and the order ascending or any."
        )
    overlap = timedelta(seconds=float(given.get("overlap_seconds", 300)))
    start = given.get("start")
    return Modified(
        given["field"], given["param"], overlap, form, order == "ascending", str(start) if start else None
    )


def _refuse_unknown(given: Mapping[str, Any], known: set[str], source: str, where: str) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise HttpError(f"Source {source!r}: {where} has unknown fields {unknown}. Use only {sorted(known)}.")
