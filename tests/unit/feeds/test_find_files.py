"""What a drop folder holds is listed by names alone, and completely."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from feeds.connectors.files import find_files


def tree(root: Path) -> Path:
    for name in (
        "b.csv", "a.csv", "deep/er/c.csv", "deep/.hidden/d.csv", ".git/e.csv", "deep/f.CSV", "g.csv.part",
        "notes.md", "packed.csv.gz", "deep-1.csv", "deep/z.parquet",
    ):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "linked").symlink_to(root / "deep", target_is_directory=True)
    (root / "again.csv").symlink_to(root / "a.csv")
    return root


def test_finished_files_of_all_folders_are_found_by_name_and_hidden_ones_are_not(tmp_path: Path) -> None:
    found = find_files(tree(tmp_path))
    assert [(file.name, file.format) for file in found] == [
        ("a.csv", "csv"),
        ("again.csv", "csv"),
        ("b.csv", "csv"),
        ("deep/er/c.csv", "csv"),
        ("deep/f.CSV", "csv"),
        ("deep/z.parquet", "parquet"),
        ("deep-1.csv", "csv"),
        ("packed.csv.gz", "csv"),
    ]
    assert [(file.size, file.mtime_ns) for file in found] == [
        (file.path.stat().st_size, file.path.stat().st_mtime_ns) for file in found
    ]


@pytest.mark.parametrize("pattern", ["*", "*.csv", "[ab]*", "deep*", "er/*.csv", "deep/*", "*.CSV"])
def test_a_pattern_finds_what_a_recursive_glob_finds(tmp_path: Path, pattern: str) -> None:
    root = tree(tmp_path)
    globbed = {
        path.relative_to(root).as_posix()
        for path in root.rglob(pattern)
        if (path.is_symlink() or not path.is_dir())
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and not path.name.endswith(".part")
    }
    assert {file.name for file in find_files(root, pattern, "csv")} == globbed


def test_what_is_neither_folder_nor_file_holds_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert find_files(tmp_path / "pipe.csv") == []
    assert find_files(tmp_path / "nowhere") == []
