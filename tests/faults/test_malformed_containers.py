"""Archives, Parquet files and workbooks that real senders get wrong: each has its planted outcome."""

from __future__ import annotations

import gzip
import importlib.util
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


m = _load("malformed")
Case, csv, event, archive, parquet = m.Case, m.csv, m.event, m.archive, m.parquet
FOUR = csv(*(event(n) for n in range(4)))
MORE = csv(*(event(n) for n in range(10, 13)))
PACKED = gzip.compress(FOUR)
NAMES = ["event_id", "visitor_id", "event_type", "occurred_at", "sku"]

ARCHIVES = [
    Case("gzip", "a.csv.gz", PACKED, 4),
    Case("gzip_of_several_members", "a.csv.gz", PACKED + gzip.compress(event(9).encode() + b"\n"), 5),
    Case("gzip_without_the_ending", "a.csv", PACKED, 4),
    Case("gzip_twice", "a.csv.gz", gzip.compress(PACKED), 4),
    Case("gzip_three_times", "a.csv.gz", gzip.compress(gzip.compress(PACKED)), refused="several times over"),
    Case("gzip_cut_off", "a.csv.gz", PACKED[:-20], refused="cut off"),
    Case("gzip_with_a_flipped_bit", "a.csv.gz", m.flipped(PACKED, len(PACKED) - 6), refused="damaged"),
    Case("gzip_with_garbage_after", "a.csv.gz", PACKED + b"garbage", refused="damaged"),
    Case("text_named_gzip", "a.csv.gz", FOUR, 4),
    Case("zip_of_one", "a.zip", archive({"x.csv": FOUR}), 4),
    Case("zip_of_several", "a.zip", archive({"x.csv": FOUR, "d/y.csv": MORE, "__MACOSX/._x.csv": b"\0"}), 7),
    Case(
        "zip_with_a_bad_member",
        "a.zip",
        archive({"x.csv": FOUR, "y.csv.gz": PACKED[:-9]}),
        4,
        refused="a.zip!y.csv.gz",
    ),
    Case(
        "zip_with_a_read_me",
        "a.zip",
        archive({"x.csv": FOUR, "README.md": b"hello"}),
        4,
        refused="a.zip!README.md",
    ),
    Case(
        "zip_with_members_named",
        "a.zip",
        archive({"x.csv": FOUR, "README.md": b"hello"}),
        4,
        options=", members: '*.csv'",
    ),
    Case(
        "zip_with_a_password", "a.zip", m.locked(archive({"x.csv": FOUR})), refused="protected by a password"
    ),
    Case("zip_in_zip", "a.zip", archive({"x.zip": archive({"y.csv": FOUR})}), refused="a.zip!x.zip"),
    Case("zip_cut_off", "a.zip", archive({"x.csv": FOUR})[:-30], refused="no end"),
    Case(
        "zip_with_a_flipped_bit",
        "a.zip",
        m.flipped(archive({"x.csv": FOUR}, zipfile.ZIP_STORED), 60),
        refused="damaged",
    ),
    Case("zip_of_nothing", "a.zip", archive({}), refused="holds no file"),
    Case(
        "zip_that_climbs_out",
        "a.zip",
        archive({"../../x.csv": FOUR, "y.csv": MORE}),
        3,
        refused="leads out of the archive",
    ),
    Case("zip_from_the_root", "a.zip", archive({"/etc/x.csv": FOUR}), refused="leads out of the archive"),
    Case("zip_with_a_link", "a.zip", m.link("/etc/passwd"), refused="it is a link"),
    Case("text_named_zip", "a.zip", FOUR, refused="its content is none"),
    Case("csv_named_parquet", "a.parquet", FOUR, refused="not a Parquet file"),
    Case("parquet_named_csv", "a.csv", parquet(), 3),
]

