"""Sources of a shop: where bytes come from, which feeds they carry and in which dialect, read from its file.

What a source holds is not looked at here; see ``connectors``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data_quality.contract import all_contracts
from feeds.dialect import DialectError, load_dialect
from feeds.shop_checks import ShopError, check_options, refuse_unknown, text_of
from feeds.shop_pulls import PULL_CONNECTORS, check_pull, fill, shapes_of

CONNECTORS = ("files", *PULL_CONNECTORS)
FORMATS = ("auto", "csv", "tsv", "jsonl", "json", "parquet", "excel")
SOURCE_FIELDS = {"name", "connector", "path", "format", "dialect", "shape", "provides", "pull"}
OPTIONS = {
    "pattern", "members", "encoding", "delimiter", "sheet", "records", "settle_seconds", "max_rejected_ratio",
    "min_rejected_rows", "on_volume", "on_drift",
}  # fmt: skip
LIMITS = {"max_rejected_ratio", "min_rejected_rows", "on_volume", "on_drift"}


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
    min_rejected_rows: int = 20
    on_volume: str = "warn"
    on_drift: str | None = None
    url: str | None = None
    members: str = "*"  # of archives
    sheet: str | None = None  # of workbooks
    records: str | None = None  # where in a JSON document the records stand: a path of keys, 'data.items'
    pull: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def is_pulled(self) -> bool:
        """Whether records are asked for or pushed, so that there is no folder to look into."""
        return self.connector in PULL_CONNECTORS

    @property
    def exists(self) -> bool:
        """Whether there is something to look into; an address or a pull always is."""
        return bool(self.is_pulled or self.url or any(path.exists() for path in self.paths))

    @property
    def path(self) -> Path:
        """The first of the paths that exists, else the first."""
        return next((path for path in self.paths if path.exists()), self.paths[0])

    def file_named(self, name: str) -> Path | None:
        """Where a file of that name lies, or lay: below the folder, or beside the one file; ``None`` where
        the source is no local one.
        """
        if self.is_pulled or self.url or not self.paths:
            return None
        return (self.path.parent if self.path.is_file() else self.path) / name


def parse_source(entry: Any, file: Path, data: Path | None) -> list[Source]:
    """The sources that one entry of a shop file stands for; raises ``ShopError`` naming what is wrong."""
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
    if connector in PULL_CONNECTORS:
        return _pulled(entry, Source(name, provides, (), connector, "*", "jsonl", dialect, shape), file)
    paths = entry.get("path")
    templates = [paths] if isinstance(paths, str) else paths
    if not templates or not all(isinstance(t, str) for t in templates):
        raise ShopError(
            f"{file}: {where} has no path. Give a file or folder; {{data}} stands for the feeds folder."
        )
    settings = check_options({key: entry[key] for key in OPTIONS if key in entry}, file, where)

    source = Source(name, provides, (), connector, "*", form, dialect, shape)
    url = _url(templates, file, where)
    source = replace(source, paths=tuple(_resolve(t, "", file, data) for t in templates), url=url, **settings)
    if not any("{feed}" in template for template in templates):
        return [source]
    return [
        replace(
            source,
            name=feed if name == "{feed}" else f"{name}_{feed}",
            provides=(feed,),
            paths=tuple(_resolve(t, feed, file, data) for t in templates),
            url=url.replace("{feed}", feed) if url else None,
        )
        for feed in provides
    ]


def _pulled(entry: dict[str, Any], source: Source, file: Path) -> list[Source]:
    """One source for each shape, named after it where there are several."""
    where = f"source {source.name!r}"
    for foreign in sorted(({"path"} | OPTIONS) & set(entry) - LIMITS):
        raise ShopError(f"{file}: {where} is pulled and cannot have `{foreign}`; see docs/connectors.md.")
    pull = check_pull(entry.get("pull", {}), file, where)
    settings = check_options({k: entry[k] for k in OPTIONS if k in entry}, file, where)
    shapes = shapes_of(source.dialect, source.shape, source.provides)
    name = source.name if "{feed}" in source.name or len(shapes) == 1 else f"{source.name}_{{feed}}"
    return [
        replace(
            source,
            name=name.replace("{feed}", shape),
            provides=feeds,
            shape=shape,
            pull=fill(pull, feeds[0], shape),
            **settings,
        )
        for shape, feeds in shapes.items()
    ]


def _provides(entry: dict[str, Any], file: Path, where: str) -> tuple[tuple[str, ...], str, str | None]:
    dialect_name, shape = str(entry.get("dialect", "canonical")), entry.get("shape")
    if dialect_name.endswith((".yaml", ".yml")):
        # A shop's own dialect stands beside the shop files, as they say.
        dialect_name = str((file.parent / dialect_name).resolve())
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


def _url(templates: list[str], file: Path, where: str) -> str | None:
    """The address that a source reads from, where its path is one; it stands alone and holds no password."""
    addresses = [t for t in templates if "://" in t]
    if not addresses:
        return None
    if len(templates) > 1:
        raise ShopError(
            f"{file}: {where} has an address among several paths. Give one address, or local paths."
        )
    if "@" in addresses[0].split("://", 1)[1].split("/", 1)[0]:
        raise ShopError(
            f"{file}: {where} has a user or password in its address. "
            "Credentials stand in the environment only."
        )
    return addresses[0]


def _resolve(template: str, feed: str, file: Path, data: Path | None) -> Path:
    text = template.replace("{feed}", feed)
    if "{data}" in text:
        # Without a feeds folder the shop can still be described; ingesting it says what is missing.
        text = text.replace("{data}", str(data) if data else "<feeds folder not given>")
        return Path(text)
    path = Path(text)
    return path if path.is_absolute() else file.parent / path
