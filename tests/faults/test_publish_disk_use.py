"""Three months of daily publishing: the disk holds the kept generations and nothing that grows."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from data_quality.contract import all_contracts
from serving.file_drop import FileDrop
from serving.generations import generation_folder
from serving.publish import build_generation, publish, publish_warehouse
from serving.store import Store
from serving.targets import deliver_all


def bytes_below(folder: Path) -> int:
    """Bytes on disk; a file with two names counts once."""
    found = {path.stat().st_ino: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return sum(found.values())


@pytest.mark.parametrize("days", [16, pytest.param(90, marks=[pytest.mark.chaos, pytest.mark.timeout(1800)])])
def test_disk_use_after_three_months_is_that_of_ten_days(days, bundles_only, tmp_path, run):
    skipped = {f"serving.{c.name}": "not part of it" for c in all_contracts("served") if c.name != "bundles"}
    warehouse, published = tmp_path / "warehouse.duckdb", tmp_path / "published"
    warehouse.write_bytes(bundles_only.read_bytes())
    drop, used = FileDrop(tmp_path / "drop", keep=3), {}
    for day in range(1, days + 1):
        with closing(duckdb.connect(str(warehouse))) as connection:
            connection.execute(
                f"create or replace table marts.days as select i, {day} as day, "
                f"md5(i::varchar || '{day}') as noise from range(3000) t(i)"
            )
        publish(build_generation(warehouse, published, run=run(day), skipped=skipped), published, keep=5)
        deliver_all(published, [drop])
        with Store(published) as store:  # a reader a day, whose lease must not stay
            assert store.query("select distinct day from marts.days") == [{"day": day}]
        used[day] = bytes_below(published) + bytes_below(drop.folder)
    assert used[days] <= 1.3 * used[10], used
    assert len(list((published / "generations").iterdir())) == 5
    assert len([p for p in (drop.folder / "demo").iterdir() if p.is_dir()]) == 3


def test_published_files_are_compact_whatever_the_warehouse_went_through(warehouse, published, run, tmp_path):
    """A DuckDB file keeps the room of deleted rows; what is published is written anew."""
    path = warehouse(1)
    publish_warehouse(path, published, run=run(1))
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("create table waste as select i, md5(i::varchar) as x from range(300000) t(i)")
        connection.execute("create table after_it as select i from range(1000) t(i); checkpoint")
        connection.execute("drop table waste; checkpoint")
    publish_warehouse(path, published, run=run(2))
    first, second = (generation_folder(published, n) / "serve.duckdb" for n in (1, 2))
    assert path.stat().st_size > 1.5 * second.stat().st_size
    assert second.stat().st_size <= 1.1 * first.stat().st_size
