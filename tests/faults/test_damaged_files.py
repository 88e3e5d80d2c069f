"""Every flipped or truncated file is named with a remedy before anything is made from it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from feeds.checksums import NOTE, LakeDamaged, check_lake
from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.landing import land_source, read_manifest
from feeds.landing_check import check_landing
from feeds.ledger import Ledger
from feeds.report import FeedError
from feeds.shop import Shop, load_shop
from feeds.vault import Resting, Vault
from orchestration.warehouse_damage import or_anew, tells_of_damage
from serving.file_drop import FileDrop, verify_drop
from serving.targets import deliver_all

OFFSETS = 50
HOW = ("flipped", "truncated")
KEY = b"a key for tests only"
ORDERS = [("raw", "events")]
HEADER = "event_id,visitor_id,event_type,occurred_at,sku"


def damaged(path: Path, places: int = OFFSETS) -> Iterator[str]:
    """The file damaged in each way at so many places, one after the other; in the end it is whole again."""
    original = path.read_bytes()
    path.chmod(0o644)
    for how in HOW:
        for place in range(places):
            offset = place * (len(original) - 1) // (places - 1)
            content = bytearray(original)
            content[offset] ^= 0x01
            path.write_bytes(content if how == "flipped" else original[:offset])
            yield f"{path.name} {how} at byte {offset}"
    path.write_bytes(original)


@dataclass
class Kept:
    """A shop with two loads of events, in the resting form that is asked for."""

    root: Path
    resting: Resting

    @property
    def shop(self) -> Shop:
        file = self.root / "home" / "shops" / "corner.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            "name: corner\ntime_zone: Europe/Berlin\ncurrency: EUR\nsources:\n"
            '  - {name: "{feed}", path: "{data}/{feed}", dialect: canonical}\n',
            encoding="utf-8",
        )
        return load_shop("corner", self.root / "home", data=self.root / "feeds")

    @property
    def folder(self) -> Path:
        return self.root / "home" / "corner"

    @property
    def lake(self) -> Lake:
        return Lake(self.folder / "lake")

    @property
    def vault(self) -> Vault:
        return Vault.of(KEY, self.resting)

    def send(self, name: str, content: str) -> None:
        path = self.root / "feeds" / "events" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def ingest(self) -> int:
        now = datetime(2026, 3, 9, tzinfo=UTC)
        report = ingest_feed(self.shop, "events", home=self.root / "home", key=KEY, vault=self.vault, now=now)
        return report.accepted

    def rows(self) -> list[dict[str, object]]:
        table = self.lake.read("raw", "events").select(HEADER.split(","))
        return sorted(table.to_pylist(), key=lambda row: str(row["event_id"]))


def events(day: int) -> str:
    lines = [f"e{day}-{n},v{n % 7},view,2026-03-0{day}T10:{n % 60:02}:00Z,s{n % 5}" for n in range(300)]
    return "\n".join([HEADER, *lines]) + "\n"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[Resting, Path]:
    """A shop of each resting form, ingested once: to copy, never to change."""
    places: dict[Resting, Path] = {}
    for resting in ("encrypted", "plain"):
        world = Kept(tmp_path_factory.mktemp(resting), resting)
        for day in (1, 2):
            world.send(f"2026-03-0{day}.csv", events(day))
            assert world.ingest() == 300
        places[resting] = world.root
    return places


@pytest.fixture
def kept(made: dict[Resting, Path], tmp_path: Path) -> Kept:
    return Kept(Path(shutil.copytree(made["encrypted"], tmp_path / "kept")), "encrypted")


@pytest.fixture(params=["encrypted", "plain"])
def kept_either_way(request: pytest.FixtureRequest, made: dict[Resting, Path], tmp_path: Path) -> Kept:
    return Kept(Path(shutil.copytree(made[request.param], tmp_path / "kept")), request.param)


@pytest.mark.parametrize("pattern", ["**/*.parquet", "_delta_log/*.json", NOTE])
def test_every_damaged_file_of_the_lake_is_named_with_a_remedy(kept: Kept, pattern: str) -> None:
    assert check_lake(kept.lake, ORDERS) == 0  # noted, nothing to compare yet
    assert check_lake(kept.lake, ORDERS) == 4
    folder = kept.lake.path("raw", "events")
    for victim in sorted(folder.glob(pattern)):
        for what in damaged(victim):
            with pytest.raises(LakeDamaged) as told:
                check_lake(kept.lake, ORDERS)
            assert victim.name in str(told.value), what
            assert "Put the file back from a backup; or delete" in str(told.value), what
    assert check_lake(kept.lake, ORDERS) == 4


def test_a_run_compares_a_table_once_and_notes_what_it_adds(kept: Kept) -> None:
    assert check_lake(kept.lake, ORDERS, checked_by="run 1") == 0
    assert check_lake(kept.lake, ORDERS, checked_by="run 2") == 4
    assert check_lake(kept.lake, ORDERS, checked_by="run 2") == 0
    kept.send("2026-03-03.csv", events(3))
    assert kept.ingest() == 300
    assert check_lake(kept.lake, ORDERS, checked_by="run 2") == 0
    assert check_lake(kept.lake, ORDERS, checked_by="run 3") == 6
    kept.lake.compact("raw", "events", {}, when_files=2)
    # three files became one: the three are no longer read, the one is new, as is its commit
    assert check_lake(kept.lake, ORDERS, checked_by="run 4") == 3
    assert check_lake(kept.lake, ORDERS, checked_by="run 5") == 5


def test_the_remedy_for_a_damaged_feed_brings_back_the_same_rows(kept: Kept) -> None:
    before = kept.rows()
    shutil.rmtree(kept.lake.path("raw", "events"))
    (kept.folder / "ledger.sqlite").unlink()
    assert kept.ingest() == 600
    assert kept.rows() == before


def test_every_damaged_original_is_named(kept_either_way: Kept) -> None:
    kept = kept_either_way
    assert check_landing(kept.folder, kept.vault) == (2, [])
    landing = kept.folder / "landing" / "events"
    manifest, told = landing / "manifest.jsonl", read_manifest(landing)
    for victim in [next(landing.glob("*.csv*")), manifest]:
        for what in damaged(victim):
            is_told = bool(check_landing(kept.folder, kept.vault)[1])
            # a flipped line feed is a vertical tab, which ends a line as well: nothing that is read changed
            assert is_told or (victim == manifest and read_manifest(landing) == told), what
    assert check_landing(kept.folder, kept.vault) == (2, [])


def test_an_original_that_is_damaged_before_it_is_loaded_is_refused_and_can_be_sent_again(
    kept_either_way: Kept,
) -> None:
    kept = kept_either_way
    before = kept.rows()
    kept.send("2026-03-03.csv", events(3))
    known = set((kept.folder / "landing" / "events").iterdir())
    # landed by a run that was killed before it loaded
    ledger = Ledger(kept.folder / "ledger.sqlite")
    (source,) = kept.shop.sources_of("events")
    land_source(source, kept.folder, ledger, vault=kept.vault)
    (landed,) = set((kept.folder / "landing" / "events").glob("*.csv*")) - known
    # what each place does to the file is tried above; a load is tried at some
    for what in damaged(landed, places=5):
        with pytest.raises(FeedError) as told:
            kept.ingest()
        assert landed.name in str(told.value), what
        assert "send its content again under another name" in str(told.value), what
        assert kept.rows() == before
    landed.unlink()
    kept.send("2026-03-03 again.csv", events(3))
    assert kept.ingest() == 300


def test_a_damaged_warehouse_is_noticed_and_set_aside(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create table t as select i, md5(i::varchar) as x from range(9000) r(i)")
        question = "select count(*), sum(i), bit_xor(hash(x)) from t"
        answer = connection.execute(question).fetchall()
    set_aside, refused = 0, 0
    for what in damaged(warehouse):
        if told := or_anew(warehouse, lambda: duckdb.connect(str(warehouse)).close()):
            set_aside += 1
            aside = tmp_path / f"warehouse.duckdb.damaged-{set_aside}"
            assert str(aside) in told, what
            assert aside.exists(), what
            with duckdb.connect(str(warehouse), read_only=True) as anew:
                assert anew.execute("show tables").fetchall() == [], what
            continue
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            refused += notices_damage(connection, question, answer)
    assert set_aside + refused == len(HOW) * OFFSETS
    assert or_anew(warehouse, lambda: duckdb.connect(str(warehouse)).close()) is None


def notices_damage(connection: duckdb.DuckDBPyConnection, question: str, answer: object) -> bool:
    """Whether DuckDB refuses to answer and says why; any answer but the right one is a failure."""
    try:
        given = connection.execute(question).fetchall()
    except duckdb.Error as error:
        return tells_of_damage(str(error))
    assert given == answer
    return False


@pytest.mark.parametrize("name", ["manifest.json", "*/manifest.json", "*/marts/fct_orders.parquet"])
def test_every_damaged_file_of_a_drop_is_named(published_twice: Path, tmp_path: Path, name: str) -> None:
    drop = FileDrop(tmp_path / "drop")
    published = Path(shutil.copytree(published_twice, tmp_path / "published", symlinks=True))
    assert deliver_all(published, [drop])[0].is_delivered
    shop = tmp_path / "drop" / "demo"
    (victim,) = shop.glob(name)
    place = victim.parent if name == "*/manifest.json" else shop
    assert verify_drop(place) == []
    for what in damaged(victim):
        assert verify_drop(place), what
    assert verify_drop(place) == []
