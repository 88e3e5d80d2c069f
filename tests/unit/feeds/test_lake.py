"""Delta tables by layer and name: each write is one version, and a load number is written once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feeds.lake import Lake, LakeError


def rows(*numbers: int, month: str = "2026-01") -> pa.Table:
    return pa.table({"n": pa.array(numbers, pa.int64()), "_month": [month] * len(numbers)})


def numbers(lake: Lake, name: str = "t", version: int | None = None) -> list[int]:
    return sorted(lake.read("raw", name, version=version)["n"].to_pylist())


def test_a_load_number_that_the_table_has_is_not_written_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first = lake.append("raw", "t", rows(1), load_number=1, metadata={"told": "a"})
    assert lake.append("raw", "t", rows(1), load_number=1) == first
    lake.append("raw", "t", rows(2), load_number=2)
    assert numbers(lake) == [1, 2]
    assert lake.last_load_number("raw", "t") == 2
    assert [commit.metadata.get("told") for commit in lake.history("raw", "t")] == ["a", None]


def test_replace_swaps_the_whole_table_and_older_versions_stay_readable(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("raw", "t", rows(1, 2))
    lake.replace("raw", "t", pa.table({"n": pa.array([9], pa.int64()), "extra": ["x"]}))
    assert numbers(lake) == [9]
    assert lake.schema("raw", "t").names == ["n", "extra"]
    assert numbers(lake, version=0) == [1, 2]


def test_replace_where_swaps_one_month_only(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for month, n in (("2026-01", 1), ("2026-02", 2)):
        lake.append("raw", "t", rows(n, month=month), partition_by=["_month"])
    lake.replace_where("raw", "t", rows(7, 8, month="2026-02"), "_month = '2026-02'")
    assert numbers(lake) == [1, 7, 8]


def test_files_are_absolute_and_can_be_kept_to_some_months(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for month, n in (("2026-01", 1), ("2026-02", 2)):
        lake.append("raw", "t", rows(n, month=month), partition_by=["_month"])
    (only,) = lake.files("raw", "t", partitions={"_month": ["2026-02"]})
    assert Path(only).is_absolute()
    assert pq.ParquetFile(only).read()["n"].to_pylist() == [2]
    assert len(lake.files("raw", "t")) == 2


def test_parquet_that_spark_wrote_aside_becomes_the_table(tmp_path: Path) -> None:
    lake, aside = Lake(tmp_path / "lake"), tmp_path / "aside"
    for month, n in (("2026-01", 1), ("2026-02", 2)):
        (aside / f"_month={month}").mkdir(parents=True)
        instants = pa.array([n * 1_000_000_000], pa.timestamp("ns", tz="UTC"))
        pq.write_table(
            pa.table({"n": pa.array([n], pa.int64()), "at": instants}),
            aside / f"_month={month}" / "part.parquet",
            version="2.6",
        )
    lake.append("raw", "t", rows(5))
    lake.adopt_parquet("raw", "t", aside, partition_by=["_month"])
    assert numbers(lake) == [1, 2]
    assert lake.schema("raw", "t").field("at").type == pa.timestamp("us", tz="UTC")
    assert set(lake.read("raw", "t")["_month"].to_pylist()) == {"2026-01", "2026-02"}


def test_adopting_an_empty_folder_needs_a_schema(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    with pytest.raises(LakeError, match="no Parquet file"):
        lake.adopt_parquet("core", "t", tmp_path / "nothing")
    lake.adopt_parquet("core", "t", tmp_path / "nothing", schema=pa.schema([("n", pa.int64())]))
    assert lake.n_rows("core", "t") == 0
    assert lake.names("core") == ("t",)


def test_a_missing_table_and_a_bad_address_are_told(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(LakeError, match="no table raw/t"):
        lake.read("raw", "t")
    with pytest.raises(LakeError, match="layer 'silver'"):
        lake.path("silver", "t")
    with pytest.raises(LakeError, match="table name"):
        lake.path("raw", "../t")
    assert not lake.exists("raw", "t")
    assert lake.last_load_number("raw", "t") == 0
