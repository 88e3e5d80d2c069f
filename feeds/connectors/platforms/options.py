"""What a shop file says of a platform source under ``pull``; secrets are named there, never written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from feeds.connectors.http_auth import secret
from feeds.connectors.http_limits import HttpError

_FIELDS = {
    "base_url", "app_key_env", "app_secret_env", "access_token_env", "since", "window_hours",
    "overlap_minutes", "lag_minutes", "page_size", "sign_method", "version", "limits",
}  # fmt: skip


@dataclass(frozen=True)
class PlatformOptions:
    """Address, names of the variables that hold credentials, and how time is walked.

    The first pull begins at ``since``. Each later one begins ``overlap`` before the last one ended, and ends
    ``lag`` before now, because platforms show a change some moments after it was made.
    """

    platform: str
    base_url: str
    since: datetime
    window: timedelta
    overlap: timedelta
    lag: timedelta
    page_size: int
    sign_method: str
    version: str
    variables: Mapping[str, str]

    @classmethod
    def of(cls, given: Mapping[str, Any], platform: str, defaults: Mapping[str, Any]) -> PlatformOptions:
        """The options of a source; raises ``HttpError`` for one that is unknown or unusable."""
        unknown = sorted(set(given) - _FIELDS)
        if unknown:
            raise HttpError(
                f"A {platform} source has unknown options {unknown}. Use only {', '.join(sorted(_FIELDS))}."
            )
        told = {**defaults, **given}
        if not told.get("base_url"):
            raise HttpError(f"A {platform} source needs base_url, the address of the shop.")
        if not told.get("since"):
            raise HttpError(f"A {platform} source needs since, the day of the first change to ask for.")
        size = told["page_size"]
        if not isinstance(size, int) or not 1 <= size <= defaults["page_size"]:
            raise HttpError(f"{platform}: page_size is {size!r}. Use 1 to {defaults['page_size']}.")
        upper = platform.upper()
        return cls(
            platform=platform,
            base_url=str(told["base_url"]).rstrip("/"),
            since=_moment(told["since"], platform),
            window=_span(told, "window_hours", 3600),
            overlap=_span(told, "overlap_minutes", 60),
            lag=_span(told, "lag_minutes", 60, at_least=0),
            page_size=size,
            sign_method=str(told.get("sign_method", "")),
            version=str(told.get("version", "")),
            variables={
                name: str(told.get(f"{name}_env", f"{upper}_{name.upper()}"))
                for name in ("app_key", "app_secret", "access_token")
            },
        )

    def secret(self, name: str) -> str:
        """A credential from the environment, read anew so that a rotated one holds at once."""
        return secret(self.variables[name])


def _moment(value: object, platform: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as unreadable:
        raise HttpError(f"{platform}: since is {value!r}. Use a day such as 2026-01-01.") from unreadable
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _span(told: Mapping[str, Any], name: str, unit: int, at_least: float = 1e-9) -> timedelta:
    value = told[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or value < at_least:
        raise HttpError(f"{name} is {value!r}. Use a number above 0.")
    return timedelta(seconds=value * unit)
