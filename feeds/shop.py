"""Shops: one YAML file says time zone, currency, and which feeds come from where in which dialect.

The files in ``feeds/shops`` are shipped; a file of the same name in the data home wins. Reading the feeds
themselves is not done here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from data_quality.contract import all_contracts
from feeds.dialect import DialectError, load_dialect
from feeds.shop_checks import ShopError, check_options, refuse_unknown, text_of

SHIPPED = Path(__file__).parent / "shops"
CONNECTORS = ("files",)
FORMATS = ("auto", "csv", "jsonl", "parquet")
DEMAND_PERIODS = {"day": 1, "week": 7}
SOURCE_FIELDS = {"name", "connector", "path", "format", "dialect", "shape", "provides"}
OPTIONS = {"pattern", "encoding", "delimiter", "settle_seconds", "max_rejected_ratio"}
SHOP_FIELDS = {
    "name", "title", "time_zone", "currency", "countries", "default_location", "demand_period", "sources",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Where bytes come from and which feeds they carry; ``paths`` are tried in order, the first that exists
    holds.
    """

    name: str
    provides: tuple[str, ...]
    paths: tuple[Path, ...]
    connector: str = "files"
    pattern: str = "*"
    format: str = "auto"
    dialect: str = "canonical"
    shape: str | None = None
    encoding: str | None = None
    delimiter: str = ","
    settle_seconds: float = 0.0
    max_rejected_ratio: float = 0.05

    @property
    def path(self) -> Path:
        """The first of the paths that exists, else the first."""
        return next((path for path in self.paths if path.exists()), self.paths[0])


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
    sources = tuple(source for entry in entries for source in _parse_source(entry, file, data))
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


def _parse_source(entry: Any, file: Path, data: Path | None) -> list[Source]:
    if not isinstance(entry, dict):
        raise ShopError(
            f"{file}: a source is {entry!r}. Each source is a mapping with name, path and dialect."
        )
    name = text_of(entry, "name", file)
    where = f"source {name!r}"
    refuse_unknown(entry, SOURCE_FIELDS | OPTIONS, file, where)
    connector, form = entry.get("connector", "files"), entry.get("format", "auto")
    if connector not in CONNECTORS:
        raise ShopError(f"{file}: {where} has connector {connector!r}. Use one of {', '.join(CONNECTORS)}.")
    if form not in FORMATS:
        raise ShopError(f"{file}: {where} has format {form!r}. Use one of {', '.join(FORMATS)}.")
    provides, dialect, shape = _provides(entry, file, where)
    paths = entry.get("path")
    templates = [paths] if isinstance(paths, str) else paths
    if not templates or not all(isinstance(t, str) for t in templates):
        raise ShopError(
            f"{file}: {where} has no path. Give a file or folder; {{data}} stands for the feeds folder."
        )
    settings = check_options({key: entry[key] for key in OPTIONS if key in entry}, file, where)

    source = Source(name, provides, (), connector, "*", form, dialect, shape)
    source = replace(source, paths=tuple(_resolve(t, "", file, data) for t in templates), **settings)
    if not any("{feed}" in template for template in templates):
        return [source]
    return [
        replace(
            source,
            name=feed if name == "{feed}" else f"{name}_{feed}",
            provides=(feed,),
            paths=tuple(_resolve(t, feed, file, data) for t in templates),
        )
        for feed in provides
    ]


def _provides(entry: dict[str, Any], file: Path, where: str) -> tuple[tuple[str, ...], str, str | None]:
    dialect_name, shape = str(entry.get("dialect", "canonical")), entry.get("shape")
    try:
        dialect = load_dialect(dialect_name)
        offered = dialect.feeds_from(shape)
    except DialectError as unknown:
        raise ShopError(f"{file}: {where}: {unknown}") from unknown
    provides = tuple(entry.get("provides") or offered)
    contracts = {contract.name for contract in all_contracts("feeds")}
    for feed in provides:
        if feed not in contracts:
            raise ShopError(
                f"{file}: {where} provides {feed!r}, which is no feed. Known: {', '.join(sorted(contracts))}."
            )
        if feed not in offered:
            raise ShopError(
                f"{file}: {where} provides {feed!r}, but dialect {dialect_name} makes {', '.join(offered)}."
            )
    return provides, dialect_name, shape


def _resolve(template: str, feed: str, file: Path, data: Path | None) -> Path:
    text = template.replace("{feed}", feed)
    if "{data}" in text:
        # Without a feeds folder the shop can still be described; ingesting it says what is missing.
        text = text.replace("{data}", str(data) if data else "<feeds folder not given>")
        return Path(text)
    path = Path(text)
    return path if path.is_absolute() else file.parent / path
