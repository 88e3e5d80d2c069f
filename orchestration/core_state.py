"""What the core tables hold, as their commits say, and so whether the next launch may add to them.

Every commit to a core table carries a mark: loads of the feeds, the day, the settings. Tables whose marks
differ were left behind by a run that was stopped between two commits. Nothing is computed here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from deltalake import DeltaTable

from feeds.lake import Lake, LakeError

MARK = "shopwright.core"
FORMAT = 1
"""Raised when the jobs' rules or the tables' layout change: older tables are then rebuilt whole."""
PASSING = frozenset({"WRITE", "OPTIMIZE", "VACUUM START", "VACUUM END", "CREATE TABLE", "ADD FEATURE"})


@dataclass(frozen=True)
class Mark:
    """The state of the lake that a core table was computed from."""

    loads: Mapping[str, int]
    versions: Mapping[str, int]
    as_of: str
    settings: str

    def as_metadata(self, days: int | None) -> dict[str, str]:
        """Commit metadata; ``days`` is the number of days rebuilt, ``None`` for all."""
        rebuilt = {"shopwright.core_days": "all" if days is None else str(days)}
        return {MARK: json.dumps(asdict(self), sort_keys=True)} | rebuilt

    def may_follow(self, before: Mark, lake: Lake) -> str | None:
        """Why tables of the mark ``before`` cannot be added to; ``None`` when they can."""
        if before.settings != self.settings:
            return "settings or rules changed"
        if date.fromisoformat(self.as_of) < date.fromisoformat(before.as_of):
            return f"the day went back from {before.as_of} to {self.as_of}"
        if set(before.loads) != set(self.loads):
            return f"feeds were {sorted(before.loads)} and are {sorted(self.loads)}"
        for feed, load in before.loads.items():
            if self.loads[feed] < load or self.versions[feed] < before.versions[feed]:
                return f"raw/{feed} went back"
            if not _only_grew(lake, feed, before.versions[feed]):
                return f"rows of raw/{feed} were changed or removed"
        if "order_lines" not in self.loads and self.loads != before.loads:
            return "purchase events stand in for orders, and an order may span days"
        return None


def mark_now(lake: Lake, feeds: Sequence[str], as_of: date, time_zone: str) -> Mark:
    """The state of the lake now, for the feeds that the jobs read."""
    present = [feed for feed in feeds if lake.exists("raw", feed)]
    return Mark(
        loads={feed: lake.last_load_number("raw", feed) for feed in present},
        versions={feed: lake.version("raw", feed) for feed in present},
        as_of=as_of.isoformat(),
        settings=json.dumps({"format": FORMAT, "time_zone": time_zone}, sort_keys=True),
    )


def mark_of(lake: Lake, name: str) -> Mark | None:
    """The mark of the table's last commit that has one; ``None`` without table or mark."""
    try:
        table = DeltaTable(str(lake.path("core", name))) if lake.exists("core", name) else None
    except LakeError:
        return None
    for entry in table.history() if table else ():
        if MARK in entry:
            return Mark(**json.loads(entry[MARK]))
        if entry["operation"] not in PASSING - {"WRITE"}:
            return None
    return None


def _only_grew(lake: Lake, feed: str, since: int) -> bool:
    """Whether all commits after a version appended rows, or changed none."""
    table = DeltaTable(str(lake.path("raw", feed)))
    later = [entry for entry in table.history(table.version() - since) if int(entry["version"]) > since]
    return all(
        entry["operation"] in PASSING
        and (
            entry["operation"] != "WRITE"
            or str(entry.get("operationParameters", {}).get("mode", "")).lower() == "append"
        )
        for entry in later
    )
