"""A model is written whole or not at all, read only as it was written, and made anew by the stated rule."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from ml.model_store import Manifest, ModelStore, NotStorable, Recipe, Unreadable
from ml.refits import Keeping, kept_or_made, recipe_of, restated_ratio, weekly_sums

DAY = date(2026, 3, 2)
RECIPE = Recipe("tally", "tally-1", {"depth": 3}, {"rows": ("day", "units")}, {"numpy": "2.0"}, "c0de")


class Tally:
    """A model that counts how often it was made."""

    def __init__(self) -> None:
        self.n_made = 0
        self.sums = {"week": {"2026-02-26": 1000.0}}
        self.recipe = RECIPE

    def keep(self, store: ModelStore, as_of: date, run_id: str = "r"):
        keeping = Keeping(
            recipe=self.recipe,
            make=self._make,
            write=lambda model, folder: (folder / "tally.json").write_text(json.dumps(model)),
            read=lambda folder: json.loads((folder / "tally.json").read_text()),
            sums_until=lambda until: self.sums,
        )
        return kept_or_made(store, keeping, as_of=as_of, run_id=run_id)

    def _make(self) -> int:
        self.n_made += 1
        return self.n_made


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", refit_days=7)


def test_a_model_serves_until_it_is_seven_days_of_data_old(store):
    tally = Tally()
    kept = [tally.keep(store, DAY + timedelta(days=days), f"run {days}") for days in range(9)]
    assert [one.model for one in kept] == [1] * 7 + [2] * 2
    assert [one.is_refitted for one in kept] == [True] + [False] * 6 + [True, False]
    assert kept[6].told() == "model of 2026-03-02, next refit 2026-03-09"
    assert (kept[6].as_of, kept[6].run_id) == (DAY, "run 0")
    assert kept[7].told() == "refitted: the stored model is 7 days old, next refit 2026-03-16"


def test_going_back_in_time_makes_a_new_model(store):
    tally = Tally()
    tally.keep(store, DAY)
    again = tally.keep(store, DAY - timedelta(days=1))
    assert again.model == 2
    assert "lies before" in again.reason


@pytest.mark.parametrize(
    "change",
    [
        {"model_version": "tally-2"},
        {"params": {"depth": 4}},
        {"columns": {"rows": ("day", "units", "price")}},
        {"libraries": {"numpy": "2.1"}},
        {"code": "beef"},
    ],
)
def test_anything_else_it_is_made_with_makes_a_new_model_and_is_named(store, change):
    tally = Tally()
    tally.keep(store, DAY)
    tally.recipe = replace(RECIPE, **change)
    again = tally.keep(store, DAY + timedelta(days=1))
    assert again.model == 2
    assert next(iter(change)) in again.reason


@pytest.mark.parametrize(("amount", "n_made"), [(1019.0, 1), (1021.0, 2), (979.0, 2)])
def test_history_restated_by_more_than_two_percent_makes_a_new_model(store, amount, n_made):
    tally = Tally()
    tally.keep(store, DAY)
    tally.sums = {"week": {"2026-02-26": amount}}
    assert tally.keep(store, DAY + timedelta(days=1)).model == n_made


def test_moving_units_from_one_week_to_another_is_a_restatement_though_the_total_stays():
    before, after = {"week": {"a": 50.0, "b": 50.0}}, {"week": {"a": 40.0, "b": 60.0}}
    assert restated_ratio(before, after) == pytest.approx(0.2)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "manifest", "empty manifest", "list"])
def test_a_damaged_store_is_mended_by_a_new_model(store, damage):
    tally = Tally()
    tally.keep(store, DAY)
    model, manifest = store.of("tally") / "tally.json", store.of("tally") / "manifest.json"
    {
        "flip": lambda: model.write_bytes(b"9"),
        "cut": lambda: model.write_bytes(b""),
        "remove": model.unlink,
        "manifest": lambda: manifest.write_text(manifest.read_text()[:40]),
        "empty manifest": lambda: manifest.write_text("{}"),
        "list": lambda: manifest.write_text("[]"),
    }[damage]()
    with pytest.raises(Unreadable):
        Manifest.read(store.of("tally"))
    assert tally.keep(store, DAY).model == 2
    assert tally.keep(store, DAY).model == 2
    assert Manifest.read(store.of("tally")).as_of == DAY


def test_a_model_that_cannot_be_read_back_is_made_anew(store):
    tally = Tally()
    tally.keep(store, DAY)
    (store.of("tally") / "tally.json").write_text("not json")
    Manifest(RECIPE.as_written(), DAY, "r", tally.sums).write(_without_manifest(store.of("tally")))
    again = tally.keep(store, DAY)
    assert again.model == 2
    assert "cannot be read" in again.reason


def _without_manifest(folder: Path) -> Path:
    (folder / "manifest.json").unlink()
    return folder


def test_a_failed_write_leaves_the_old_model_and_no_rubbish(store):
    tally = Tally()
    tally.keep(store, DAY)

    def fails(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store.save("tally", Manifest(RECIPE.as_written(), DAY, "r2", {}), fails)
    assert Manifest.read(store.of("tally")).run_id == "r"
    assert [path.name for path in store.folder.iterdir()] == ["tally"]


def test_what_cannot_be_stored_is_made_each_time_and_removes_the_older_one(store):
    tally = Tally()
    tally.keep(store, DAY)
    tally.recipe = replace(RECIPE, model_version="tally-2")

    def refuses(model: int, folder: Path) -> None:
        raise NotStorable("only pickling could keep it")

    keeping = Keeping(tally.recipe, tally._make, refuses, lambda folder: 0, lambda until: tally.sums)
    kept = kept_or_made(store, keeping, as_of=DAY, run_id="r")
    assert kept.told() == "refitted: only pickling could keep it, not stored"
    assert not store.of("tally").exists()


def test_weekly_sums_stop_at_the_day_given():
    days = pd.Series(pd.date_range("2026-03-01", periods=10))
    sums = weekly_sums(days, date(2026, 3, 7), pd.Series(range(10)))
    assert sum(sums.values()) == sum(range(7))
    assert sum(weekly_sums(days, date(2026, 3, 7)).values()) == 7


def test_the_recipe_follows_the_code_and_the_columns(tmp_path):
    (tmp_path / "a.py").write_text("x = 1")
    frames = {"rows": pd.DataFrame({"day": [], "units": []}), "absent": None}

    def recipe() -> Recipe:
        return recipe_of(
            "n", model_version="v", params={}, frames=frames, libraries=("numpy",), package=tmp_path
        )

    first = recipe()
    assert first.columns == {"rows": ("day", "units")}
    assert first == recipe()
    (tmp_path / "a.py").write_text("x = 2")
    assert first.code != recipe().code
