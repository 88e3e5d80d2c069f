"""Flipped and truncated files are detected, and what was published before them takes their place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from serving.generations import POINTER_FILE, generation_folder
from serving.publish import publish_warehouse, recover, status
from serving.store import Store

OFFSETS = 50
STORE_OPENED_AT_EVERY = 7  # opening a store costs more than all other looks together


@pytest.fixture
def two_generations(published_twice, published) -> Path:
    return shutil.copytree(published_twice, published, symlinks=True)


def spread(path: Path) -> list[int]:
    size = path.stat().st_size
    return [int(i * (size - 1) / (OFFSETS - 1)) for i in range(OFFSETS)]


def damage(path: Path, offset: int, how: str) -> None:
    content = bytearray(path.read_bytes())
    path.chmod(0o644)
    if how == "flipped":
        content[offset] ^= 0x01
        path.write_bytes(content)
    else:
        path.write_bytes(content[:offset])


@pytest.mark.parametrize("how", ["flipped", "truncated"])
@pytest.mark.parametrize("name", ["serve.duckdb", "manifest.json", "parquet/marts/fct_orders.parquet"])
def test_every_damaged_file_of_a_generation_is_detected(two_generations, name, how):
    victim = generation_folder(two_generations, 2) / name
    original = victim.read_bytes()
    for offset in spread(victim):
        damage(victim, offset, how)
        found = status(two_generations)
        assert not found.is_healthy, f"byte {offset} of {name} {how} unseen"
        assert [g.generation for g in found.generations if g.problems] == [2]
        victim.write_bytes(original)
    assert status(two_generations).is_healthy


@pytest.mark.parametrize("how", ["flipped", "truncated"])
def test_every_damaged_pointer_is_detected_and_readers_still_read_a_whole_generation(two_generations, how):
    pointer = two_generations / POINTER_FILE
    original = pointer.read_bytes()
    for number, offset in enumerate(spread(pointer)):
        damage(pointer, offset, how)
        assert status(two_generations).problems, f"byte {offset} {how} unseen"
        if number % STORE_OPENED_AT_EVERY == 0:
            with Store(two_generations) as store:
                assert store.query("select distinct marker from marts.fct_orders") == [{"marker": 2}]
        pointer.write_bytes(original)


@pytest.mark.parametrize("offset", [0, 4100, 9000, -1])
def test_recovery_points_to_the_newest_intact_generation(two_generations, publish_marker, offset):
    victim = generation_folder(two_generations, 2) / "serve.duckdb"
    damage(victim, offset % victim.stat().st_size, "flipped")

    actions = recover(two_generations)

    assert actions[-1] == "fell back to generation 1"
    assert status(two_generations).live == 1
    assert status(two_generations).stale[0].startswith("Generation 2: serve.duckdb was changed")
    with Store(two_generations) as store:
        assert store.query("select marker from marts.dim_markers") == [{"marker": 1}]
    assert publish_marker(3).generation == 3
    assert status(two_generations).stale == ()


def test_a_lost_pointer_is_rebuilt_from_the_generations(two_generations):
    (two_generations / POINTER_FILE).unlink()
    assert recover(two_generations)[-1] == "fell back to generation 2"
    assert status(two_generations).live == 2


def test_a_generation_deleted_by_hand_is_replaced_by_the_one_before(two_generations):
    shutil.rmtree(generation_folder(two_generations, 2))
    recover(two_generations)
    assert status(two_generations).live == 1


def test_a_full_disk_keeps_the_old_generation_and_the_next_publish_succeeds(
    two_generations, publish_marker, warehouse, run, monkeypatch
):
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("serving.publish.sync_tree", no_space)
        with pytest.raises(OSError, match="No space left"):
            publish_warehouse(warehouse(3), two_generations, run=run(3))
    assert status(two_generations).live == 2
    assert status(two_generations).is_healthy
    assert not list((two_generations / "generations").glob(".tmp-*"))
    publish_marker(4)
    assert status(two_generations).live == 3
