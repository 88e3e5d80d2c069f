"""Excel and OpenDocument workbooks: one sheet as numbered lines of JSON for ``reading_jsonl``.

The sheet is opened in a bounded process (``excel_worker``), so that no workbook can take the machine's
memory.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from feeds.dialect import Shape
from feeds.records import BadLine, Numbered
from feeds.report import FeedError
from feeds.shape_tables import BatchFile, ShapeRead, check_columns

_BATCH = 5000
_PACKAGE_ROOT = Path(__file__).resolve().parents[1]


def excel_records(
    file: BatchFile, path: Path, shape: Shape, told: ShapeRead, bad: list[BadLine]
) -> Iterator[list[Numbered]]:
    """Chunks of (row of the sheet, its cells as a JSON object); the first row that is not empty is the
    header.

    Raises ``FeedError`` for a workbook that cannot be read, one without the sheet, or where the package that
    reads workbooks is missing.
    """
    if importlib.util.find_spec("python_calamine") is None:
        raise FeedError(
            f"{file.name}: reading workbooks needs the package python-calamine. "
            "Install shopwright[excel], or send CSV."
        )
    header: list[str] | None = None
    chunk: list[Numbered] = []
    for number, cells in _rows(file, path):
        if header is None:
            header = [str(cell).strip() if cell is not None else "" for cell in cells]
            while header and not header[-1]:
                header.pop()
            check_columns(shape, header, file.name, told)
            continue
        record = _record(number, header, cells, bad)
        if record:
            chunk.append((number, record))
        if len(chunk) >= _BATCH:
            yield chunk
            chunk = []
    if header is None:
        told.differs(f"{file.name}: the sheet is empty")
    yield chunk


def _record(number: int, header: list[str], cells: list[object], bad: list[BadLine]) -> bytes | None:
    raw = json.dumps(cells, ensure_ascii=False).encode()[:200]
    if any(cell is not None for cell in cells[len(header) :]):
        bad.append(BadLine(number, "excel_too_many_columns", "a cell stands beyond the header", raw))
        return None
    if any(isinstance(cell, list) for cell in cells):
        why = "a number has more than 15 digits, which Excel does not keep; format the column as text"
        bad.append(BadLine(number, "excel_number_too_long", why, raw))
        return None
    values = {name: cell for name, cell in zip(header, cells, strict=False) if name and cell is not None}
    return json.dumps(values, ensure_ascii=False).encode()


def _rows(file: BatchFile, path: Path) -> Iterator[tuple[int, list[object]]]:
    """Row numbers and cells of the sheet."""
    command = [sys.executable, "-m", "feeds.excel_worker", str(path), file.sheet or ""]
    environment = {**os.environ, "PYTHONPATH": str(_PACKAGE_ROOT), "MALLOC_ARENA_MAX": "2"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, encoding="utf-8"
    ) as worker:
        assert worker.stdout is not None
        assert worker.stderr is not None
        try:
            for line in worker.stdout:
                number, cells = json.loads(line)
                yield number, cells
            told = worker.stderr.read().strip()
        finally:
            worker.kill() if worker.poll() is None and sys.exc_info()[0] else worker.wait()
    if worker.returncode == 2:
        raise FeedError(
            f"{file.name}: there is no sheet {file.sheet!r} (there are {', '.join(json.loads(told))}). "
            "Correct the source's `sheet` in the shop file."
        )
    if worker.returncode:
        why = told.splitlines()[-1] if worker.returncode == 3 and told else "it is too large or damaged"
        raise FeedError(f"{file.name}: not a readable workbook ({why}). Save it again, or send CSV.")
