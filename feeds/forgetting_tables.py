"""A customer's rows taken out of Delta tables and quarantine files, older versions included.

Rows go in one Delta commit, then the files of older versions are deleted and what the log told of them
(least and greatest values, predicates) with them: travelling back to a version before it ends here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from data_quality.acceptance_rules import literal
from data_quality.contract import load_contract
from data_quality.forgotten import LINKS, keeps_rows, owned
from feeds.checksums import forget_note
from feeds.lake import LAYERS, Lake
from feeds.people import Person


def forget_in_lake(lake: Lake, person: Person) -> dict[str, dict[str, int]]:
    """Rows of the customer before and after, by table; rows of orders stay without the link.

    The caller holds the locks of all feeds: files that no commit names yet are deleted, too.
    """
    told = {}
    for layer in LAYERS:
        for name in lake.names(layer):
            links = tuple(link for link in LINKS if link in lake.schema(layer, name).names)
            if not links:
                continue
            told[f"lake/{layer}/{name}"] = _forget_in_table(lake, layer, name, links, person)
    return told


def _forget_in_table(
    lake: Lake, layer: str, name: str, links: tuple[str, ...], person: Person
) -> dict[str, int]:
    path = lake.path(layer, name)
    mine = owned(links, _listed(person.customers), _listed(person.visitors))
    before = _count(lake, layer, name, mine)
    if before:
        table, columns = DeltaTable(str(path)), lake.schema(layer, name).names
        if layer == "raw" and keeps_rows(load_contract(name)):
            personal = [c.name for c in load_contract(name).columns if c.personal and c.name in columns]
            table.update(updates=dict.fromkeys((*links, *personal), "cast(null as string)"), predicate=mine)
        else:
            table.delete(mine)
    purge_history(path)
    return {"before": before, "after": _count(lake, layer, name, mine)}


def purge_history(path: Path) -> None:
    """Delete every file that the latest version of a table does not name, and what its log says of them."""
    table = DeltaTable(str(path))
    forget_note(path)
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)
    log = path / "_delta_log"
    for checkpoint in [*log.glob("*.checkpoint*.parquet"), *log.glob("_last_checkpoint")]:
        checkpoint.unlink()
    for entry in sorted(log.glob("*.json")):
        _strip_values(entry)


def _strip_values(entry: Path) -> None:
    """Keep of a log entry what makes the table, without values of its rows."""
    lines, changed = [], False
    for line in entry.read_text(encoding="utf-8").splitlines():
        action = json.loads(line)
        for kind in ("add", "remove"):
            stats = json.loads(action.get(kind, {}).get("stats") or "{}")
            if stats.keys() & {"minValues", "maxValues"}:
                action[kind]["stats"] = json.dumps({"numRecords": stats.get("numRecords", 0)})
                changed = True
        if "predicate" in action.get("commitInfo", {}).get("operationParameters", {}):
            del action["commitInfo"]["operationParameters"]["predicate"]
            changed = True
        lines.append(json.dumps(action, separators=(",", ":")))
    if changed:
        aside = entry.with_name(f".tmp-{os.getpid()}-{entry.name}")
        aside.write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.replace(aside, entry)


def _count(lake: Lake, layer: str, name: str, mine: str) -> int:
    files = lake.files(layer, name)
    if not files:
        return 0
    with duckdb.connect() as con:
        row = con.execute(
            f"select count(*) from read_parquet(?, union_by_name = true) where {mine}", [files]
        ).fetchone()
    return int(row[0]) if row else 0


def forget_in_quarantine(folder: Path, lines: dict[str, set[int]]) -> dict[str, int]:
    """Take rows that came from these lines (by content address) out of the quarantine files."""
    wanted = [(address, line) for address, numbers in lines.items() for line in numbers]
    before = 0
    for file in sorted((folder / "quarantine").rglob("*.parquet")) if wanted else ():
        with duckdb.connect() as con:
            con.execute("create table gone (file_id varchar, line bigint)")
            con.executemany("insert into gone values (?, ?)", wanted)
            source = f"read_parquet({literal(str(file))})"
            there = f"from {source} q semi join gone using (file_id, line)"
            n_rows = con.execute(f"select count(*) {there}").fetchone()
            if not n_rows or not n_rows[0]:
                continue
            before += int(n_rows[0])
            aside = file.with_name(f".tmp-{os.getpid()}-{file.name}")
            con.execute(
                f"copy (select q.* from {source} q anti join gone using (file_id, line)) "
                f"to {literal(str(aside))} (format parquet, compression zstd)"
            )
            os.replace(aside, file)
    return {"before": before, "after": 0}


def _listed(values: Iterable[str]) -> str:
    return ", ".join(map(literal, values)) or "null"
