"""JSON files: a document with a list of records, or JSON Lines under the ending .json; each as numbered lines
of JSON for ``reading_jsonl``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from feeds.json_documents import MAX_VALUE_CHARS, Document
from feeds.records import BadLine, Numbered, read_records
from feeds.shape_tables import BatchFile

_BATCH = 5000
_MAX_DEPTH = 100


def json_records(file: BatchFile, bad: list[BadLine]) -> Iterator[list[Numbered]]:
    """Chunks of (line, object as JSON text); what is no record is appended to ``bad``.

    Raises ``JsonError`` where a document breaks off or is no JSON: a broken list cannot be trusted beyond it.
    """
    if _is_json_lines(file):
        yield from line_records(file, bad)
        return
    with file.content.open("rb") as stream:
        document = Document(stream, file.name)
        if file.size <= MAX_VALUE_CHARS and not file.records and _is_one_record(file):
            yield [(1, file_text(file))]
            return
        records = document.records(file.records)
        while chunk := list(itertools.islice(records, _BATCH)):
            yield _sound([(line, text.encode()) for line, text in chunk], bad)


def line_records(file: BatchFile, bad: list[BadLine]) -> Iterator[list[Numbered]]:
    """Chunks of (line, line) of a JSON Lines file."""
    for chunk in read_records(file.content, None, bad):
        yield _sound(chunk, bad)


def file_text(file: BatchFile) -> bytes:
    """The whole file on one line."""
    with file.content.open("rb") as stream:
        return stream.read().removeprefix(b"\xef\xbb\xbf").replace(b"\n", b" ").replace(b"\r", b" ").strip()


def _is_json_lines(file: BatchFile) -> bool:
    """Whether the first line is an object by itself and another one follows."""
    with file.content.open("rb") as stream:
        head = stream.read(MAX_VALUE_CHARS).removeprefix(b"\xef\xbb\xbf").lstrip()
    first, _, rest = head.partition(b"\n")
    if not first.startswith(b"{") or not rest.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        # A broken first line all the same ends like an object.
        return first.rstrip().endswith(b"}")


def _is_one_record(file: BatchFile) -> bool:
    """Whether the document is an object without any list of objects in it: a single record."""
    try:
        value = json.loads(file_text(file))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and not any(isinstance(inner, list) for inner in value.values())


def _sound(records: list[Numbered], bad: list[BadLine]) -> list[Numbered]:
    """The records without those that the engine would take though JSON does not allow them, or could not."""
    sound = []
    for line, record in records:
        rule = None
        if record.count(b"{") + record.count(b"[") > _MAX_DEPTH and _depth(record) > _MAX_DEPTH:
            rule, message = "json_too_deep", f"values are nested more than {_MAX_DEPTH} deep"
        elif (b"NaN" in record or b"Infinity" in record) and _has_constant(record):
            rule, message = "json_not_a_number", "NaN and Infinity are no JSON; send null or a text"
        if rule:
            bad.append(BadLine(line, rule, message, record[:200]))
        else:
            sound.append((line, record))
    return sound


def _depth(record: bytes) -> int:
    deepest = depth = 0
    for byte in record:
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def _has_constant(record: bytes) -> bool:
    found: list[str] = []
    try:
        json.loads(record, parse_constant=found.append)
    except (ValueError, RecursionError):
        return False
    return bool(found)
