"""The simulator's files: the same bytes for a seed, a stable past, rows that keep their contracts."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from data_quality.contract import Contract, all_contracts, load_contract
from feeds.simulator import SimulationParams, simulate

SMALL = SimulationParams(days=60, skus=40, customers=200)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(SMALL, tmp_path_factory.mktemp("shop")).out_dir


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set threads = 1; set timezone = 'UTC'")
        yield connection


def digests(folder: Path, with_truth: bool = True) -> dict[str, str]:
    """The hash of every file by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (with_truth or "_truth" not in path.parts)
    }


def text_rows(folder: Path, feed: str) -> str:
    """SQL of a feed's rows as texts, whatever the format."""
    files = folder / feed
    if next(files.iterdir()).suffix == ".parquet":
        return f"select columns(*)::varchar from read_parquet('{files}/*.parquet')"
    if next(files.iterdir()).suffix == ".jsonl":
        return (
            f"select columns(*)::varchar from read_json('{files}/*.jsonl', format = 'newline_delimited', "
            "maximum_sample_files = 1000)"
        )
    return (
        f"select * from read_csv('{files}/*.csv', "
        "all_varchar = true, delim = ',', quote = '\"', escape = '\"', header = true)"
    )


def test_the_same_parameters_give_the_same_bytes(shop: Path, tmp_path: Path) -> None:
    again = simulate(SMALL, tmp_path / "again").out_dir
    assert digests(again) == digests(shop)


def test_another_seed_gives_another_shop(tmp_path: Path) -> None:
    params = dataclasses.replace(SMALL, days=3)
    first = digests(simulate(params, tmp_path / "a").out_dir)
    second = digests(simulate(dataclasses.replace(params, seed=8), tmp_path / "b").out_dir)
    same = {path for path in first if first[path] == second.get(path)}
    assert same <= {"calendar_events/2025-01-01.csv", "suppliers/2025-01-01.csv", "_truth/transits.parquet",
                    "_truth/faults.parquet"}  # fmt: skip


def test_one_more_day_adds_files_and_changes_none(shop: Path, tmp_path: Path) -> None:
    longer = simulate(dataclasses.replace(SMALL, days=61), tmp_path / "longer").out_dir
    before, after = digests(shop, with_truth=False), digests(longer, with_truth=False)
    assert {path: after.get(path) for path in before} == before
    added = after.keys() - before.keys()
    assert {Path(path).stem for path in added} == {"2025-03-02"}
    assert {"events", "stock_levels", "fx_rates"} <= {Path(path).parts[0] for path in added}


def test_only_the_next_day_can_be_written(shop: Path, tmp_path: Path) -> None:
    days: list[date] = []
    params = dataclasses.replace(SMALL, days=61)
    summary = simulate(params, tmp_path / "next", since=date(2025, 3, 2), on_day=days.append)
    files = digests(summary.out_dir, with_truth=False)
    assert {Path(path).stem for path in files} == {"2025-03-02"}
    assert summary.n_files == len(files)
    assert len(days) == 61
    assert days[-1] == summary.last_date == date(2025, 3, 2)


def test_every_feed_with_a_contract_is_written(shop: Path) -> None:
    written = {path.name for path in shop.iterdir()} - {"_truth"}
    assert written == {contract.name for contract in all_contracts("feeds")}


