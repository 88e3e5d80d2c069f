"""The tables that Spark built take the place of the last ones only when they are whole."""

from __future__ import annotations

from pathlib import Path

from orchestration.commands.spark_warehouse import _swap


def test_finished_tables_take_the_place_of_the_last_ones(tmp_path: Path) -> None:
    place = tmp_path / "spark"
    for build in ("first", "second"):
        built = tmp_path / "aside" / "marts"
        built.mkdir(parents=True)
        (built / build).touch()
        _swap(tmp_path / "aside", place)
        assert [path.name for path in (place / "marts").iterdir()] == [build]
    assert [path.name for path in tmp_path.iterdir()] == ["spark"]
