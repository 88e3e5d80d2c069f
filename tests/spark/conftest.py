"""One Spark session for all tests of the jobs, short ways to write their input, and a small cluster."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyspark
import pytest
from pyspark.sql import DataFrame, SparkSession

from data_quality.contract import load_contract
from transforms.java import spark_environment
from transforms.jobs import EVENT_COLUMNS, ORDER_LINE_COLUMNS
from transforms.session import start_session
from transforms.tables import contract_schema

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
SECONDS_TO_START = 120


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
