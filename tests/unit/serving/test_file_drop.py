"""A drop is finished or it is not there, says what each file holds, and every damaged byte of it is found."""

from __future__ import annotations

import json

import duckdb
import pytest

from serving.file_drop import FileDrop, verify_drop
from serving.generations import generation_folder
from serving.publish import publish_warehouse, rollback
from serving.targets import TargetRefused, deliver_all, deliveries, live_generation


@pytest.fixture
def drop(tmp_path) -> FileDrop:
    return FileDrop(tmp_path / "drop", keep=2)


@pytest.fixture
def shop(drop):
    return drop.folder / "demo"


def manifest_of(shop):
    return json.loads((shop / "manifest.json").read_text())


def test_the_manifest_tells_rows_columns_keys_and_checksums_of_every_file(
    warehouse, published, run, drop, shop
):
    published_manifest = publish_warehouse(warehouse(), published, run=run(1))
    (told,) = deliver_all(published, [drop])
    manifest = manifest_of(shop)
    assert (told.state, told.rows) == ("delivered", sum(f["rows"] for f in manifest["files"].values()))
    assert set(manifest["files"]) == {f"{e.schema}/{e.table}.parquet" for e in published_manifest.tables}
    for name, file in manifest["files"].items():
        path = shop / manifest["folder"] / name
        assert duckdb.execute(f"select count(*) from '{path}'").fetchone() == (file["rows"],)
        assert {c: k for c, k, *_ in duckdb.execute(f"describe from '{path}'").fetchall()} == file["columns"]
        assert file["key"] == list(published_manifest.table(file["table"]).key)
    assert manifest["files"]["serving/demand_forecasts.parquet"]["key"] == [
        "sku",
        "location_id",
        "demand_date",
    ]
    assert verify_drop(shop) == verify_drop(shop / manifest["folder"]) == []


@pytest.mark.parametrize("how", ["flipped", "truncated", "deleted"])
@pytest.mark.parametrize("name", ["manifest.json", "marts/fct_orders.parquet"])
def test_every_damage_to_a_drop_is_found_and_mended_by_delivering_again(
    warehouse, published, run, drop, shop, name, how
):
    publish_warehouse(warehouse(), published, run=run(1))
    deliver_all(published, [drop])
    folder = shop / manifest_of(shop)["folder"]
    victim = folder / name
    content = victim.read_bytes()
    for offset in range(0, len(content), max(len(content) // 25, 1)):
        if how == "deleted":
            victim.unlink()
        else:
            flipped = content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :]
            victim.write_bytes(flipped if how == "flipped" else content[:offset])
        assert verify_drop(folder), f"byte {offset} {how} unseen"
        victim.write_bytes(content)
    victim.write_bytes(content[:-1])
    assert [told.state for told in deliver_all(published, [drop])] == ["delivered"]
    assert verify_drop(shop) == []


def test_only_the_newest_drops_are_kept(warehouse, published, run, drop, shop):
    path = warehouse()
    for number in (1, 2, 3, 4):
        publish_warehouse(path, published, run=run(number))
        deliver_all(published, [drop])
    kept = sorted(p.name for p in shop.iterdir() if p.is_dir())
    assert len(kept) == 2
    assert manifest_of(shop)["folder"] == kept[-1]


def test_an_overtaken_publisher_drops_nothing(warehouse, published, run, drop, shop):
    publish_warehouse(warehouse(), published, run=run(1))
    overtaken = live_generation(published)
    publish_warehouse(warehouse(), published, run=run(2))
    deliver_all(published, [drop])
    assert drop.deliver(overtaken) == "superseded"
    assert manifest_of(shop)["generation"] == 2


def test_a_rollback_is_dropped_as_the_newest(warehouse, published, run, drop, shop):
    for number in (1, 2):
        publish_warehouse(warehouse(marker=number), published, run=run(number))
        deliver_all(published, [drop])
    rollback(published)
    deliver_all(published, [drop])
    manifest = manifest_of(shop)
    files = shop / manifest["folder"]
    assert manifest["generation"] == 1
    assert duckdb.execute(f"select distinct marker from '{files}/marts/fct_orders.parquet'").fetchall() == [
        (1,)
    ]


def test_a_damaged_source_is_not_dropped_and_the_failure_is_kept(warehouse, published, run, drop, shop):
    publish_warehouse(warehouse(), published, run=run(1))
    deliver_all(published, [drop])
    publish_warehouse(warehouse(), published, run=run(2))
    victim = generation_folder(published, 2) / "parquet" / "marts" / "fct_orders.parquet"
    victim.chmod(0o644)
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    with pytest.raises(TargetRefused, match="was changed after it was written"):
        drop.deliver(live_generation(published))
    deliver_all(published, [drop])
    assert [(told.target, told.state) for told in deliveries(published)] == [("files", "failed")]
    assert manifest_of(shop)["generation"] == 1
    assert not list(shop.glob(".tmp-*"))
