"""The sources of a shop file that are pulled or pushed rather than read from a folder; nothing is asked here.

Each becomes one source for each shape that its feeds are made of, because a pull brings records of one shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feeds.dialect import load_dialect
from feeds.shop_checks import ShopError

PULL_CONNECTORS = ("rest", "sql", "webhook", "taobao", "jd", "ali1688", "shopify")
# A value under such a name would be a credential in a file; `<name>_env` names the variable that holds it.
_CREDENTIAL = re.compile(r"(^|_)(token|password|passwd|secret|dsn|api_?key|app_?key|credentials?)$", re.I)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def shapes_of(dialect: str, shape: str | None, provides: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Feeds by the shape that carries them, of the one named or of all that the feeds are made of."""
    mappings = load_dialect(dialect).feeds
    shapes = [shape] if shape else sorted({s for feed in provides for s in mappings[feed].shapes})
    return {s: tuple(feed for feed in provides if s in mappings[feed].shapes) for s in shapes}


def check_pull(options: object, file: Path, where: str) -> Mapping[str, Any]:
    """The mapping under ``pull``, unchanged; raises ``ShopError`` when a credential stands in it."""
    if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
        raise ShopError(
            f"{file}: {where} has no mapping under `pull`. See docs/connectors.md for its fields."
        )
    _refuse_credentials(options, file, where, "pull")
    return options


def fill(value: Any, feed: str, shape: str) -> Any:
    """The options with ``{feed}`` and ``{shape}`` filled in."""
    if isinstance(value, str):
        return value.replace("{feed}", feed).replace("{shape}", shape)
    if isinstance(value, Mapping):
        return {key: fill(inner, feed, shape) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, feed, shape) for inner in value]
    return value


def _refuse_credentials(value: object, file: Path, where: str, at: str) -> None:
    if isinstance(value, list):
        for inner in value:
            _refuse_credentials(inner, file, where, at)
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        if _CREDENTIAL.search(str(key)):
            raise ShopError(
                f"{file}: {where} has `{at}.{key}`. Credentials stand in the environment only: "
                f"name the variable with `{key}_env: …` and set it there."
            )
        if str(key).endswith("_env") and not (isinstance(inner, str) and _VARIABLE.fullmatch(inner)):
            raise ShopError(f"{file}: {where} has `{at}.{key}` that is no name of an environment variable.")
        _refuse_credentials(inner, file, where, f"{at}.{key}")
