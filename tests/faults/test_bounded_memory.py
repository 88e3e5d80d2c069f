"""A day with ten times the usual rows is taken within the memory that the load may use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

# The interpreter with its packages, Arrow's and SQLite's buffers, and the decryption of a chunk.
BESIDE_DUCKDB_MB = 400

INGEST = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from feeds.ingest import ingest_feed
from feeds.shop import load_shop
root = Path(sys.argv[1])
shop = load_shop("corner", root / "home", data=root / "feeds")
report = ingest_feed(shop, "events", root / "home", key=b"k", now=datetime(2026, 3, 1, tzinfo=UTC),
                     memory_limit=sys.argv[2], threads=2)
(peak,) = [x.split()[1] for x in open("/proc/self/status") if x.startswith("VmHWM")]
print(json.dumps([report.accepted, report.rows_read, int(peak) // 1024]))
"""


def send_day(folder: Path, rows: int) -> Path:
    """One day's events in a file, about 110 bytes each."""
    folder.mkdir(parents=True)
    file = folder / "2026-02-01.csv"
    with duckdb.connect(config={"threads": "1"}) as con:
        con.execute(
            f"copy (select md5(i::varchar) as event_id, md5((i // 9)::varchar) as visitor_id, 'view' as "
            f"event_type, strftime(timestamp '2026-02-01' + to_milliseconds(i * 80), '%Y-%m-%dT%H:%M:%SZ') "
            f"as occurred_at, 'SKU-' || (i % 977) as sku from range({rows}) t(i)) to '{file}' (header)"
        )
    return file


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    ("rows", "limit_mb"), [(250_000, 120), pytest.param(1_000_000, 200, marks=pytest.mark.chaos)]
)
def test_a_tenfold_day_is_taken_within_the_memory_limit(rows: int, limit_mb: int, tmp_path: Path) -> None:
    (tmp_path / "home" / "shops").mkdir(parents=True)
    (tmp_path / "home" / "shops" / "corner.yaml").write_text(
        "name: corner\ntime_zone: Europe/Berlin\ncurrency: EUR\nsources:\n"
        '  - {name: "{feed}", path: "{data}/{feed}", dialect: canonical}\n'
    )
    file = send_day(tmp_path / "feeds" / "events", rows)
    assert file.stat().st_size > 95 * rows
    done = subprocess.run(
        [sys.executable, "-c", INGEST, str(tmp_path), f"{limit_mb}MB"],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    accepted, read, peak_mb = json.loads(done.stdout)
    assert accepted == read == rows
    assert peak_mb <= limit_mb + BESIDE_DUCKDB_MB
