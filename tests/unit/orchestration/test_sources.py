"""Binding the lake: typed views over explicit files, and clear refusals."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_quality.contract import load_contract
from orchestration.sources import SourceBindingError, bind_sources

SETTINGS: dict[str, object] = {
    "shop": "demo",
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
    "default_location": "main",
    "home_country": "DE",
    "demand_period_days": 1,
    "as_of": date(2026, 3, 10),
    "run_id": "r",
}


def written(path: Path, columns: dict[str, pa.Array]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return str(path)


def test_a_table_without_files_is_a_typed_view_without_rows(tmp_path: Path) -> None:
    bind_sources(tmp_path / "new" / "w.duckdb", {"raw/orders": []}, SETTINGS)
    with duckdb.connect(str(tmp_path / "new" / "w.duckdb")) as connection:
        described = connection.execute("describe raw.fx_rates").fetchall()
        assert connection.execute("select count(*) from raw.orders").fetchall() == [(0,)]
    assert [(row[0], row[1].lower().replace(" ", "")) for row in described] == [
        *((c.name, c.type) for c in load_contract("fx_rates").columns),
        ("_load_number", "bigint"),
        ("_file_id", "varchar"),
        ("_line", "bigint"),
    ]


def test_a_column_that_older_files_lack_reads_as_null_and_others_are_cast(tmp_path: Path) -> None:
    supplier = written(
        tmp_path / "lake" / "it's" / "a.parquet",
        {"supplier_id": pa.array(["s1"]), "name": pa.array(["Potter"]), "_line": pa.array([7], pa.int32())},
    )
    bind_sources(tmp_path / "w.duckdb", {"raw/suppliers": [supplier]}, SETTINGS)
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        rows = connection.execute("select name, country, typeof(_line), _line from raw.suppliers").fetchall()
    assert rows == [("Potter", None, "BIGINT", 7)]


def test_the_partition_column_of_the_path_does_not_reach_the_view(tmp_path: Path) -> None:
    files = [
        written(tmp_path / f"_month=2026-0{n}" / "a.parquet", {"event_id": pa.array([f"e{n}"])})
        for n in (1, 2)
    ]
    bind_sources(tmp_path / "w.duckdb", {"raw/events": files}, SETTINGS)
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        events = connection.execute("select event_id from raw.events order by 1").fetchall()
        names = [row[0] for row in connection.execute("describe raw.events").fetchall()]
    assert events == [("e1",), ("e2",)]
    assert "_month" not in names


def test_binding_again_replaces_files_and_settings(tmp_path: Path) -> None:
    fx = written(tmp_path / "fx.parquet", {"base_currency": pa.array(["CNY"])})
    bind_sources(tmp_path / "w.duckdb", {"raw/fx_rates": [fx]}, SETTINGS)
    bind_sources(tmp_path / "w.duckdb", {}, SETTINGS | {"run_id": "r2"})
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        assert connection.execute("select count(*) from raw.fx_rates").fetchall() == [(0,)]
        assert connection.execute("select run_id from control.shop_settings").fetchall() == [("r2",)]


def test_unknown_tables_and_missing_settings_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(SourceBindingError, match="raw/order"):
        bind_sources(tmp_path / "w.duckdb", {"raw/order": []}, SETTINGS)
    with pytest.raises(SourceBindingError, match="time_zone"):
        bind_sources(tmp_path / "w.duckdb", {}, {k: v for k, v in SETTINGS.items() if k != "time_zone"})
    assert not (tmp_path / "w.duckdb").exists()
