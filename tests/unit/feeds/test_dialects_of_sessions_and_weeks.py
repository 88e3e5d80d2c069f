"""RetailRocket sessions stay whole under a stated clock; VN2's wide weeks become lines, stock and terms."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from feeds.ingest import ingest_feed
from feeds.lake import Lake
from feeds.report import LoadReport
from feeds.shop import load_shop

GAP = "interval 30 minute"


def ingest(name: str, home: Path, data: Path) -> tuple[dict[str, LoadReport], Lake]:
    shop = load_shop(name, home, data=data)
    return {f: ingest_feed(shop, f, home, key=b"k") for f in sorted(shop.feeds)}, Lake(home / name / "lake")


def test_a_session_is_whole_and_its_clicks_in_order_under_the_gap_rule(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    clicks = [
        (session, pos, (session * 7 + pos) % 5) for session in range(40) for pos in range(1 + session * 3)
    ]
    text = "session_id,pos,item_id\n" + "".join(f"{s},{p},{i}\n" for s, p, i in clicks)
    (data / "train_sessions.csv").write_text(text)
    told, lake = ingest("retailrocket", tmp_path / "home", data)
    assert told["events"].accepted == len(clicks)
    assert told["products"].accepted == 5
    events = lake.read("raw", "events")
    con = duckdb.connect()
    con.register("events", events)
    found = con.execute(
        f"""
        select source_session_id, list(sku order by occurred_at), count(*) filter (is_start)
        from (
            select *, coalesce(occurred_at - lag(occurred_at) over w > {GAP}, true) as is_start
            from events window w as (partition by visitor_id order by occurred_at)
        ) group by all
        """
    ).fetchall()
    expected: dict[str, list[str]] = {}
    for session, _, item in clicks:
        expected.setdefault(str(session), []).append(str(item))
    assert {session: skus for session, skus, _ in found} == expected
    assert {n for _, _, n in found} == {1}


def test_all_clicks_and_sessions_of_retailrocket_arrive(real_data: Path, tmp_path: Path) -> None:
    home = tmp_path
    shop = load_shop("retailrocket", home, data=real_data)
    told = ingest_feed(shop, "events", home, key=b"k")
    assert (told.source_rows, told.accepted, told.quarantined) == (685_984, 685_984, 0)
    files = Lake(home / "retailrocket" / "lake").files("raw", "events")
    counted = duckdb.execute(
        "select count(distinct visitor_id), count(distinct sku), min(occurred_at)::date::varchar, "
        "max(occurred_at)::date::varchar from read_parquet(?)",
        [files],
    ).fetchone()
    assert counted == (126_168, 36_968, "2015-05-21", "2015-09-18")


@pytest.fixture(scope="module")
def weeks(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, LoadReport], Lake]:
    return ingest("vn2", tmp_path_factory.mktemp("home"), real_data)


def read_wide(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_weekly_sales_become_order_lines_cell_by_cell(
    real_data: Path, weeks: tuple[dict[str, LoadReport], Lake]
) -> None:
    told, lake = weeks
    wide = read_wide(real_data / "vn2" / "Week 0 - 2024-04-08 - Sales.csv")
    expected = {
        (f"S{row['Store']}", f"P{row['Product']}", week): int(float(units))
        for row in wide
        for week, units in row.items()
        if week[:2] == "20" and float(units)
    }
    lines = told["order_lines"]
    assert (lines.rows_read, lines.accepted) == (599 * 157, len(expected))
    assert lines.by_filter == {"week_without_sales": 599 * 157 - len(expected)}
    rows = lake.read("raw", "order_lines", columns=["order_id", "sku", "ordered_at", "units"]).to_pylist()
    stored = {
        (row["order_id"].split("-")[0], row["sku"], row["ordered_at"].date().isoformat()): row["units"]
        for row in rows
    }
    assert stored == expected
    assert sum(stored.values()) == 276_648
    assert all(row["ordered_at"].weekday() == 0 for row in rows[:500])


def test_flags_stock_and_transit_come_from_their_files(weeks: tuple[dict[str, LoadReport], Lake]) -> None:
    told, lake = weeks
    stock = lake.read("raw", "stock_levels").to_pylist()
    assert told["stock_levels"].by_filter == {"told_by_initial_state": 599}
    assert (len(stock), sum(not row["is_in_stock"] for row in stock)) == (599 * 157, 10_517)
    opening = [row for row in stock if row["on_hand_units"] is not None]
    assert {row["stock_date"].isoformat() for row in opening} == {"2024-04-08"}
    assert (len(opening), sum(row["on_hand_units"] for row in opening)) == (599, 2_225)
    transit = lake.read("raw", "purchase_orders").to_pylist()
    assert (
        sum(row["ordered_units"] for row in transit)
        == sum(row["in_transit_units"] for row in opening)
        == 1_699
    )
    assert {row["expected_receipt_date"].isoformat() for row in transit} == {"2024-04-22"}
    assert {(row["expected_receipt_date"] - row["ordered_date"]).days for row in transit} == {14}


def test_terms_are_those_of_the_challenge(weeks: tuple[dict[str, LoadReport], Lake]) -> None:
    terms = weeks[1].read("raw", "supply_terms").to_pylist()
    assert len({(row["sku"], row["location_id"]) for row in terms}) == 599
    assert {
        (
            row["lead_time_days"],
            row["review_period_days"],
            float(row["holding_cost_amount"]),
            float(row["shortage_cost_amount"]),
        )
        for row in terms
    } == {(14.0, 7, 0.2, 1.0)}
    assert weeks[0]["products"].accepted == 297
