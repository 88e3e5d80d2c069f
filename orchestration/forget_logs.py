"""A customer taken out of Dagster's storage and of text logs, should an id have got into them.

Nothing writes ids there on purpose; a failed check may show a key. Only ids that cannot be mistaken for a
number of something else are looked for.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from feeds.people import Person

GONE = "[forgotten]"
_FOLDERS = ("dagster", "spark", "dbt", "logs")
_TEXT = {".log", ".txt", ".out", ".err", ".json", ".jsonl", ".stdout", ".stderr"}
# A shorter number may be a count, a line or an hour.
_FEWEST_DIGITS = 6


def forget_in_logs(folder: Path, person: Person) -> dict[str, dict[str, int]]:
    """Places that named the customer before and after, by store; ``folder`` is the shop's."""
    ids = [i for i in (*person.customers, *person.visitors, *person.pseudonyms) if _is_telling(i)]
    if not ids:
        return {}
    pattern = re.compile(
        r"(?<![\w-])(?:" + "|".join(map(re.escape, sorted(ids, reverse=True))) + r")(?![\w-])"
    )
    found = {}
    for name in _FOLDERS:
        files = [p for p in (folder / name).rglob("*") if p.is_file()]
        changed = sum(_in_sqlite(p, ids, pattern) if _is_sqlite(p) else _in_text(p, pattern) for p in files)
        if changed:
            found[name] = {"before": changed, "after": 0}
    return found


def _is_telling(value: str) -> bool:
    return len(value) >= (_FEWEST_DIGITS if value.isdecimal() else 3)


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(15) == b"SQLite format 3"


def _in_sqlite(path: Path, ids: Iterable[str], pattern: re.Pattern[str]) -> int:
    changed = 0
    with closing(sqlite3.connect(path, timeout=60)) as db:
        tables = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for _, column, kind, *_ in db.execute(f'pragma table_info("{table}")').fetchall():
                if kind.upper().split("(")[0] not in ("TEXT", "VARCHAR", "CLOB"):
                    continue
                named = " or ".join([f'instr("{column}", ?) > 0'] * len(list(ids)))
                rows = db.execute(f'select rowid, "{column}" from "{table}" where {named}', list(ids))
                for row_id, text in rows.fetchall():
                    told, n = pattern.subn(GONE, text)
                    if n:
                        db.execute(f'update "{table}" set "{column}" = ? where rowid = ?', [told, row_id])
                        changed += n
        db.commit()
        if changed:
            db.execute("pragma wal_checkpoint(truncate)")
            db.execute("vacuum")
    return changed


def _in_text(path: Path, pattern: re.Pattern[str]) -> int:
    if path.suffix not in _TEXT:
        return 0
    text = path.read_text(encoding="utf-8", errors="replace")
    told, n = pattern.subn(GONE, text)
    if n:
        path.write_text(told, encoding="utf-8")
    return n
