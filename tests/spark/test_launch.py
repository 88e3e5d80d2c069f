"""The process as it is launched: a plan in, Parquet and a line of JSON out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import dagster_pipes
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_quality.contract import load_contract
from transforms.plan import JOBS, OUTPUTS_OF_JOB

OUTPUTS = tuple(output for job in JOBS for output in OUTPUTS_OF_JOB[job])
# Midnight that ends 2026-03-01 in Berlin.
AS_OF_END = datetime(2026, 3, 1, 23, tzinfo=UTC)
AFTERNOON = AS_OF_END - timedelta(hours=5)

# What Dagster passes to a process that it launches without partitions.
PIPES_CONTEXT = dict.fromkeys(dagster_pipes.PipesContextData.__annotations__) | {
    "asset_keys": [],
    "run_id": "run",
    "job_name": "job",
    "retry_number": 0,
    "extras": {},
}


def view(event_id, occurred_at, sku, visitor_id="ann"):
    return {
        "event_id": event_id,
        "visitor_id": visitor_id,
        "event_type": "view",
        "occurred_at": occurred_at,
        "sku": sku,
    }


def line(order_id, sku, ordered_at):
    row = {"line_number": 1, "line_kind": "product", "units": 1, "unit_price_amount": 1, "currency": "EUR"}
    return row | {"order_id": order_id, "sku": sku, "ordered_at": ordered_at}


EVENTS = [
    view("e1", AFTERNOON, "mug"),
    view("e2", AFTERNOON + timedelta(minutes=1), "pot"),
    view("e3", AFTERNOON, "mug", "bea"),
    view("e4", AFTERNOON + timedelta(minutes=1), "pot", "bea"),
    view("e5", AS_OF_END - timedelta(microseconds=1), "mug"),
    view("e6", AS_OF_END, "mug"),
]
ORDER_LINES = [line(order_id, sku, AFTERNOON) for order_id in ("o1", "o2") for sku in ("mug", "pot")]
ORDER_LINES += [line("too late", sku, AS_OF_END) for sku in ("mug", "pot")]


@pytest.fixture(scope="module")
def launched(tmp_path_factory, launching):
    """One launch with the packaged Java, under Dagster Pipes, in a folder with blanks and braces."""
    launch = launching(tmp_path_factory.mktemp("a shop {one}"))
    done = launch.run(
        launch.lake(events=EVENTS, order_lines=ORDER_LINES),
        without_java=True,
        DAGSTER_PIPES_CONTEXT=dagster_pipes.encode_param({"data": PIPES_CONTEXT}),
        DAGSTER_PIPES_MESSAGES=dagster_pipes.encode_param({"path": str(launch.folder / "messages")}),
    )
    assert done.returncode == 0, done.stderr
    return launch, done


def test_the_packaged_java_runs_every_job_without_a_system_java(launched):
    launch, done = launched
    assert (launch.folder / "scratch" / "java" / "java-without-vector-module" / "bin" / "java").exists()
    # A Java that has the module says so when Spark asks for it.
    assert "Using incubator modules" not in done.stderr


def test_the_last_line_tells_rows_seconds_and_folder_of_each_table(launched):
    launch, done = launched
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["as_of"] == "2026-03-01"
    assert {name: entry["rows"] for name, entry in summary["outputs"].items()} == {
        "session_events": 5, "sessions": 3, "bot_sessions": 0, "daily_interactions": 4,
        # A meeting of two and the support of either, by kind of pair; then both directions of the meeting.
        "pair_days": 6, "item_pairs": 4,
    }  # fmt: skip
    folders = {entry["folder"] for entry in summary["outputs"].values()}
    assert folders == {str(launch.folder / "aside" / name) for name in OUTPUTS}
    assert max(entry["seconds"] for entry in summary["outputs"].values()) <= summary["seconds"]


def test_dagster_gets_the_same_summary(launched):
    launch, done = launched
    text = (launch.folder / "messages").read_text(encoding="utf-8")
    messages = [json.loads(message) for message in text.splitlines()]
    (custom,) = [m["params"]["payload"] for m in messages if m["method"] == "report_custom_message"]
    assert custom == json.loads(done.stdout.splitlines()[-1])
    logged = [m["params"]["message"] for m in messages if m["method"] == "log"]
    assert any(message.startswith("item_pairs: 4 rows") for message in logged)


def promised(name):
    """Columns and types as a table is written: those of its contract, then the day it is replaced by."""
    day = pa.field("_day", pa.date32())
    if name == "pair_days":
        texts = [pa.field(column, pa.string()) for column in ("pair_kind", "sku", "paired_sku")]
        numbers = [pa.field(column, pa.int64()) for column in ("n_together", "weight_steps", "last_micros")]
        return pa.schema([*texts, *numbers, day])
    contract = load_contract(name, "core").arrow_schema()
    return contract if name == "item_pairs" else contract.append(day)


@pytest.mark.parametrize("name", OUTPUTS)
def test_files_have_exactly_the_columns_and_types_promised(launched, name):
    files = sorted((launched[0].folder / "aside" / name).glob("*.parquet"))
    assert 1 <= len(files) <= 9
    expected = [(f.name, f.type) for f in promised(name)]
    for file in files:
        assert [(f.name, f.type) for f in pq.read_schema(file)] == expected


def test_what_happens_after_the_day_in_the_shops_zone_does_not_count(launched):
    launch, _ = launched
    of_ann = [row for row in launch.rows("session_events") if row["visitor_id"] == "ann"]
    assert [row["event_id"] for row in of_ann] == ["e1", "e2", "e5"]
    pairs = {row["pair_kind"]: row["n_together"] for row in launch.rows("item_pairs")}
    assert pairs == {"co_purchase": 2, "co_view": 2}


def test_nothing_is_left_in_the_working_directory(launched):
    left = {path.name for path in launched[0].folder.iterdir()}
    assert left == {"aside", "lake", "messages", "plan.json", "scratch", "tools"}


def test_a_shop_without_either_feed_gets_typed_empty_tables_and_starts_no_java(tmp_path, launching):
    launch = launching(tmp_path)
    # Were Spark started, it would look for its Java at a port where nothing listens, and fail.
    done = launch.run({"events": {"files": []}}, without_java=True, PYSPARK_GATEWAY_PORT="1")
    assert done.returncode == 0, done.stderr
    for name in OUTPUTS:
        table = pq.read_table(tmp_path / "aside" / name)
        assert table.schema.equals(promised(name))
        assert table.num_rows == 0


def test_a_plan_that_cannot_be_carried_out_ends_with_code_two_and_one_line(tmp_path, launching):
    done = launching(tmp_path).run({"events": {"files": [str(tmp_path / "gone.parquet")]}}, without_java=True)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"transforms: Input events: 1 of 1 files are absent, first {tmp_path / 'gone.parquet'}."
    )
