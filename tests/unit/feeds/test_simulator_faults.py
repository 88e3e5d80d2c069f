"""Named faults of the simulator: each changes exactly what it says, and the truth tells where."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from feeds.simulator import FAULTS, SimulationParams, simulate
from feeds.simulator.faults import CATALOGUE

SIZE = {"days": 26, "skus": 40, "customers": 200}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(SimulationParams(**SIZE), tmp_path_factory.mktemp("clean")).out_dir


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same shop with every fault."""
    params = SimulationParams(**SIZE, faults=tuple(FAULTS))
    return simulate(params, tmp_path_factory.mktemp("spoiled")).out_dir


def notes(folder: Path, fault: str) -> list[dict[str, Any]]:
    """What the truth says of a fault."""
    return [
        row
        for row in pq.read_table(folder / "_truth" / "faults.parquet").to_pylist()
        if row["fault"] == fault
    ]


def lines_of(path: Path) -> list[bytes]:
    """The lines of a file with their ends."""
    return path.read_bytes().splitlines(keepends=True)


def cells(line: bytes) -> list[str]:
    """The cells of a CSV line."""
    return next(csv.reader(io.StringIO(line.decode())))


def before_and_after(clean: Path, spoiled: Path, fault: str) -> tuple[list[bytes], list[bytes], list[int]]:
    """Lines of the spoiled file without and with the fault, and the numbers of the touched ones."""
    told = notes(spoiled, fault)
    [(feed, file)] = {(note["feed"], note["file"]) for note in told}
    return (
        lines_of(clean / feed / file),
        lines_of(spoiled / feed / file),
        [note["line"] for note in told if note["line"] is not None],
    )


def test_every_fault_is_described_and_noted_once_with_its_rule(spoiled: Path) -> None:
    for name, fault in CATALOGUE.items():
        assert FAULTS[name] == fault.description
        told = notes(spoiled, name)
        assert told, f"{name} was never planted"
        assert {(note["feed"], note["rule"]) for note in told} == {(fault.feed, fault.rule)}
        assert len({note["file"] for note in told}) == 1


def test_only_the_noted_files_differ(clean: Path, spoiled: Path) -> None:
    def contents(folder: Path) -> dict[str, bytes]:
        return {
            str(p.relative_to(folder)): p.read_bytes()
            for p in folder.rglob("*")
            if p.is_file() and "_truth" not in p.parts
        }

    before, after = contents(clean), contents(spoiled)
    differing = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    noted = {f"{n['feed']}/{n['file']}" for name in FAULTS for n in notes(spoiled, name)}
    assert differing == noted | {"events/2025-01-22.csv"}  # the late events were taken from there


@pytest.mark.parametrize(
    ("fault", "column", "value"),
    [
        ("negative_units", "units", "-2"), ("missing_key", "event_id", ""),
        ("unknown_event_type", "event_type", "teleport"), ("wrong_type", "units", "two"),
        ("currency_unknown", "currency", "EURO"),
    ],
)  # fmt: skip
def test_a_cell_fault_changes_three_cells(
    clean: Path, spoiled: Path, fault: str, column: str, value: str
) -> None:
    before, after, touched = before_and_after(clean, spoiled, fault)
    position = cells(before[0]).index(column)
    assert len(before) == len(after)
    assert len(touched) == 3
    for number, (old, new) in enumerate(zip(before, after, strict=True), start=1):
        if number not in touched:
            assert old == new
            continue
        expected = cells(old)
        expected[position] = value
        assert cells(new) == expected


def test_future_timestamps_are_ten_years_ahead(clean: Path, spoiled: Path) -> None:
    before, after, touched = before_and_after(clean, spoiled, "future_timestamp")
    position = cells(before[0]).index("occurred_at")
    years = {
        int(cells(after[n - 1])[position][:4]) - int(cells(before[n - 1])[position][:4]) for n in touched
    }
    assert years == {10}


