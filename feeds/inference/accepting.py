"""Taking an accepted proposal: its dialect into the data home, its source into the shop's file, or neither.

Nothing is loaded; the next run does that. Both files are written aside and put in place by rename, the
dialect first, so that the shop's file never names a dialect that is not there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from feeds.dialect import DialectError, load_dialect
from feeds.report import FeedError
from feeds.shop import known_shops, load_shop
from feeds.shop_checks import ShopError


def accept_proposal(proposal: Path, shop: str, home: Path) -> tuple[Path, Path]:
    """Write dialect and source of a proposal; gives the two files. Doing it twice changes nothing more.

    Raises ``FeedError`` when the proposal cannot be used or would replace a different dialect or source, and
    ``ShopError`` when the shop's file would not be valid; then nothing is changed.
    """
    document = _read(proposal)
    name, source = document["dialect"]["name"], document["source"]
    shops = known_shops(home)
    if shop not in shops:
        raise ShopError(f"There is no shop {shop!r}. Known shops: {', '.join(sorted(shops))}.")
    dialect, shop_file = home / "dialects" / f"{name}.yaml", home / "shops" / f"{shop}.yaml"
    text = yaml.safe_dump(document["dialect"], allow_unicode=True, sort_keys=False, width=110)
    if dialect.exists() and yaml.safe_load(dialect.read_text(encoding="utf-8")) != document["dialect"]:
        raise FeedError(f"{dialect} exists and differs. Give the proposal's dialect and source another name.")
    aside = _aside(dialect, text)
    try:
        load_dialect(str(aside))
    except DialectError as unusable:
        aside.unlink()
        raise FeedError(f"{proposal.name}: {unusable}") from unusable
    new = _with_source(shops[shop].read_text(encoding="utf-8"), source, shop)
    was_there = dialect.exists()
    os.replace(aside, dialect)
    beside = _aside(shop_file, new)
    try:
        load_shop(str(beside), home)
    except ShopError:
        beside.unlink()
        if not was_there:
            dialect.unlink()
        raise
    os.replace(beside, shop_file)
    return dialect, shop_file


def _read(proposal: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(proposal.read_text(encoding="utf-8"))
        document["dialect"]["name"], document["source"]["name"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as unusable:
        raise FeedError(
            f"{proposal} is no proposal ({unusable}). "
            f"Make one with `shopwright feeds infer FILE --out {proposal.name}`."
        ) from unusable
    if not str(document["dialect"]["name"]).isidentifier():
        raise FeedError(
            f"The dialect's name {document['dialect']['name']!r} is no plain name. Use letters and _."
        )
    return dict(document)


def _with_source(text: str, source: dict[str, Any], shop: str) -> str:
    """The shop's YAML with one more source; its comments are kept where `sources` ends the file."""
    document = yaml.safe_load(text)
    present = {entry["name"]: entry for entry in document["sources"]}
    if source["name"] in present:
        if present[source["name"]] == source:
            return text
        raise FeedError(
            f"The shop {shop!r} has another source {source['name']!r}. Give this one another name."
        )
    wanted = {**document, "sources": [*document["sources"], source]}
    block = yaml.safe_dump([source], allow_unicode=True, sort_keys=False, width=110)
    appended = text.rstrip("\n") + "\n" + "".join(f"  {line}\n" for line in block.splitlines())
    try:
        if yaml.safe_load(appended) == wanted:
            return appended
    except yaml.YAMLError:
        pass
    return yaml.safe_dump(wanted, allow_unicode=True, sort_keys=False, width=110)


def _aside(target: Path, text: str) -> Path:
    """A synced file beside the target, in the same folder, so that relative paths in it hold."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f"tmp-{os.getpid()}-{target.name}")
    with aside.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    return aside
