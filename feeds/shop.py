"""Shops: one YAML file says time zone, currency, and which feeds come from where in which dialect.

The files in ``feeds/shops`` are shipped; a file of the same name in the data home wins. Reading the feeds
themselves is not done here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from feeds.shop_checks import ShopError, refuse_unknown, text_of
from feeds.source import Source, parse_source

SHIPPED = Path(__file__).parent / "shops"
DEMAND_PERIODS = {"day": 1, "week": 7}
SHOP_FIELDS = {
    "name", "title", "time_zone", "currency", "countries", "default_location", "demand_period", "sources",
}  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """One shop: who it is, what its days and money are, and its sources."""

    name: str
    title: str
    time_zone: str
    currency: str
    countries: tuple[str, ...]  # the first is the shop's own
    default_location: str
    demand_period: str
    sources: tuple[Source, ...]
    file: Path
    data: Path | None = field(default=None)

    @property
    def demand_period_days(self) -> int:
        """Days in one demand period: 1 or 7."""
        return DEMAND_PERIODS[self.demand_period]

    @property
    def feeds(self) -> frozenset[str]:
        """Feeds that at least one source provides."""
        return frozenset(feed for source in self.sources for feed in source.provides)

    def sources_of(self, feed: str) -> tuple[Source, ...]:
        """Sources that provide the feed, in the order of the file."""
        return tuple(source for source in self.sources if feed in source.provides)

    def missing_reason(self, feed: str) -> str | None:
        """Why the feed cannot be ingested, as a sentence; ``None`` when a source provides it."""
        if feed in self.feeds:
            return None
        return f"the shop {self.name!r} has no source that provides {feed} (see {self.file.name})"


def known_shops(home: Path | None = None) -> dict[str, Path]:
    """Names and files of all shops; those of the data home win over shipped ones."""
    folders = [SHIPPED, *([home / "shops"] if home else [])]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def load_shop(name_or_path: str | Path, home: Path | None = None, *, data: Path | None = None) -> Shop:
    """The shop of that name (or YAML file); ``data`` is the folder that ``{data}`` stands for in its paths.

    Raises ``ShopError`` for an unknown shop (listing the known ones) or an unusable file.
    """
    file = _shop_file(str(name_or_path), home)
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as broken:
        raise ShopError(f"{file} is not valid YAML: {broken}. Correct the file.") from broken
    if not isinstance(document, dict):
        raise ShopError(f"{file} holds no mapping. It needs name, time_zone, currency and sources.")
    return _parse_shop(document, file, data)


def _shop_file(name_or_path: str, home: Path | None) -> Path:
    file = Path(name_or_path)
    if file.suffix not in {".yaml", ".yml"}:
        known = known_shops(home)
        if name_or_path not in known:
            raise ShopError(
                f"There is no shop {name_or_path!r}. Known shops: {', '.join(sorted(known))}. "
                "Add <data home>/shops/<name>.yaml to describe another."
            )
        return known[name_or_path]
    if not file.exists():
        raise ShopError(f"There is no shop file {file}. Give a shop's name or the path of its YAML file.")
    return file


def _parse_shop(document: dict[str, Any], file: Path, data: Path | None) -> Shop:
    refuse_unknown(document, SHOP_FIELDS, file, "the shop")
    name = text_of(document, "name", file)
    zone, currency, period = _checked_place(document, file)
    entries = document.get("sources")
    if not isinstance(entries, list) or not entries:
        raise ShopError(f"{file}: sources is empty. List at least one source with name, path and dialect.")
    sources = tuple(source for entry in entries for source in parse_source(entry, file, data))
    names = [source.name for source in sources]
    if len(set(names)) != len(names):
        raise ShopError(
            f"{file}: source names repeat: {sorted({n for n in names if names.count(n) > 1})}. Rename one."
        )
    return Shop(
        name=name,
        title=str(document.get("title", name)),
        time_zone=zone,
        currency=currency,
        countries=tuple(str(c) for c in document.get("countries", ())),
        default_location=str(document.get("default_location", "main")),
        demand_period=period,
        sources=sources,
        file=file,
        data=data,
    )


def _checked_place(document: dict[str, Any], file: Path) -> tuple[str, str, str]:
    """Time zone, currency and demand period, each a known one."""
    zone = text_of(document, "time_zone", file)
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as unknown:
        raise ShopError(
            f"{file}: time_zone {zone!r} is unknown. Use an IANA name such as Europe/Berlin."
        ) from unknown
    currency = text_of(document, "currency", file)
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise ShopError(f"{file}: currency is {currency!r}. Use the ISO 4217 code, such as EUR.")
    period = document.get("demand_period", "day")
    if period not in DEMAND_PERIODS:
        raise ShopError(f"{file}: demand_period is {period!r}. Use one of {', '.join(DEMAND_PERIODS)}.")
    return zone, currency, period
