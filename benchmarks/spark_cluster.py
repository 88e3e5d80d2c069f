"""A standalone Spark cluster on the loopback interface, for measuring: a master, two workers of one core."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

from transforms.java import spark_environment

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
SECONDS_TO_START = 120
DAEMON_MEMORY = "256m"


@dataclass(frozen=True)
class Cluster:
    """Where jobs are sent to, what they find as Spark's configuration, and the daemons to watch."""

    master: str
    conf: Path
    processes: tuple[int, ...]


@contextmanager
def two_workers(folder: Path, executor_memory: str) -> Iterator[Cluster]:
    """A cluster that ends with the block; its scratch files are under ``folder``."""
    conf = folder / "conf"
    conf.mkdir(parents=True)
    (conf / "spark-defaults.conf").write_text(f"spark.executor.memory {executor_memory}\n", encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SPARK_")}
    environment |= spark_environment(folder / "java") | {
        "SPARK_DAEMON_MEMORY": DAEMON_MEMORY,
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    port, log = _free_port(), folder / "cluster.log"
    master = f"spark://127.0.0.1:{port}"
    worker = ["worker.Worker", "--cores", "1", "--memory", executor_memory, "--work-dir"]
    daemons = [["master.Master", "--port", str(port)]]
    daemons += [[*worker, str(folder / name), master] for name in ("one", "two")]
    with ExitStack() as stack:
        out = stack.enter_context(log.open("w"))
        started = []
        for name, *options in daemons:
            command = [str(SPARK_CLASS), f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1"]
            command += ["--webui-port", str(_free_port()), *options]
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            started.append(process.pid)
        until = time.monotonic() + SECONDS_TO_START
        while log.read_text(encoding="utf-8").count("Successfully registered with master") < 2:
            if time.monotonic() > until:
                raise SystemExit(f"The cluster did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")
            time.sleep(0.2)
        yield Cluster(master, conf, tuple(started))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
