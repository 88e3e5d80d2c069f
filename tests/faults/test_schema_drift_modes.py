"""Ten kinds of drift in four guises under four modes: each has the outcome that the table says."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feeds.report import FeedError

MODES = ("evolve", "freeze", "discard_row", "discard_value")
N = 3  # rows of the drifted file; the middle one carries the odd value

# kind: outcome under evolve, freeze, discard_row, discard_value. "all": every row as it is; "kept": every
# row, and the odd text in a column x_<name>; "dropped": every row, the odd value gone; "rows": rows with an
# odd value are set aside; "refused": nothing is loaded.
OUTCOMES = {
    "new_column": ("kept", "refused", "rows", "all"),
    "optional_column_missing": ("all", "all", "all", "all"),
    "required_column_missing": ("refused", "refused", "refused", "refused"),
    "type_widened": ("kept", "refused", "rows", "dropped"),
    "type_narrowed": ("all", "all", "all", "all"),
    "optional_column_renamed": ("kept", "refused", "rows", "dropped"),
    "columns_reordered": ("all", "all", "all", "all"),
    "case_changed": ("all", "refused", "all", "all"),
    "column_twice": ("refused", "refused", "refused", "refused"),
    "nested_instead_of_scalar": ("kept", "refused", "rows", "dropped"),
}
# JSON has no header: a record that lacks a required member or has one twice is set aside, and a name in
# another case is another name.
JSON_OUTCOMES = OUTCOMES | {
    "required_column_missing": ("rows", "rows", "rows", "rows"),
    "case_changed": ("rows", "refused", "rows", "rows"),
    "column_twice": ("rows", "rows", "rows", "rows"),
}
FEEDS = {
    # feed: rows of a good file, an optional column of a type, another optional one, a required one
    "events": (
        [
            {
                "event_id": f"e{n}", "visitor_id": "v", "event_type": "view",
                "occurred_at": "2026-02-01T10:00:00Z", "sku": f"A{n}", "units": 1 + n,
            }
            for n in range(N)
        ],
        "units", "sku", "visitor_id",
    ),
    "products": (
        [
            {
                "sku": f"A{n}", "title": f"Cup {n}", "updated_at": "2026-02-01T10:00:00Z", "brand": f"B{n}",
                "launched_date": "2026-01-01",
            }
            for n in range(N)
        ],
        "launched_date", "brand", "title",
    ),
}  # fmt: skip
GUISES = [("events", "csv"), ("products", "csv"), ("events", "jsonl"), ("products", "parquet")]


def drifted(feed: str, kind: str) -> tuple[list[str], list[list[Any]], str]:
    """Header and rows of a file with one kind of drift, and the column that is odd."""
    good, typed, optional, required = FEEDS[feed]
    names, rows = list(good[0]), [list(row.values()) for row in good]
    at = names.index
    if kind == "new_column":
        return [*names, "mood"], [[*row, "fine" if n == 1 else None] for n, row in enumerate(rows)], "mood"
    if kind in ("optional_column_missing", "required_column_missing"):
        gone = at(optional if kind.startswith("optional") else required)
        return names[:gone] + names[gone + 1 :], [row[:gone] + row[gone + 1 :] for row in rows], names[gone]
    if kind == "type_widened":
        rows[1][at(typed)] = "2.5 boxes"
        return names, rows, typed
    if kind == "type_narrowed":
        # A timestamp that is sent as a day fits into one.
        moment = "occurred_at" if feed == "events" else "updated_at"
        for row in rows:
            row[at(moment)] = "2026-02-01"
        return names, rows, moment
    if kind == "optional_column_renamed":
        for n in (0, 2):
            rows[n][at(optional)] = None
        return [f"{optional}_neu" if c == optional else c for c in names], rows, f"{optional}_neu"
    if kind == "columns_reordered":
        return names[::-1], [row[::-1] for row in rows], optional
    if kind == "case_changed":
        return [c.upper() if c == required else c for c in names], rows, required
    if kind == "column_twice":
        return [*names, optional], [[*row, row[at(optional)]] for row in rows], optional
    assert kind == "nested_instead_of_scalar"
    rows[1][at(typed)] = json.dumps({"value": 7})
    return names, rows, typed


def encoded(names: list[str], rows: list[list[Any]], form: str, kind: str) -> bytes:
    if form == "csv":

        def cell(value: Any) -> str:
            text = "" if value is None else str(value)
            return '"' + text.replace('"', '""') + '"' if '"' in text else text

        return ("\n".join([",".join(names), *(",".join(map(cell, row)) for row in rows)]) + "\n").encode()
    if form == "jsonl":

        def member(name: str, value: Any) -> str:
            is_object = (
                kind == "nested_instead_of_scalar" and isinstance(value, str) and value.startswith("{")
            )
            return f"{json.dumps(name)}: {value if is_object else json.dumps(value)}"

        lines = ["{" + ", ".join(map(member, names, row)) + "}" for row in rows]
        return ("\n".join(lines) + "\n").encode()
    columns = [
        pa.array([None if v is None else str(v) for v in column]) for column in zip(*rows, strict=True)
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, names=names), out)
    return out.getvalue()


@pytest.fixture
def receive(ingest_drill: Any, tmp_path: Path) -> Any:
    """Ingest one file in a mode; gives the rows, the rules of what was set aside, and the report or error."""

    def run(
        feed: str, form: str, content: bytes, mode: str
    ) -> tuple[Any, list[dict[str, Any]], list[str], Any]:
        drill = ingest_drill.Drill(tmp_path)
        drill.describe(f", on_drift: {mode}, min_rejected_rows: 100")
        file = drill.feeds / feed / f"2026-02-01.{form}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        shop = ingest_drill.load_shop("corner", drill.home, data=drill.feeds)
        try:
            told: Any = ingest_drill.ingest_feed(shop, feed, drill.home, key=b"k", now=ingest_drill.NOW)
        except FeedError as refused:
            told = refused
        rows = drill.lake.read("raw", feed).to_pylist() if drill.lake.exists("raw", feed) else []
        aside = [rule for *_, rule in drill.quarantined(feed)]
        return drill, rows, aside, told

    return run


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("feed", "form"), GUISES)
@pytest.mark.parametrize("kind", OUTCOMES)
def test_each_kind_of_drift_has_its_outcome(receive: Any, kind: str, feed: str, form: str, mode: str) -> None:
    names, rows, odd = drifted(feed, kind)
    outcome = (JSON_OUTCOMES if form == "jsonl" else OUTCOMES)[kind][MODES.index(mode)]
    drill, stored, aside, told = receive(feed, form, encoded(names, rows, form, kind), mode)
    key = next(iter(FEEDS[feed][0][0]))
    all_keys = [row[key] for row in FEEDS[feed][0]]
    found = sorted(row[key] for row in stored)
    if outcome == "refused":
        assert isinstance(told, FeedError)
        assert (found, drill.ledger.done_loads(feed)) == ([], set())
        return
    assert told.rows_read == told.accepted + told.deduplicated + told.quarantined + told.filtered == N
    if outcome == "rows":
        n_bad = N if kind in ("required_column_missing", "case_changed", "column_twice") else 1
        assert (len(aside), len(found)) == (n_bad, N - n_bad)
        return
    assert (found, aside) == (all_keys, [])
    by_key = {row[key]: row for row in stored}
    middle, variant = by_key[all_keys[1]], f"x_{odd}"
    if outcome == "kept":
        wanted = {"new_column": "fine", "type_widened": "2.5 boxes"}.get(kind)
        if kind == "optional_column_renamed":
            wanted = FEEDS[feed][0][1][FEEDS[feed][2]]
        if kind == "nested_instead_of_scalar":
            assert json.loads(middle[variant]) == {"value": 7}
        else:
            assert middle[variant] == wanted
        assert [row.get(variant) for k, row in by_key.items() if k != all_keys[1]] == [None] * (N - 1)
    if outcome == "dropped":
        assert middle[FEEDS[feed][2] if kind == "optional_column_renamed" else odd] is None
        assert variant not in middle
    if kind in ("new_column", "optional_column_renamed") or (kind, form) == (
        "optional_column_missing",
        "csv",
    ):
        assert any(odd in event for _, _, _, event in drill.ledger.drift_events(feed))


def test_a_frozen_source_goes_on_once_it_may_evolve_and_the_column_stays_when_it_is_frozen_again(
    receive: Any,
) -> None:
    names, rows, _ = drifted("events", "new_column")
    content = encoded(names, rows, "csv", "new_column")
    _, stored, _, told = receive("events", "csv", content, "freeze")
    assert isinstance(told, FeedError)
    assert stored == []
    _, stored, _, told = receive("events", "csv", content, "evolve")
    assert (told.accepted, [row["x_mood"] for row in stored]) == (N, [None, "fine", None])
    later = content.replace(b",mood", b"").replace(b",fine", b"").replace(b"e0", b"e7").replace(b",\n", b"\n")
    _, stored, _, told = receive("events", "csv", later, "freeze")
    assert (len(stored), sum(row["x_mood"] == "fine" for row in stored)) == (N + told.accepted, 1)
