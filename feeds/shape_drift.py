"""Which columns the files of a batch have that their shape does not know, before they are read.

What happens with them is the source's mode (``data_quality.acceptance_drift``); reading is not done here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_quality.acceptance_drift import DriftModes, variant_name
from feeds.dialect import Shape
from feeds.records import read_header
from feeds.refusals import RefusedFile
from feeds.shape_tables import BatchFile

_KEYS_FROM_LINES = 5000


def settle_columns(
    shape: Shape, files: Sequence[BatchFile], modes: DriftModes, scratch: Path
) -> tuple[Shape, list[BatchFile], list[RefusedFile], list[str]]:
    """The shape with the unknown columns to read along, the files to read, those refused, and what to tell.

    By default unknown columns are left out, and no file is looked into here.
    """
    if modes.columns == "discard_value":
        return shape, list(files), [], []
    kept, refused, unknown = [], [], dict[str, None]()
    for file in files:
        strange = [c for c in _columns(file, scratch) if not _is_known(shape, c)]
        if strange and modes.columns == "freeze":
            reason = (
                f"{file.name}: unknown columns {', '.join(map(repr, strange))}, and the source says "
                "on_drift: freeze. Correct the file, or let the source evolve."
            )
            refused.append(RefusedFile(file.number, file.name, reason))
            continue
        # A name that differs in its case alone is the column itself (see ``in_shapes_case``).
        own = {name.casefold() for name in shape.columns}
        unknown.update(dict.fromkeys(c for c in strange if c.casefold() not in own))
        kept.append(file)
    fate = "kept as {}" if modes.columns == "evolve" else "set aside with its rows"
    events = [f"{shape.name}: unknown column {c!r} is {fate.format(variant_name(c))}" for c in unknown]
    return replace(shape, optional=(*shape.optional, *unknown)), kept, refused, events


def _is_known(shape: Shape, column: str) -> bool:
    if column in shape.columns or column in shape.ignored:
        return True
    return bool(shape.wide and re.fullmatch(shape.wide, column))


def _columns(file: BatchFile, scratch: Path) -> list[str]:
    """Columns of a file, as far as they can be told; one that cannot be read is refused by its reader."""
    try:
        if file.format in ("csv", "tsv"):
            delimiter = "\t" if file.format == "tsv" and file.delimiter == "," else file.delimiter
            return read_header(file.content, delimiter) or []
        if file.format == "parquet":
            return list(pq.read_schema(file.content.local_path(scratch)).names)
        if file.format == "jsonl":
            return _keys(file)
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValueError):
        return []
    return []


def _keys(file: BatchFile) -> list[str]:
    keys: dict[str, None] = {}
    with file.content.open() as lines:
        for number, line in enumerate(lines):
            if number >= _KEYS_FROM_LINES:
                break
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                keys.update(dict.fromkeys(record))
    return list(keys)
