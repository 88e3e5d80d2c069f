"""The fast reading of CSV gives what the careful one gives (rows, lines, rejects), or leaves it the file."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest

from feeds.dialect import Shape
from feeds.reading_csv import read_csv
from feeds.reading_csv_fast import MIN_BYTES, read_clean
from feeds.shape_tables import BatchFile, ShapeRead, create_rejects

COLUMNS = ("id", "name", "note")
SHAPE = Shape("things", COLUMNS)
N = 12_000
TABLE = "create temp table things (_file_id bigint, _line bigint, id varchar, name varchar, note varchar)"


Rows = list[tuple[object, ...]]


def read(path: Path, scratch: Path, size: int) -> tuple[Rows, Rows]:
    """Rows and rejects; a size below the bound makes the reading careful."""
    with duckdb.connect() as con:
        con.execute(
            "create temp table things (_file_id bigint, _line bigint, id varchar, name varchar, note varchar)"
        )
        create_rejects(con)
        told = ShapeRead()
        read_csv(con, SHAPE, [BatchFile(3, path, path.name, "csv", size=size)], scratch, told)
        assert not told.refused
        rows = con.execute("select * from things order by _line").fetchall()
        return rows, con.execute("select _file_id, _line, rule from rejects order by _line").fetchall()


def lines(damage: str) -> list[str]:
    """A file's lines; of a few hundred of them something is wrong."""
    dice = random.Random(7)
    made = [f'{n},"name, {n}",note number {n}' for n in range(N)]
    for n in sorted(dice.sample(range(N), 300)):
        made[n] = {
            "none": made[n],
            "ragged": f"{n},x",
            "blank": "",
            "long": made[n] + ",more",
            "quote": f'{n},"x,y',
            "inner": f'{n},"two\nlines",z',
        }[damage]
    return ["id,name,note", *made]


@pytest.mark.parametrize("damage", ["none", "ragged", "blank", "long", "inner"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_both_ways_of_reading_give_the_same(damage: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / "sent.csv"
    path.write_bytes((end.join(lines(damage)) + end).encode())
    assert path.stat().st_size > MIN_BYTES
    fast, careful = read(path, tmp_path, path.stat().st_size), read(path, tmp_path, 0)
    assert fast == careful
    assert len(fast[0]) + len(fast[1]) == N - (300 if damage == "blank" else 0)


@pytest.mark.parametrize(
    ("damage", "is_clean"), [("none", True), ("ragged", True), ("quote", False), ("inner", False)]
)
def test_only_files_whose_lines_add_up_are_read_fast(damage: str, is_clean: bool, tmp_path: Path) -> None:
    path = tmp_path / "sent.csv"
    path.write_text("\n".join(lines(damage)) + "\n")
    with duckdb.connect() as con:
        con.execute(
            "create temp table things (_file_id bigint, _line bigint, id varchar, name varchar, note varchar)"
        )
        create_rejects(con)
        assert read_clean(con, SHAPE, 0, path, COLUMNS, ",", tmp_path) == is_clean
        kept = con.execute("select count(*) from things").fetchone()
        assert kept == ((N if damage == "none" else N - 300,) if is_clean else (0,))
