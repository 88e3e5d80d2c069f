"""Launches that take long: a cluster, Spark Connect, shops that lack a feed, files that cannot be read."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def lake_rows(n_events=3_000, n_lines=1_000):
    """Random actions and order lines of the fortnight before the day."""
    draw = random.Random(7)
    kinds = ("view", "view", "add_to_cart", "search", "purchase")

    def moment():
        return NOON - timedelta(minutes=draw.randrange(1, 20_000))

    events = [
        {"event_id": f"e{n}", "occurred_at": moment(), "sku": f"s{draw.randrange(30)}",
         "visitor_id": f"v{draw.randrange(60)}", "event_type": draw.choice(kinds)}
        for n in range(n_events)
    ]  # fmt: skip
    lines = [
        {"order_id": f"o{draw.randrange(400)}", "sku": f"s{draw.randrange(30)}", "ordered_at": moment(),
         "line_number": n, "line_kind": "product", "units": 1, "unit_price_amount": 1, "currency": "EUR"}
        for n in range(1, n_lines + 1)
    ]  # fmt: skip
    return {"events": events, "order_lines": lines}


def launched(launching, folder, inputs, **environment):
    folder.mkdir()
    launch = launching(folder)
    done = launch.run(inputs, **environment)
    assert done.returncode == 0, done.stderr
    return launch


def assert_same_tables(here, there):
    for name in here.outputs:
        assert here.rows(name) == there.rows(name)
    assert len(here.rows("item_pairs")) > 500


@pytest.mark.timeout(900)
def test_a_cluster_of_two_workers_gives_the_same_tables_as_this_machine(tmp_path, launching, cluster):
    inputs = launching(tmp_path).lake(**lake_rows())
    here = launched(launching, tmp_path / "here", inputs)
    there = launched(
        launching, tmp_path / "there", inputs, SPARK_MASTER=cluster.master, SPARK_CONF_DIR=str(cluster.conf)
    )
    assert cluster.workers_used == {"one", "two"}
    assert_same_tables(here, there)


def test_spark_connect_gives_the_same_tables_as_this_machine(tmp_path, launching):
    inputs = launching(tmp_path).lake(**lake_rows())
    here = launched(launching, tmp_path / "here", inputs)
    assert_same_tables(here, launched(launching, tmp_path / "there", inputs, SPARK_REMOTE="local[2]"))


def test_a_shop_with_orders_only_gets_pairs_and_empty_sessions(tmp_path, launching):
    lines = [
        row | {"order_id": f"o{n // 2 % 2}", "sku": f"s{n % 2}"}
        for n, row in enumerate(lake_rows()["order_lines"])
    ]
    launch = launched(launching, tmp_path / "shop", launching(tmp_path).lake(order_lines=lines))
    found = [
        (row["pair_kind"], row["sku"], row["paired_sku"], row["n_together"])
        for row in launch.rows("item_pairs")
    ]
    assert found == [("co_purchase", "s0", "s1", 2), ("co_purchase", "s1", "s0", 2)]
    assert launch.rows("sessions") == []


def test_a_garbled_file_fails_the_launch_and_is_named(tmp_path, launching):
    launch = launching(tmp_path)
    inputs = launch.lake(**lake_rows(10, 10))
    garbled = Path(inputs["events"]["files"][0])
    garbled.write_bytes(b"no parquet at all, but long enough to be looked at")
    done = launch.run(inputs)
    assert done.returncode == 1
    (message,) = [line for line in done.stderr.splitlines() if line.startswith("transforms: ")]
    assert message.startswith("transforms: input events: ")
    assert f"{garbled.name} is not a Parquet file" in message
    assert "Traceback" not in done.stderr


def test_a_required_column_that_the_files_lack_is_named(tmp_path, launching):
    launch = launching(tmp_path)
    table = launch.raw("events", lake_rows(10, 0)["events"]).drop_columns("visitor_id")
    pq.write_table(table, tmp_path / "events.parquet")
    done = launch.run({"events": {"files": [str(tmp_path / "events.parquet")]}}, "--jobs", "sessions")
    assert done.returncode == 1
    assert "input events: visitor_id is required" in done.stderr
    assert "Traceback" not in done.stderr
