"""``python -m transforms.warm``: store the classes that the jobs load, so that later launches start faster.

Part of setting up, not of a run: it runs all jobs once on a few rows, and Java writes the archive as it ends.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from transforms.java import class_archive, spark_environment
from transforms.jobs import run_jobs
from transforms.plan import JOBS
from transforms.rehearsal import rehearsal
from transforms.session import end_java, java_options


def main() -> None:
    """Run the jobs once; where an archive is already there, nothing is done."""
    with tempfile.TemporaryDirectory(prefix="shopwright-warm-") as scratch:
        folder = Path(scratch)
        os.environ.update(spark_environment(folder / "java"))
        archive = class_archive(Path(os.environ["JAVA_HOME"]))
        if archive.exists():
            return
        archive.parent.mkdir(parents=True, exist_ok=True)
        quiet = "-Xlog:cds=off -Xlog:cds+dynamic=off"
        # Written beside and renamed: an archive that a kill cut short would never be made again.
        unfinished = archive.with_name(f"{archive.name}.{os.getpid()}")
        options = f"{java_options('1g')} -XX:ArchiveClassesAtExit={unfinished} {quiet}"
        os.environ["SHOPWRIGHT_SPARK_JAVA_OPTIONS"] = options
        run_jobs(rehearsal(folder), JOBS, lambda written: None)
        end_java()  # which is when it writes the archive
        unfinished.replace(archive)
    print(f"Spark's classes: {archive}", file=sys.stderr)


if __name__ == "__main__":
    main()
