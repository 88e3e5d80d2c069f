"""Bombs, links and traps are refused within 512 MB and five seconds, in words that name file and remedy.

Each runs in a process of its own whose peak memory and processor time are measured.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

MAX_BYTES, MAX_SECONDS = 512 << 20, 5.0
_RUN = """
import json, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from feeds.ingest import ingest_feed
from feeds.refusals import FilesRefused
from feeds.report import FeedError
from feeds.shop import load_shop
home, data = Path(sys.argv[1]), Path(sys.argv[2])
shop = load_shop("s", home, data=data)
reasons, report = [], None
def seconds():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)
started = seconds()
try:
    report = ingest_feed(shop, "events", home, key=b"k", now=datetime(2026, 3, 1, tzinfo=UTC), threads=1)
except FilesRefused as refused:
    report, reasons = refused.report, list(refused.reasons)
# Of this process itself: ru_maxrss would count what the test held before it began.
status = Path("/proc/self/status").read_text()
own = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
peak = max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024
print(json.dumps({"accepted": report.accepted, "rules": dict(report.by_rule), "reasons": reasons,
    "seconds": seconds() - started, "peak": peak}))
"""


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


m = _load("malformed")


def zeros(size: int) -> bytes:
    """A gzip stream of many members that unpacks to so many zeros."""
    return gzip.compress(b"0" * (4 << 20)) * (size >> 22)


def gzip_bomb(folder: Path) -> None:
    (folder / "bomb.csv.gz").write_bytes(zeros(600 << 20))


def gzip_bomb_in_gzip(folder: Path) -> None:
    (folder / "bomb.csv.gz").write_bytes(gzip.compress(zeros(600 << 20)))


def zip_bomb(folder: Path) -> None:
    with (
        zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.csv", "w") as member,
    ):
        for _ in range(300):
            member.write(b"0" * (1 << 20))


def zip_of_a_million_names(folder: Path) -> None:
    entry = b"PK\x01\x02" + b"\0" * 24 + struct.pack("<H", 4) + b"\0" * 16
    directory = b"".join(entry + b"%04x" % (n % 65536) for n in range(200_000))
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 65535, 65535, len(directory), 0, 0)
    (folder / "bomb.zip").write_bytes(b"PK\x03\x04" + directory + end)


def workbook_bomb(folder: Path) -> None:
    cell = b'<c t="inlineStr"><is><t>%s</t></is></c>'
    header = b"<row>" + b"".join(cell % name.encode() for name in m.EVENTS.split(",")) + b"</row>"
    row = b"<row>" + cell % (b"x" * 1000) + b"</row>"
    sheet = b"<worksheet><sheetData>" + header + row * 450_000 + b"</sheetData></worksheet>"
    _with_sheet(folder / "bomb.xlsx", sheet)


def workbook_with_a_far_cell(folder: Path) -> None:
    cells = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    _with_sheet(folder / "bomb.xlsx", b"<worksheet><sheetData>" + cells + b"</sheetData></worksheet>")


def _with_sheet(path: Path, sheet: bytes) -> None:
    path.write_bytes(m.workbook(["event_id"]))
    kept = {}
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    namespace = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    kept["xl/worksheets/sheet1.xml"] = sheet.replace(b"<worksheet>", namespace)
    path.write_bytes(m.archive(kept))


def link_out(folder: Path) -> None:
    (folder / "bomb.csv").symlink_to("/etc/passwd")


def link_to_a_device(folder: Path) -> None:
    (folder / "bomb.csv").symlink_to("/dev/zero")


def hard_link_out(folder: Path) -> None:
    outside = folder.parents[1] / "secret.csv"
    outside.write_bytes(m.csv(m.event(1)))
    os.link(outside, folder / "bomb.csv")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "bomb.csv")


def deep_json(folder: Path) -> None:
    (folder / "bomb.json").write_bytes(b'{"a":' * 2_000_000)


def endless_json_value(folder: Path) -> None:
    (folder / "bomb.json").write_bytes(b'[{"a":"' + b"x" * (80 << 20))


def many_fields(folder: Path) -> None:
    (folder / "bomb.csv").write_bytes(b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n1,2\n")


def long_header(folder: Path) -> None:
    (folder / "bomb.csv").write_bytes(b"x" * (200 << 20))


def lying_parquet(folder: Path) -> None:
    (folder / "bomb.parquet").write_bytes(m.lying_footer())


def cut_parquet(folder: Path) -> None:
    (folder / "bomb.parquet").write_bytes(m.parquet(rows=100_000)[:-100])


REFUSED: list[tuple[Callable[[Path], None], str]] = [
    (gzip_bomb, "unpacks to more than"),
    (gzip_bomb_in_gzip, "unpacks to more than"),
    (zip_bomb, "unpacks to more than"),
    (zip_of_a_million_names, "Pack fewer files"),
    (workbook_bomb, "not a readable workbook"),
    (workbook_with_a_far_cell, "not a readable workbook"),
    (link_out, "a link that leads out of the folder"),
    (link_to_a_device, "a link that leads out of the folder"),
    (hard_link_out, "a hard link to a file outside"),
    (pipe, "a device, a pipe"),
    (deep_json, "nested too deeply"),
    (endless_json_value, "longer than 8 MB"),
    (many_fields, "line 1 is longer"),
    (long_header, "line 1"),
    (lying_parquet, "not a readable Parquet file"),
    (cut_parquet, "not a readable Parquet file"),
]


def ingest(root: Path, plant: Callable[[Path], None]) -> dict[str, object]:
    """What a process of its own says of a folder with one good file and what was planted beside it."""
    home, folder = root / "home", root / "feeds" / "events"
    (home / "shops").mkdir(parents=True)
    folder.mkdir(parents=True)
    (home / "shops" / "s.yaml").write_text(
        "name: s\ntime_zone: UTC\ncurrency: EUR\nsources:\n"
        '  - {name: "{feed}", path: "{data}/{feed}", max_rejected_ratio: 1}\n'
    )
    (folder / "good.csv").write_bytes(m.csv(m.event(1), m.event(2)))
    plant(folder)
    run = subprocess.run(
        [sys.executable, "-c", _RUN, str(home), str(root / "feeds")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
        cwd=Path(__file__).resolve().parents[2],
    )
    assert run.returncode == 0, run.stderr[-2000:]
    told: dict[str, object] = json.loads(run.stdout)
    return told


# One of each kind in the default run; each is a process of its own, which is dear.
EVERYDAY = {gzip_bomb, zip_bomb, workbook_with_a_far_cell, link_out, pipe, deep_json, lying_parquet}


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        pytest.param(plant, words, id=plant.__name__, marks=[] if plant in EVERYDAY else pytest.mark.chaos)
        for plant, words in REFUSED
    ],
)
def test_a_hostile_file_is_refused_within_limits_and_the_good_one_loads(
    plant: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    told = ingest(tmp_path, plant)
    (reason,) = told["reasons"]  # type: ignore[misc]
    assert words in reason
    assert "bomb" in reason
    assert told["accepted"] == 2
    assert told["peak"] < MAX_BYTES  # type: ignore[operator]
    assert told["seconds"] < MAX_SECONDS  # type: ignore[operator]


@pytest.mark.chaos
def test_a_line_of_a_hundred_megabytes_is_set_aside_and_the_others_load(tmp_path: Path) -> None:
    def plant(folder: Path) -> None:
        (folder / "bomb.csv").write_bytes(m.csv(m.event(3), "x" * (100 << 20), m.event(4)))

    told = ingest(tmp_path, plant)
    assert (told["accepted"], told["rules"], told["reasons"]) == (4, {"line_too_long": 1}, [])
    assert told["peak"] < MAX_BYTES  # type: ignore[operator]
    assert told["seconds"] < MAX_SECONDS  # type: ignore[operator]