PARQUET = [
    Case("good", "a.parquet", parquet(), 3),
    Case("good_gzipped", "a.parquet.gz", gzip.compress(parquet()), 3),
    Case("missing_column", "a.parquet", parquet({"event_type": None}), refused="lacks the column event_type"),
    Case(
        "other_types",
        "a.parquet",
        parquet({"event_id": [1, 2, 3], "occurred_at": [datetime(2026, 2, 1, tzinfo=UTC)] * 3}),
        3,
    ),
    Case(
        "epoch_numbers",
        "a.parquet",
        parquet({"occurred_at": [1769940000000] * 3}),
        0,
        {"occurred_at_type": 3},
    ),
    Case("nested", "a.parquet", parquet({"units": [{"n": 1}] * 3}), 0, {"units_type": 3}),
    Case(
        "binary_text", "a.parquet", parquet({"search_query": pa.array(["红".encode()] * 3, pa.binary())}), 3
    ),
    Case(
        "binary_that_is_no_text",
        "a.parquet",
        parquet({"search_query": pa.array([b"\xff"] * 3, pa.binary())}),
        refused="not readable as Parquet",
    ),
    Case(
        "missing_values",
        "a.parquet",
        parquet({"visitor_id": ["v", None, "v"]}),
        2,
        {"visitor_id_required": 1},
    ),
    Case("no_rows", "a.parquet", parquet(rows=0)),
    Case("cut_off", "a.parquet", parquet()[:-40], refused="not a readable Parquet file"),
    Case("lying_footer", "a.parquet", m.lying_footer(), refused="not a readable Parquet file"),
    Case("flipped_footer", "a.parquet", m.broken_footer(), refused="Parquet"),
    Case("only_the_magic", "a.parquet", b"PAR1PAR1", refused="not a readable Parquet file"),
]

ROW = ["e1", "v", "view", m.AT, "00123"]
EXCEL = [
    Case("good", "a.xlsx", m.workbook(NAMES, ROW, ["e2", *ROW[1:]]), 2),
    Case("workbook_named_csv", "a.csv", m.workbook(NAMES, ROW), 1),
    Case("rows_left_out", "a.xlsx", m.workbook([None] * 5, NAMES, [None] * 5, ROW), 1),
    Case(
        "date_cells",
        "a.xlsx",
        m.workbook(NAMES, ["e1", "v", "view", 46054.5, "A"], dates=frozenset({(2, 3)})),
        1,
    ),
    Case(
        "serial_dates",
        "a.xlsx",
        m.workbook(NAMES, ["e1", "v", "view", 46054.5, "A"]),
        0,
        {"occurred_at_type": 1},
    ),
    Case(
        "number_beyond_fifteen_digits",
        "a.xlsx",
        m.workbook(NAMES, ROW, ["e2", "v", "view", m.AT, 1234567890123456789]),
        1,
        {"excel_number_too_long": 1},
    ),
    Case(
        "cell_beyond_the_header", "a.xlsx", m.workbook(NAMES, [*ROW, "x"]), 0, {"excel_too_many_columns": 1}
    ),
    Case(
        "other_sheet",
        "a.xlsx",
        m.workbook(NAMES, ROW, sheet="May"),
        refused="no sheet 'Juni' (there are May)",
        options=", sheet: Juni",
    ),
    Case("named_sheet", "a.xlsx", m.workbook(NAMES, ROW, sheet="May"), 1, options=", sheet: May"),
    Case("missing_column", "a.xlsx", m.workbook(NAMES[:3], ROW[:3]), refused="lacks the column occurred_at"),
    Case("empty_sheet", "a.xlsx", m.workbook()),
    Case("text_named_workbook", "a.xls", FOUR, refused="named like a workbook"),
    Case(
        "broken_sheet",
        "a.xlsx",
        m.archive({"xl/workbook.xml": b"<workbook>", "xl/x": b""}),
        refused="not a readable workbook",
    ),
    Case(
        "old_format_damaged",
        "a.xls",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        refused="not a readable workbook",
    ),
]


@pytest.mark.parametrize("case", [*ARCHIVES, *PARQUET], ids=lambda case: case.name)
def test_a_malformed_container_has_its_planted_outcome(case: m.Case, tmp_path: Path) -> None:
    m.check_outcome(case, tmp_path)


@pytest.mark.parametrize("case", EXCEL, ids=lambda case: case.name)
def test_a_malformed_workbook_has_its_planted_outcome(case: m.Case, tmp_path: Path) -> None:
    pytest.importorskip("python_calamine", reason="the extra `excel` is not installed")
    m.check_outcome(case, tmp_path)
