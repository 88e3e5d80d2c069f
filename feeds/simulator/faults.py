"""Named faults of feed files: what goes wrong in a shop's exports, planted once each and noted in the truth.

A fault changes one file of one feed (``late_events`` two, ``replayed_file`` adds one) within the first 25
days. Judging the rows is the business of acceptance, not of this module.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from feeds.simulator.params import SimulationParams
from feeds.simulator.streams import stream

FIRST_FAULT_DAY = 5
LATE_FROM_DAY, LATE_BY_DAYS, LATE_RATIO = 21, 3, 0.1
DROP_RATIO = 0.4
TOUCHED_ROWS = 3

Lines = list[bytes]  # of a file, the header first where it has one
Touched = list[int]  # line numbers of the written file, counted from 1


@dataclass(frozen=True)
class Fault:
    """A fault: the feed it befalls, the column it spoils and the rule that should tell."""

    feed: str
    description: str
    rule: str
    column: str | None = None


CATALOGUE: dict[str, Fault] = {
    "duplicate_rows": Fault("events", "three rows are sent twice in one file", "duplicate", "event_id"),
    "replayed_file": Fault("events", "a file is sent again under another name", "file_already_loaded"),
    "negative_units": Fault("order_lines", "three lines have negative units", "units_minimum", "units"),
    "missing_key": Fault("events", "three events have no identifier", "event_id_required", "event_id"),
    "unknown_event_type": Fault(
        "events", "three events are of an unknown kind", "event_type_allowed", "event_type"
    ),
    "future_timestamp": Fault(
        "events", "three events happen ten years ahead", "occurred_in_the_future", "occurred_at"
    ),
    "ragged_line": Fault("events", "three lines break off in the middle", "csv_missing_columns"),
    "wrong_type": Fault("order_lines", "three lines spell their units in letters", "units_type", "units"),
    "late_events": Fault("events", "a file holds events of three days before", "none", "occurred_at"),
    "out_of_order": Fault("events", "the rows of a file are shuffled", "none"),
    "volume_drop": Fault("events", "a file lacks 40 % of its events", "volume"),
    "missing_column": Fault(
        "order_status_events", "a file lacks a required column", "missing_column", "status_at"
    ),
    "currency_unknown": Fault(
        "order_lines", "three lines name no ISO currency", "currency_pattern", "currency"
    ),
    "bad_encoding": Fault("orders", "three names of a file are not UTF-8", "encoding", "recipient_name"),
    "stock_negative": Fault(
        "stock_levels", "three rows report negative stock", "on_hand_units_minimum", "on_hand_units"
    ),
}
FAULTS: dict[str, str] = {name: fault.description for name, fault in CATALOGUE.items()}

_SPOILED_CELLS = {
    "negative_units": "-2",
    "missing_key": "",
    "unknown_event_type": "teleport",
    "wrong_type": "two",
    "currency_unknown": "EURO",
    "future_timestamp": None,
}


@dataclass(frozen=True)
class FaultNote:
    """One line of the truth about faults; ``line`` is null where the whole file is meant."""

    fault: str
    feed: str
    file: str
    line: int | None
    column: str | None
    rule: str


class FaultInjector:
    """Spoils the files of the days on which the chosen faults fall and keeps notes."""

    def __init__(self, params: SimulationParams) -> None:
        self._params = params
        order = stream(params.seed, "fault days").permutation(len(CATALOGUE))
        self._pending = {
            name: FIRST_FAULT_DAY + int(slot)
            for name, slot in zip(CATALOGUE, order, strict=True)
            if name in params.faults and name != "late_events"
        }
        self._held_back: Lines = []
        self.notes: list[FaultNote] = []

    def spoil(self, feed: str, day: int, file: str, content: bytes) -> dict[str, bytes]:
        """The files to write instead of one text file: usually itself."""
        if feed == "events" and "late_events" in self._params.faults:
            content = self._late(day, file, content)
        fault = self._due(feed, day, content)
        if fault is None:
            return {file: content}
        if fault == "replayed_file":
            again = file.replace(".", "_resent.", 1)
            self._note(fault, again, [None])
            return {file: content, again: content}
        lines, touched = self._apply(fault, content.splitlines(keepends=True))
        self._note(fault, file, touched or [None])
        return {file: b"".join(lines)}

    def spoil_stock(self, day: int, file: str, on_hand: np.ndarray) -> np.ndarray:
        """Stock on hand as the day's file tells it."""
        if self._pending.get("stock_negative", day + 1) > day:
            return on_hand
        del self._pending["stock_negative"]
        rng = stream(self._params.seed, "fault stock_negative")
        rows = np.sort(rng.choice(len(on_hand), TOUCHED_ROWS, replace=False))
        self._note("stock_negative", file, [int(row) + 1 for row in rows])
        spoiled = on_hand.copy()
        spoiled[rows] = -4
        return spoiled

    def _due(self, feed: str, day: int, content: bytes) -> str | None:
        """The first fault waiting for a file of the feed with rows enough."""
        for name, since in self._pending.items():
            if CATALOGUE[name].feed == feed and since <= day and content.count(b"\n") > TOUCHED_ROWS:
                del self._pending[name]
                return name
        return None

    def _late(self, day: int, file: str, content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        if day == LATE_FROM_DAY:
            rng = stream(self._params.seed, "fault late_events")
            late = rng.random(len(lines) - 1) < LATE_RATIO
            late[0] = True
            self._held_back = [line for line, is_late in zip(lines[1:], late, strict=True) if is_late]
            lines = [lines[0], *(line for line, is_late in zip(lines[1:], late, strict=True) if not is_late)]
        if day == LATE_FROM_DAY + LATE_BY_DAYS:
            first = len(lines) + 1
            lines += self._held_back
            self._note("late_events", file, list(range(first, len(lines) + 1)))
        return b"".join(lines)

    def _apply(self, fault: str, lines: Lines) -> tuple[Lines, Touched]:
        rng = stream(self._params.seed, f"fault {fault}")
        if fault in _SPOILED_CELLS:
            return _spoil_cells(rng, lines, str(CATALOGUE[fault].column), _SPOILED_CELLS[fault])
        return _WHOLE_FILE[fault](rng, lines)

    def _note(self, fault: str, file: str, lines: list[int] | list[None] | list[int | None]) -> None:
        kind = CATALOGUE[fault]
        self.notes += [FaultNote(fault, kind.feed, file, line, kind.column, kind.rule) for line in lines]


def _chosen(rng: np.random.Generator, lines: Lines) -> Touched:
    """Numbers of a few lines below the header."""
    return sorted(int(i) + 2 for i in rng.choice(len(lines) - 1, TOUCHED_ROWS, replace=False))


def _edited(
    lines: Lines, number: int, column: str, change: Callable[[str], str], encoding: str = "utf-8"
) -> bytes:
    """A line of a CSV file with one cell changed."""
    position = next(csv.reader([lines[0].decode()])).index(column)
    cells = next(csv.reader([lines[number - 1].decode()]))
    cells[position] = change(cells[position])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode(encoding)


def _spoil_cells(
    rng: np.random.Generator, lines: Lines, column: str, value: str | None
) -> tuple[Lines, Touched]:
    touched, spoiled = _chosen(rng, lines), list(lines)
    for number in touched:
        spoiled[number - 1] = _edited(
            lines, number, column, lambda cell: _ten_years_on(cell) if value is None else value
        )
    return spoiled, touched


def _ten_years_on(instant: str) -> str:
    # 28 February also stands for the 29th, which the later year need not have.
    year, rest = int(instant[:4]) + 10, instant[4:].replace("-02-29", "-02-28")
    return f"{year}{rest}"


def _duplicate(rng: np.random.Generator, lines: Lines) -> tuple[Lines, Touched]:
    chosen = _chosen(rng, lines)
    return [*lines, *(lines[number - 1] for number in chosen)], [
        len(lines) + i + 1 for i in range(len(chosen))
    ]


def _break_off(rng: np.random.Generator, lines: Lines) -> tuple[Lines, Touched]:
    touched, broken = _chosen(rng, lines), list(lines)
    for number in touched:
        broken[number - 1] = b",".join(lines[number - 1].split(b",")[:4]) + b"\n"
    return broken, touched


def _shuffle(rng: np.random.Generator, lines: Lines) -> tuple[Lines, Touched]:
    return [lines[0], *(lines[1 + int(i)] for i in rng.permutation(len(lines) - 1))], []


def _drop(rng: np.random.Generator, lines: Lines) -> tuple[Lines, Touched]:
    n = len(lines) - 1
    lost = set(rng.choice(n, round(DROP_RATIO * n), replace=False).tolist())
    return [lines[0], *(line for i, line in enumerate(lines[1:]) if i not in lost)], []


def _without_column(rng: np.random.Generator, lines: Lines) -> tuple[Lines, Touched]:
    position = lines[0].decode().strip().split(",").index(str(CATALOGUE["missing_column"].column))
    cut = []
    for line in lines:
        cells = line.rstrip(b"\n").split(b",")
        cut.append(b",".join(cells[:position] + cells[position + 1 :]) + b"\n")
    return cut, []


def _latin_1(rng: np.random.Generator, lines: Lines) -> tuple[Lines, Touched]:
    touched, spoiled = _chosen(rng, lines), list(lines)
    for number in touched:
        spoiled[number - 1] = _edited(lines, number, "recipient_name", lambda _: "Jürgen Müller", "latin-1")
    return spoiled, touched


_WHOLE_FILE: dict[str, Callable[[np.random.Generator, Lines], tuple[Lines, Touched]]] = {
    "duplicate_rows": _duplicate,
    "ragged_line": _break_off,
    "out_of_order": _shuffle,
    "volume_drop": _drop,
    "missing_column": _without_column,
    "bad_encoding": _latin_1,
}
