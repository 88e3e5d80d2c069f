"""The Spark session that every job runs in: where it runs, and how it is set. No job logic belongs here.

``SPARK_MASTER`` (``local[*]`` by default) or ``SPARK_REMOTE`` (Spark Connect) decides where the jobs run;
``SHOPWRIGHT_SPARK_MEMORY`` (2g) is the driver's memory, ``SHOPWRIGHT_SPARK_JAVA_OPTIONS`` its other options.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from pyspark import SparkContext
from pyspark.sql import SparkSession

from transforms.java import class_archive

DEFAULT_MASTER = "local[*]"
DEFAULT_MEMORY = "2g"

# On a small machine the jobs on a day's rows are over before Java's second compiler pays off, and a heap that
# grows stops the run each time: then the first compiler, one collector thread and the whole heap at once.
CORES_OF_A_SMALL_MACHINE = 4
# With one compiler Java sets 48 MB aside for compiled code; a warehouse's queries fill that, and then Java
# compiles nothing more, or stops.
QUICK_START_OPTIONS = (
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:MetaspaceSize=256m -XX:ReservedCodeCacheSize=240m"
)
LONG_WORK_OPTIONS = "-XX:+UseParallelGC"
# A day of a shop is small: few partitions keep two cores busy.
SHUFFLE_PARTITIONS = 4
# Of Parquet, which holds some 400,000 actions: a partition of them is sorted in memory, whatever the history.
BYTES_OF_A_PARTITION = 8 << 20
# Beyond this much input (some three million actions) the work is long enough for Java's second compiler.
LONG_INPUT_BYTES = 64 << 20
# Spark's own bound of 128 makes it sort the actions of nearly every shop a second time. A session's share is
# about a kilobyte, so this is well within the memory of the driver.
GROUPS_GATHERED_IN_MEMORY = 65_536
# Above this many files Spark lists them in a job of its own, which costs a second for nothing on known files.
FILES_LISTED_BY_THE_DRIVER = 100_000


def start_session(
    scratch: Path, name: str = "shopwright", partitions: int = SHUFFLE_PARTITIONS, input_bytes: int = 0
) -> SparkSession:
    """A Spark session in UTC, without UI, on the loopback interface, with scratch files under ``scratch``.

    ``partitions`` is the least number of them for a shuffle; large inputs have more.
    """
    partitions = partitions_for(input_bytes, partitions)
    is_long = input_bytes > LONG_INPUT_BYTES
    scratch.mkdir(parents=True, exist_ok=True)
    builder = SparkSession.builder.appName(name)
    remote = os.environ.get("SPARK_REMOTE")
    if remote:
        builder = builder.remote(remote)
        settings = sql_settings(partitions, is_long)
    else:
        builder = builder.master(os.environ.get("SPARK_MASTER") or DEFAULT_MASTER)
        settings = sql_settings(partitions, is_long) | process_settings(scratch.resolve(), is_long)
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def partitions_for(input_bytes: int, at_least: int = SHUFFLE_PARTITIONS) -> int:
    """How many partitions a shuffle of so much input has."""
    return max(at_least, -(-input_bytes // BYTES_OF_A_PARTITION))


def end_java(*, at_once: bool = False) -> None:
    """End the Java of this process, and wait for it; a session started later has one of its own.

    With ``at_once`` it is killed: what it has on disk is left to whoever owns the folder.
    """
    gateway = SparkContext._gateway
    if gateway is not None:
        if at_once:
            gateway.proc.kill()
        else:
            gateway.proc.stdin.close()
        gateway.proc.wait()
        SparkContext._gateway = SparkContext._jvm = None


def sql_settings(partitions: int, is_long: bool = False) -> dict[str, str]:
    """How queries behave, wherever they run; all may be set on a running session."""
    return {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        # A plan that may still be changed is made step by step, each when the one before has ended: for what
        # fits into few partitions there is nothing to change.
        "spark.sql.adaptive.enabled": str(is_long).lower(),
        "spark.sql.shuffle.partitions": str(partitions),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # A table that is kept stays partitioned by visitor, as it was made: what is grouped by the visitor
        # and more finds it so, and needs no shuffle of its own.
        "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "false",
        # Lists and sets are gathered in memory for so many groups a task; beyond, rows are sorted first.
        "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": str(GROUPS_GATHERED_IN_MEMORY),
        # What is kept between jobs is read a few times within seconds; packing it costs more than it saves,
        # unless it is so much that it is kept on disk.
        "spark.sql.inMemoryColumnarStorage.compressed": str(is_long).lower(),
        # Readers of the lake expect microseconds with a zone, not Spark's historical 96-bit timestamps.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
        "spark.sql.sources.parallelPartitionDiscovery.threshold": str(FILES_LISTED_BY_THE_DRIVER),
    }


def process_settings(scratch: Path, is_long: bool = False) -> dict[str, str]:
    """How the driver process is started, for much work or little; fixed once it runs."""
    memory = os.environ.get("SHOPWRIGHT_SPARK_MEMORY") or DEFAULT_MEMORY
    settings = {
        "spark.driver.memory": memory,
        "spark.driver.extraJavaOptions": f"-Duser.timezone=UTC {java_options(memory, is_long)}",
        "spark.log.level": "ERROR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # With it every column expression looks up its line of Python, and failures are logged twice.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.local.dir": str(scratch / "local"),
    }
    if os.environ.get("SPARK_LOCAL_IP"):
        settings |= {
            "spark.driver.host": os.environ["SPARK_LOCAL_IP"],
            "spark.driver.bindAddress": os.environ["SPARK_LOCAL_IP"],
        }
    return settings


def java_options(memory: str, is_long: bool = False) -> str:
    """The driver's Java options: those asked for, else what suits machine, memory and amount of work."""
    chosen = os.environ.get("SHOPWRIGHT_SPARK_JAVA_OPTIONS")
    if chosen is not None:
        return chosen
    if is_long:
        return LONG_WORK_OPTIONS
    if (os.cpu_count() or 1) > CORES_OF_A_SMALL_MACHINE:
        return ""
    whole_heap = f" -Xms{memory}" if re.fullmatch(r"\d+[kmg]", memory) else ""
    return QUICK_START_OPTIONS + whole_heap + _stored_classes()


def _stored_classes() -> str:
    """The option that takes classes from the archive of ``transforms.warm``, where there is a whole one."""
    home = os.environ.get("JAVA_HOME")
    archive = class_archive(Path(home)) if home else None
    if archive is None or not archive.exists() or " " in str(archive):
        return ""
    with archive.open("rb") as file:
        # Java writes the head last: that of a file it could not finish is empty.
        return f" -XX:SharedArchiveFile={archive} -Xlog:cds=off" if any(file.read(4)) else ""
