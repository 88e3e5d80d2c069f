"""The process as it is launched: a plan in, Parquet and a line of JSON out, and what is said when it fails."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster_pipes
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from data_quality.contract import load_contract
from transforms.plan import JOBS, OUTPUTS_OF_JOB

OUTPUTS = tuple(output for job in JOBS for output in OUTPUTS_OF_JOB[job])
# Midnight that ends 2026-03-01 in Berlin.
AS_OF_END = datetime(2026, 3, 1, 23, tzinfo=UTC)


def raw(name, rows):
    """Rows of a raw table of the lake; what they leave out is null."""
    schema = load_contract(name).arrow_schema()
    for field in (pa.field("_load_number", pa.int64()), pa.field("_file_id", pa.string()), pa.field("_line", pa.int64()),
                  pa.field("_month", pa.string())):  # fmt: skip
        schema = schema.append(field)
    return pa.Table.from_pylist([{"_load_number": 1, "_file_id": "f", "_line": 1, "_month": "2026-03"} | r for r in rows],
                                schema=schema)  # fmt: skip


def event(event_id, occurred_at, sku, visitor_id="ann", event_type="view"):
    return {
        "event_id": event_id,
        "visitor_id": visitor_id,
        "event_type": event_type,
        "occurred_at": occurred_at,
        "sku": sku,
    }


def small_lake(home: Path) -> dict[str, dict]:
    """Delta tables of two visits, one event that is too new, and two orders; as the plan's inputs."""
    day = AS_OF_END - timedelta(hours=5)
    write_deltalake(
        home / "events",
        raw(
            "events",
            [
                event("e1", day, "mug"),
                event("e2", day + timedelta(minutes=1), "pot"),
                event("e3", day, "mug", visitor_id="bea"),
                event("e4", day + timedelta(minutes=1), "pot", visitor_id="bea"),
                event("e5", AS_OF_END - timedelta(microseconds=1), "mug"),
                event("e6", AS_OF_END, "mug"),
            ],
        ),
        partition_by=["_month"],
    )
    line = {"line_number": 1, "line_kind": "product", "units": 1, "unit_price_amount": 1, "currency": "EUR"}
    lines = [
        line | {"order_id": o, "sku": s, "ordered_at": day} for o in ("o1", "o2") for s in ("mug", "pot")
    ]
    lines += [line | {"order_id": "late", "sku": s, "ordered_at": AS_OF_END} for s in ("mug", "pot")]
    write_deltalake(home / "order_lines", raw("order_lines", lines), partition_by=["_month"])
    return {
        name: {"files": DeltaTable(home / name).file_uris(), "base_path": str(home / name)}
        for name in ("events", "order_lines")
    }


def plan_file(folder: Path, inputs: dict, **changes) -> Path:
    document = {
        "inputs": inputs,
        "outputs": {name: str(folder / "aside" / name) for name in OUTPUTS},
        "as_of": "2026-03-01",
        "time_zone": "Europe/Berlin",
        "scratch": str(folder / "scratch"),
    }
    path = folder / "plan.json"
    path.write_text(json.dumps(document | changes), encoding="utf-8")
    return path


def launch(plan: Path, *options, without_java=False, **environment):
    """Run the command line; with ``without_java`` it finds neither JAVA_HOME nor java on the path."""
    own = {
        k: v for k, v in os.environ.items() if not k.startswith(("SPARK_", "PYSPARK_")) and k != "JAVA_HOME"
    }
    own["SPARK_MASTER"] = "local[2]"
    if without_java:
        tools = plan.parent / "tools"
        tools.mkdir()
        # Spark's scripts and Hadoop call a dozen system tools; all are there but Java's.
        for tool in {p.name: p for d in ("/usr/bin", "/bin") for p in Path(d).iterdir()}.values():
            if not tool.name.startswith("java"):
                (tools / tool.name).symlink_to(tool)
        own["PATH"] = str(tools)
    return subprocess.run(
        [sys.executable, "-m", "transforms", "--plan", str(plan), *options],
        capture_output=True, text=True, check=False, timeout=280, env=own | environment, cwd=plan.parent,
    )  # fmt: skip


