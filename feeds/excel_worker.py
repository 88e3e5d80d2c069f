"""A workbook's sheet as JSON Lines on standard output, in a process of its own whose memory is bounded.

Run as ``python -m feeds.excel_worker PATH SHEET``; it imports nothing of the rest, so that it starts fast.
"""

from __future__ import annotations

import datetime
import json
import resource
import sys

MEMORY_BYTES = 448 << 20
MAX_DIGITS = 10**15


def main(path: str, sheet: str) -> int:
    """Write one list of cells a line; 2 when there is no such sheet, 3 for a workbook that cannot be read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from python_calamine import CalamineError, PasswordError, WorksheetNotFound, load_workbook

    try:
        workbook = load_workbook(path)
        names = workbook.sheet_names
        if sheet and sheet not in names:
            print(json.dumps(names), file=sys.stderr)
            return 2
        rows = workbook.get_sheet_by_name(sheet or names[0])
        first = rows.start[0] if rows.start else 0
        for number, row in enumerate(rows.iter_rows(), first + 1):
            cells = [cell_text(value) for value in row]
            if any(cell is not None for cell in cells):
                sys.stdout.write(json.dumps([number, cells], ensure_ascii=False) + "\n")
    except PasswordError:
        print("it is protected by a password; save it without one", file=sys.stderr)
        return 3
    except (CalamineError, WorksheetNotFound, IndexError, OSError, ValueError) as broken:
        print(broken, file=sys.stderr)
        return 3
    except MemoryError:
        print("it is too large; save the sheet as CSV", file=sys.stderr)
        return 3
    return 0


def cell_text(value: object) -> str | list[str] | None:
    """A cell as text: whole numbers without a fraction, dates in ISO form; a list of one for a number whose
    digits Excel has already lost (it keeps fifteen).
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        text = str(int(value)) if float(value).is_integer() and abs(value) < 1e17 else repr(value)
        return [text] if abs(value) >= MAX_DIGITS else text
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1], sys.argv[2]))
