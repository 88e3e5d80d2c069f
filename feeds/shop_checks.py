"""Checks of single fields of a shop file; each refusal names file, field and remedy."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

from data_quality.acceptance_drift import MODES


class ShopError(ValueError):
    """A shop file is missing or unusable; the message names file, field and remedy."""


def text_of(document: dict[str, Any], key: str, file: Path) -> str:
    """A text that must be there."""
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise ShopError(f"{file}: {key} is missing or no text (got {value!r}). Add `{key}: …`.")
    return value


def refuse_unknown(document: dict[str, Any], known: set[str], file: Path, where: str) -> None:
    """Raise ``ShopError`` for a field that no shop file has; it is most often a misspelt one."""
    unknown = sorted(set(document) - known)
    if unknown:
        raise ShopError(f"{file}: {where} has unknown fields {unknown}. Use only {sorted(known)}.")


def check_options(options: dict[str, Any], file: Path, where: str) -> dict[str, Any]:
    """The options of a source, unchanged; raises ``ShopError`` for one that cannot be."""
    ratio = options.get("max_rejected_ratio", 0)
    if not isinstance(ratio, int | float) or not 0 <= ratio <= 1:
        raise ShopError(f"{file}: {where} has max_rejected_ratio {ratio!r}. Use a number from 0 to 1.")
    least = options.get("min_rejected_rows", 0)
    if not isinstance(least, int) or least < 0:
        raise ShopError(f"{file}: {where} has min_rejected_rows {least!r}. Use a whole number of rows.")
    if options.get("on_volume", "warn") not in ("warn", "hold"):
        raise ShopError(f"{file}: {where} has on_volume {options['on_volume']!r}. Use warn or hold.")
    if options.get("on_drift", MODES[0]) not in MODES:
        raise ShopError(
            f"{file}: {where} has on_drift {options['on_drift']!r}. Use one of {', '.join(MODES)}."
        )
    settle = options.get("settle_seconds", 0)
    if not isinstance(settle, int | float) or settle < 0:
        raise ShopError(f"{file}: {where} has settle_seconds {settle!r}. Use a number of seconds.")
    delimiter = options.get("delimiter", ",")
    if (
        not isinstance(delimiter, str)
        or len(delimiter) != 1
        or not delimiter.isascii()
        or delimiter in '"\n\r0123456789'
    ):
        raise ShopError(f"{file}: {where} has delimiter {delimiter!r}. Use one character, such as ';'.")
    if not isinstance(options.get("pattern", "*"), str):
        raise ShopError(f"{file}: {where} has pattern {options['pattern']!r}. Use a text such as '*.csv'.")
    try:
        codecs.lookup(options.get("encoding") or "utf-8")
    except (LookupError, TypeError) as unknown:
        raise ShopError(
            f"{file}: {where} has encoding {options['encoding']!r}. Use a name such as gb18030 or utf-16."
        ) from unknown
    return options