def outputs(folder: Path, name: str) -> list[dict]:
    contract = load_contract(name, "core")
    return (
        ds.dataset(folder / "aside" / name)
        .to_table()
        .sort_by([(k, "ascending") for k in contract.key])
        .to_pylist()
    )


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """One launch with the packaged Java, under Dagster Pipes, in a folder with a blank and braces in its name."""
    folder = tmp_path_factory.mktemp("a shop {one}")
    messages = folder / "messages"
    done = launch(
        plan_file(folder, small_lake(folder / "lake")),
        without_java=True,
        DAGSTER_PIPES_CONTEXT=dagster_pipes.encode_param(
            {"data": {"asset_keys": [], "code_version_by_asset_key": {}, "provenance_by_asset_key": {}, "partition_key": None,
                      "partition_key_range": None, "partition_time_window": None, "run_id": "r", "job_name": "j",
                      "retry_number": 0, "extras": {}}}
        ),
        DAGSTER_PIPES_MESSAGES=dagster_pipes.encode_param({"path": str(messages)}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, done


def test_the_packaged_java_runs_every_job_without_a_system_java(launched):
    folder, _ = launched
    script = folder / "scratch" / "java" / "java-without-vector-module" / "bin" / "java"
    assert script.exists()
    assert "Using incubator modules" not in launched[1].stderr


def test_the_last_line_tells_rows_seconds_and_folder_of_each_table(launched):
    folder, done = launched
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["as_of"] == "2026-03-01"
    rows = {name: entry["rows"] for name, entry in summary["outputs"].items()}
    assert rows == {
        "session_events": 5,
        "sessions": 3,
        "bot_sessions": 0,
        "item_pairs": 4,
        "daily_interactions": 4,
    }
    assert {entry["folder"] for entry in summary["outputs"].values()} == {
        str(folder / "aside" / n) for n in OUTPUTS
    }
    assert sum(entry["seconds"] for entry in summary["outputs"].values()) <= summary["seconds"]


def test_dagster_gets_the_same_summary(launched):
    folder, done = launched
    messages = [json.loads(line) for line in (folder / "messages").read_text(encoding="utf-8").splitlines()]
    (custom,) = [m["params"]["payload"] for m in messages if m["method"] == "report_custom_message"]
    assert custom == json.loads(done.stdout.splitlines()[-1])
    logged = [m["params"]["message"] for m in messages if m["method"] == "log"]
    assert any(line.startswith("item_pairs: 4 rows") for line in logged)


@pytest.mark.parametrize("name", OUTPUTS)
def test_files_have_exactly_the_columns_and_types_of_the_contract(launched, name):
    folder, _ = launched
    files = sorted((folder / "aside" / name).glob("*.parquet"))
    assert 1 <= len(files) <= 9
    for file in files:
        schema = pq.read_schema(file).remove_metadata()
        expected = load_contract(name, "core").arrow_schema()
        assert [(f.name, f.type) for f in schema] == [(f.name, f.type) for f in expected]


def test_what_happens_after_the_day_in_the_shops_zone_does_not_count(launched):
    folder, _ = launched
    assert [row["event_id"] for row in outputs(folder, "session_events") if row["visitor_id"] == "ann"] == [
        "e1",
        "e2",
        "e5",
    ]
    pairs = {row["pair_kind"]: row["n_together"] for row in outputs(folder, "item_pairs")}
    assert pairs == {"co_purchase": 2, "co_view": 2}


def test_nothing_is_left_in_the_working_directory(launched):
    folder, _ = launched
    left = {path.name for path in folder.iterdir()}
    assert left == {"aside", "lake", "messages", "plan.json", "scratch", "tools"}


def test_a_shop_without_either_feed_gets_typed_empty_tables_and_starts_no_java(tmp_path):
    done = launch(plan_file(tmp_path, {"events": {"files": []}}), without_java=True, PYSPARK_GATEWAY_PORT="1")
    assert done.returncode == 0, done.stderr
    for name in OUTPUTS:
        table = pq.read_table(tmp_path / "aside" / name)
        assert table.schema.equals(load_contract(name, "core").arrow_schema())
        assert table.num_rows == 0


@pytest.mark.slow
def test_a_shop_with_orders_only_gets_pairs_and_empty_sessions(tmp_path):
    inputs = small_lake(tmp_path / "lake")
    done = launch(plan_file(tmp_path, {"order_lines": inputs["order_lines"]}))
    assert done.returncode == 0, done.stderr
    assert [(r["pair_kind"], r["sku"], r["paired_sku"]) for r in outputs(tmp_path, "item_pairs")] == [
        ("co_purchase", "mug", "pot"), ("co_purchase", "pot", "mug"),
    ]  # fmt: skip
    assert outputs(tmp_path, "sessions") == []


@pytest.mark.slow
def test_a_garbled_file_fails_the_launch_and_is_named(tmp_path):
    inputs = small_lake(tmp_path / "lake")
    Path(inputs["events"]["files"][0]).write_bytes(b"no parquet at all, but long enough to be looked at")
    done = launch(plan_file(tmp_path, inputs))
    assert done.returncode == 1
    assert "transforms: input events:" in done.stderr
    assert Path(inputs["events"]["files"][0]).name in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_required_column_that_the_files_lack_is_named(tmp_path):
    table = raw("events", [event("e1", AS_OF_END - timedelta(hours=1), "mug")]).drop_columns("visitor_id")
    pq.write_table(table, tmp_path / "events.parquet")
    done = launch(
        plan_file(tmp_path, {"events": {"files": [str(tmp_path / "events.parquet")]}}), "--jobs", "sessions"
    )
    assert done.returncode == 1
    assert "input events: visitor_id is required" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_spark_connect_gives_the_same_tables(tmp_path, launched):
    pytest.importorskip(
        "grpc_status", reason="Spark Connect's client needs the extra packages of pyspark[connect]"
    )
    done = launch(plan_file(tmp_path, small_lake(tmp_path / "lake")), SPARK_REMOTE="local[2]")
    assert done.returncode == 0, done.stderr
    for name in OUTPUTS:
        assert outputs(tmp_path, name) == outputs(launched[0], name)


def busy_lake(home: Path) -> dict[str, dict]:
    """Three thousand random actions and a thousand order lines, as the plan's inputs."""
    draw = random.Random(7)
    kinds = ("view", "view", "add_to_cart", "search", "purchase")
    moments = [AS_OF_END - timedelta(minutes=draw.randrange(1, 20_000)) for _ in range(4_000)]
    rows = [
        event(f"e{n}", moments[n], f"s{draw.randrange(30)}", f"v{draw.randrange(60)}", draw.choice(kinds))
        for n in range(3_000)
    ]
    line = {"line_number": 1, "line_kind": "product", "units": 1, "unit_price_amount": 1, "currency": "EUR"}
    lines = [
        line
        | {
            "order_id": f"o{draw.randrange(400)}",
            "sku": f"s{draw.randrange(30)}",
            "ordered_at": moments[3_000 + n],
        }
        for n in range(1_000)
    ]
    for name, table in (("events", raw("events", rows)), ("order_lines", raw("order_lines", lines))):
        write_deltalake(home / name, table, partition_by=["_month"])
    return {
        n: {"files": DeltaTable(home / n).file_uris(), "base_path": str(home / n)}
        for n in ("events", "order_lines")
    }


@pytest.mark.slow
def test_a_cluster_of_two_workers_gives_the_same_tables_as_this_machine(tmp_path, cluster):
    inputs = busy_lake(tmp_path / "lake")
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, environment in (
        (here, {}),
        (there, {"SPARK_MASTER": cluster.master, "SPARK_CONF_DIR": str(cluster.conf)}),
    ):
        folder.mkdir()
        done = launch(plan_file(folder, inputs), **environment)
        assert done.returncode == 0, done.stderr
    assert cluster.workers_used == {"one", "two"}
    for name in OUTPUTS:
        assert outputs(here, name) == outputs(there, name)
    assert len(outputs(here, "item_pairs")) > 1_000