@pytest.mark.parametrize("contract", all_contracts("feeds"), ids=lambda contract: contract.name)
def test_every_row_keeps_its_contract(shop: Path, con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    con.execute(f"create table given as {text_rows(shop, contract.name)}")
    names = [name for (name,) in con.execute("select column_name from (describe given)").fetchall()]
    assert tuple(names) == contract.column_names
    broken = {}
    for column in contract.columns:
        value = f'try_cast("{column.name}" as {column.type})'
        rules = [f'"{column.name}" is not null and {value} is null']
        if column.required:
            rules.append(f'"{column.name}" is null')
        if column.minimum is not None:
            rules.append(f"{value} < {column.minimum}")
        if column.maximum is not None:
            rules.append(f"{value} > {column.maximum}")
        if column.max_length is not None:
            rules.append(f"length({value}) > {column.max_length}")
        if column.pattern:
            rules.append(f"not regexp_full_match({value}, '{column.pattern}')")
        if column.allowed:
            rules.append(f"{value} not in ({', '.join(repr(word) for word in column.allowed)})")
        for rule in rules:
            [(n,)] = con.execute(f"select count(*) from given where {rule}").fetchall()
            if n:
                broken[rule] = n
    assert broken == {}


@pytest.mark.parametrize("contract", all_contracts("feeds"), ids=lambda contract: contract.name)
def test_keys_are_unique_within_a_version(
    shop: Path, con: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    key = [*contract.key, *filter(None, [contract.version_column])]
    columns = ", ".join(f'"{name}"' for name in key)
    rows = text_rows(shop, contract.name)
    twice = con.execute(
        f"select {columns}, count(*) from ({rows}) group by all having count(*) > 1"
    ).fetchall()
    assert twice == []


@pytest.mark.parametrize("feed", ["orders", "shipments", "purchase_orders", "customers", "products"])
def test_changed_records_are_sent_again_with_a_later_version(
    shop: Path, con: duckdb.DuckDBPyConnection, feed: str
) -> None:
    contract = load_contract(feed)
    key = ", ".join(contract.key)
    rows = text_rows(shop, feed).replace("header = true)", "header = true, filename = true)")
    [(again, backwards)] = con.execute(
        f"""
        with versions as (
            select {key}, updated_at::timestamptz as moment, lag(updated_at::timestamptz) over (
                partition by {key} order by filename
            ) as earlier from ({rows})
        )
        select count(earlier), count(*) filter (moment <= earlier) from versions
        """
    ).fetchall()
    assert again > 0
    assert backwards == 0


@pytest.mark.parametrize(
    ("feed", "column"),
    [
        ("events", "occurred_at"), ("order_lines", "ordered_at"), ("order_status_events", "status_at"),
        ("orders", "updated_at"), ("shipments", "updated_at"), ("refunds", "refunded_at"),
    ],
)  # fmt: skip
def test_a_file_holds_its_own_day_in_the_shops_zone(
    shop: Path, con: duckdb.DuckDBPyConnection, feed: str, column: str
) -> None:
    rows = text_rows(shop, feed).replace("header = true)", "header = true, filename = true)")
    strays = con.execute(
        f"""
        select filename, {column} from ({rows})
        where ({column}::timestamptz at time zone 'Europe/Berlin')::date
            <> regexp_extract(filename, '(\\d{{4}}-\\d\\d-\\d\\d)', 1)::date
        """
    ).fetchall()
    assert strays == []


def test_the_clock_change_gives_days_of_23_hours(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    params = dataclasses.replace(SMALL, days=2, start=date(2025, 3, 30))
    rows = text_rows(simulate(params, tmp_path / "spring").out_dir, "events")
    local = f"select (occurred_at::timestamptz at time zone 'Europe/Berlin') as moment from ({rows})"
    [(days,)] = con.execute(f"select count(distinct moment::date) from ({local})").fetchall()
    [(missing_hour,)] = con.execute(
        f"select count(*) from ({local}) where moment::date = '2025-03-30' and hour(moment) = 2"
    ).fetchall()
    assert days == 2
    assert missing_hour == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"days": 0}, "days=0"), ({"skus": 3}, "24 SKUs"), ({"customers": 1}, "50 customers"),
        ({"faults": ("gremlins",)}, "gremlins"), ({"faults": ("missing_key",), "days": 10}, "25"),
        ({"currency": "CNY"}, "EUR"), ({"start": date(1999, 1, 1)}, "festival table"),
    ],
)  # fmt: skip
def test_impossible_parameters_are_refused_with_a_reason(change: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        dataclasses.replace(SMALL, **change)  # type: ignore[arg-type]
