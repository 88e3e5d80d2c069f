"""One Spark session for all tests of the jobs, short ways to write their input, and a small cluster."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyspark
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import DataFrame, SparkSession

from data_quality.contract import load_contract
from transforms.java import spark_environment
from transforms.jobs import EVENT_COLUMNS, ORDER_LINE_COLUMNS
from transforms.plan import JOBS, OUTPUTS_OF_JOB
from transforms.session import start_session
from transforms.tables import PAIR_DAYS, contract_schema

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
SECONDS_TO_START = 120
PAIR_DAYS_KEY = ("_day", "pair_kind", "sku", "paired_sku")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.spark)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    scratch = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPARK_REMOTE", raising=False)
        patch.setenv("SPARK_MASTER", "local[2]")
        for name, value in spark_environment(scratch / "java").items():
            patch.setenv(name, value)
        session = start_session(scratch, partitions=2)
        yield session
        session.stop()


@pytest.fixture(scope="session")
def events(spark: SparkSession) -> Callable[..., DataFrame]:
    """Build raw events from dictionaries; what a row leaves out is a view of nothing by visitor ``ann``."""
    schema = contract_schema(load_contract("events"), EVENT_COLUMNS)

    def build(*rows: dict[str, Any]) -> DataFrame:
        filled = [
            {"event_id": f"e{number:02}", "visitor_id": "ann", "event_type": "view"} | row
            for number, row in enumerate(rows)
        ]
        return spark.createDataFrame([tuple(r.get(c) for c in EVENT_COLUMNS) for r in filled], schema)

    return build


@pytest.fixture(scope="session")
def order_lines(spark: SparkSession) -> Callable[..., DataFrame]:
    """Build order lines from (order_id, sku, ordered_at) or (order_id, sku, ordered_at, line_kind)."""
    schema = contract_schema(load_contract("order_lines"), ORDER_LINE_COLUMNS)

    def build(*rows: tuple[Any, ...]) -> DataFrame:
        full = [(r[0], r[1], r[3] if len(r) > 3 else "product", r[2]) for r in rows]
        return spark.createDataFrame(full, schema)

    return build


@dataclass(frozen=True)
class Launch:
    """One launch of the process: its lake, its plan and its outputs lie in ``folder``."""

    folder: Path
    outputs: tuple[str, ...] = tuple(output for job in JOBS for output in OUTPUTS_OF_JOB[job])

    def raw(self, feed: str, rows: list[dict[str, Any]]) -> pa.Table:
        """Rows of a raw table of the lake; what they leave out is null."""
        origin = {"_load_number": 1, "_file_id": "f", "_line": 1, "_month": "2026-03"}
        fields = [pa.field(name, pa.scalar(value).type) for name, value in origin.items()]
        schema = pa.schema([*load_contract(feed).arrow_schema(), *fields])
        return pa.Table.from_pylist([origin | row for row in rows], schema=schema)

    def lake(self, **rows_of_feed: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Write Delta tables; the plan's inputs."""
        inputs = {}
        for feed, rows in rows_of_feed.items():
            home = self.folder / "lake" / feed
            write_deltalake(home, self.raw(feed, rows), partition_by=["_month"])
            inputs[feed] = {"files": DeltaTable(home).file_uris(), "base_path": str(home)}
        return inputs

    def run(
        self,
        inputs: dict[str, Any],
        *options: str,
        module: str = "transforms",
        without_java: bool = False,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line; ``without_java`` hides JAVA_HOME and the ``java`` of the path from it."""
        plan = self.folder / "plan.json"
        document = {
            "inputs": inputs,
            "outputs": {name: str(self.folder / "aside" / name) for name in self.outputs},
            "as_of": "2026-03-01",
            "time_zone": "Europe/Berlin",
            "scratch": str(self.folder / "scratch"),
        }
        plan.write_text(json.dumps(document), encoding="utf-8")
        hidden = ("SPARK_", "PYSPARK_", "JAVA_HOME")
        own = {k: v for k, v in os.environ.items() if not k.startswith(hidden)} | {"SPARK_MASTER": "local[2]"}
        if without_java:
            own["PATH"] = str(self._tools_but_java())
        return subprocess.run(
            [sys.executable, "-m", module, "--plan", str(plan), *options],
            capture_output=True, text=True, check=False, timeout=280, env=own | environment, cwd=self.folder,
        )  # fmt: skip

    def rows(self, output: str) -> list[dict[str, Any]]:
        """What was written, in the order of the key."""
        key = PAIR_DAYS_KEY if output == PAIR_DAYS else load_contract(output, "core").key
        order = [(column, "ascending") for column in key]
        return ds.dataset(self.folder / "aside" / output).to_table().sort_by(order).to_pylist()

    def _tools_but_java(self) -> Path:
        """Spark's scripts and Hadoop call a dozen system tools; all of them are in this folder but Java's."""
        tools = self.folder / "tools"
        tools.mkdir()
        for tool in {p.name: p for d in ("/usr/bin", "/bin") for p in Path(d).iterdir()}.values():
            if not tool.name.startswith("java"):
                (tools / tool.name).symlink_to(tool)
        return tools


@pytest.fixture(scope="session")
def launching() -> type[Launch]:
    """Prepare a launch in a folder."""
    return Launch


@dataclass(frozen=True)
class Cluster:
    """A standalone cluster of two workers with one core each."""

    master: str
    work: Path
    conf: Path

    @property
    def workers_used(self) -> set[str]:
        """The workers that started an executor for an application."""
        return {executor.parent.parent.name for executor in self.work.glob("*/app-*/*") if executor.is_dir()}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A master and two workers on the loopback interface, ended with the test."""
    conf, work = tmp_path / "conf", tmp_path / "work"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text("spark.executor.memory 512m\n", encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SPARK_")} | spark_environment(
        tmp_path / "java"
    )
    environment |= {
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_LOCAL_DIRS": str(tmp_path / "local"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    port, log = free_port(), tmp_path / "cluster.log"
    master = f"spark://127.0.0.1:{port}"
    daemons = [["master.Master", "--port", str(port)]]
    for name in ("one", "two"):
        daemons.append(
            ["worker.Worker", "--cores", "1", "--memory", "512m", "--work-dir", str(work / name), master]
        )
    with ExitStack() as stack:
        out = stack.enter_context(log.open("w"))
        for daemon in daemons:
            command = [str(SPARK_CLASS), f"org.apache.spark.deploy.{daemon[0]}", "--host", "127.0.0.1"]
            process = subprocess.Popen(
                [*command, "--webui-port", str(free_port()), *daemon[1:]],
                env=environment,
                stdout=out,
                stderr=out,
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
        until = time.monotonic() + SECONDS_TO_START
        while log.read_text(encoding="utf-8").count("Successfully registered with master") < 2:
            assert time.monotonic() < until, log.read_text(encoding="utf-8")
            time.sleep(0.2)
        yield Cluster(master, work, conf)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
