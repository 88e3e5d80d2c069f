"""What an earlier release published is read and published over; what a later one wrote is refused."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import duckdb
import pytest

from serving.durable import read_sealed, write_sealed
from serving.generations import NewerFormat, generation_folder
from serving.publish import publish_warehouse, recover, rollback, status
from serving.store import Store
from serving.targets import live_generation

GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """Two generations as the release before targets wrote them: no sequence, no keys."""
    with tarfile.open(GOLDEN / "published_format_1.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    pointer = json.loads((tmp_path / "published" / "CURRENT").read_text())
    assert "sequence" not in pointer
    return tmp_path / "published"


def test_what_an_earlier_release_published_is_whole_and_readable(earlier):
    assert status(earlier).is_healthy
    recover(earlier)
    assert status(earlier).live == 2
    with Store(earlier) as store:
        assert store.query("select distinct marker from marts.fct_orders") == [{"marker": 2}]
        assert store.tables() == {"marts.fct_orders": 100, "serving.bundles": 20}


def test_this_release_goes_on_where_the_earlier_one_stopped(earlier, warehouse, run):
    manifest = publish_warehouse(warehouse(3), earlier, run=run(3))
    assert manifest.generation == 3
    assert live_generation(earlier).sequence > 0
    assert rollback(earlier, to=1).generation == 1
    with duckdb.connect(str(earlier / "serve.duckdb"), read_only=True) as connection:
        assert connection.execute("select distinct marker from marts.fct_orders").fetchall() == [(1,)]


@pytest.fixture
def later(earlier: Path) -> Path:
    """The live generation as a release with another format would have written it."""
    path = generation_folder(earlier, 2) / "manifest.json"
    path.chmod(0o644)
    write_sealed(path, {**read_sealed(path), "format_version": 2})
    return earlier


def test_a_later_format_is_refused_by_name_and_nothing_is_touched(later, warehouse, run):
    def files() -> dict[str, bytes]:
        return {
            str(path): path.read_bytes()
            for path in sorted(later.rglob("*"))
            if path.is_file() and path.name != ".lock"
        }

    before = files()
    for act in (
        lambda: Store(later).query("select 1"),
        lambda: recover(later),
        lambda: rollback(later, to=2),
        lambda: publish_warehouse(warehouse(3), later, run=run(3)),
    ):
        with pytest.raises(
            NewerFormat, match="written in format 2 by a newer release; this one reads up to 1"
        ):
            act()
    assert files() == before
    (told,) = [g.problems for g in status(later).generations if g.problems]
    assert told[0].startswith("Generation 2 was written in format 2")