def test_duplicate_rows_repeat_three_lines_at_the_end(clean: Path, spoiled: Path) -> None:
    before, after, touched = before_and_after(clean, spoiled, "duplicate_rows")
    assert after[: len(before)] == before
    assert touched == [len(before) + 1, len(before) + 2, len(before) + 3]
    assert set(after[len(before) :]) <= set(before[1:])
    assert len(set(after[len(before) :])) == 3


def test_a_replayed_file_has_the_same_bytes_under_another_name(clean: Path, spoiled: Path) -> None:
    [note] = notes(spoiled, "replayed_file")
    original = note["file"].replace("_resent", "")
    assert (spoiled / "events" / note["file"]).read_bytes() == (clean / "events" / original).read_bytes()
    assert (spoiled / "events" / original).read_bytes() == (clean / "events" / original).read_bytes()


def test_ragged_lines_have_four_cells(clean: Path, spoiled: Path) -> None:
    before, after, touched = before_and_after(clean, spoiled, "ragged_line")
    assert [len(cells(after[n - 1])) for n in touched] == [4, 4, 4]
    assert [line for n, line in enumerate(after, 1) if n not in touched] == [
        line for n, line in enumerate(before, 1) if n not in touched
    ]


def test_late_events_leave_their_file_and_come_three_days_later(clean: Path, spoiled: Path) -> None:
    before, after, touched = before_and_after(clean, spoiled, "late_events")
    late = [after[n - 1] for n in touched]
    assert after == before + late
    own_day = lines_of(clean / "events" / "2025-01-22.csv")
    assert sorted(lines_of(spoiled / "events" / "2025-01-22.csv") + late) == sorted(own_day)
    assert len(late) >= 1


def test_out_of_order_shuffles_and_loses_nothing(clean: Path, spoiled: Path) -> None:
    before, after, _ = before_and_after(clean, spoiled, "out_of_order")
    assert after != before
    assert after[0] == before[0]
    assert sorted(after) == sorted(before)


def test_a_volume_drop_takes_two_fifths(clean: Path, spoiled: Path) -> None:
    before, after, _ = before_and_after(clean, spoiled, "volume_drop")
    assert set(after) <= set(before)
    assert len(before) - len(after) == round(0.4 * (len(before) - 1))


def test_a_missing_column_is_missing_in_header_and_rows(clean: Path, spoiled: Path) -> None:
    before, after, _ = before_and_after(clean, spoiled, "missing_column")
    position = cells(before[0]).index("status_at")
    assert [cells(line) for line in after] == [
        [cell for i, cell in enumerate(cells(line)) if i != position] for line in before
    ]


def test_bad_encoding_is_no_utf_8_in_the_noted_lines_only(clean: Path, spoiled: Path) -> None:
    before, after, touched = before_and_after(clean, spoiled, "bad_encoding")
    for number, (old, new) in enumerate(zip(before, after, strict=True), start=1):
        if number in touched:
            with pytest.raises(UnicodeDecodeError):
                new.decode()
        else:
            assert new == old


def test_negative_stock_is_told_in_three_rows(clean: Path, spoiled: Path) -> None:
    told = notes(spoiled, "stock_negative")
    file = told[0]["file"]
    before, after = (pq.read_table(folder / "stock_levels" / file).to_pylist() for folder in (clean, spoiled))
    differing = [n for n, (old, new) in enumerate(zip(before, after, strict=True), start=1) if old != new]
    assert differing == [note["line"] for note in told]
    assert {after[n - 1]["on_hand_units"] for n in differing} == {-4}


def test_the_truth_of_demand_does_not_change_with_faults(clean: Path, spoiled: Path) -> None:
    for table in ("demand", "tastes", "complements"):
        assert (clean / "_truth" / f"{table}.parquet").read_bytes() == (
            spoiled / "_truth" / f"{table}.parquet"
        ).read_bytes()
