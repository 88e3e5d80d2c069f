"""``python -m transforms --plan plan.json [--jobs sessions,pairs,interactions]``: run jobs in one session.

The last line of standard output is a JSON object with the rows and seconds of each table. Launched by Dagster
Pipes, the process reports the same there. A failure is a message on standard error and exit code 1, or 2 for
a plan that cannot be carried out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from dagster_pipes import PipesContext, PipesEnvVarParamsLoader, open_dagster_pipes
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from transforms.java import JavaNotFoundError, spark_environment
from transforms.jobs import InSession, Written, own_session, run_jobs
from transforms.plan import JOBS, Plan, PlanError, read_plan

EXIT_FAILED = 1
EXIT_WRONG_PLAN = 2
LONGEST_MESSAGE = 2_000


class JobFailedError(RuntimeError):
    """Spark could not finish; the message names the input where Spark's names one of its files."""


def main(arguments: list[str] | None = None, session: InSession = own_session) -> int:
    """Run the jobs that the command line asks for, in a session of their own or this one; the exit code."""
    options = _parser().parse_args(arguments)
    if options.log is not None:
        _print_to(options.log)
    jobs = tuple(job for job in options.jobs.split(",") if job)
    with _pipes() as pipes:
        try:
            plan = read_plan(options.plan, jobs)
            summary = _run(plan, jobs, pipes, session)
        except PlanError as error:
            return _failed(error, EXIT_WRONG_PLAN, pipes)
        except (JavaNotFoundError, JobFailedError) as error:
            return _failed(error, EXIT_FAILED, pipes)
        if pipes is not None:
            pipes.report_custom_message(summary)
    print(json.dumps(summary), flush=True)
    return 0


def _run(
    plan: Plan, jobs: tuple[str, ...], pipes: PipesContext | None, session: InSession
) -> dict[str, object]:
    def report(written: Written) -> None:
        line = f"{written.output}: {written.rows:,} rows in {written.seconds:.1f} s"
        print(line, file=sys.stderr, flush=True)
        if pipes is not None:
            pipes.log.info(line)

    os.environ.update(spark_environment(plan.scratch / "java"))
    try:
        return run_jobs(plan, jobs, report, session)
    except (PySparkException, Py4JError, duckdb.Error) as error:
        raise JobFailedError(_explained(plan, error)) from error


def _explained(plan: Plan, error: Exception) -> str:
    """What Spark says first and what it names as the last cause, after the inputs whose files it names."""
    text = str(error)
    named = [
        name for name, files in plan.inputs.items() if any(Path(path).name in text for path in files.paths)
    ]
    lines = [line.strip() for line in text.split("JVM stacktrace")[0].splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by: ")]
    said = [line for line in lines if not line.startswith(("at ", "... ", "Caused by: "))]
    message = " ".join([*said, *causes[-1:]])[:LONGEST_MESSAGE]
    return f"input {', '.join(named)}: {message}" if named else message


def _failed(error: Exception, code: int, pipes: PipesContext | None) -> int:
    print(f"transforms: {error}", file=sys.stderr, flush=True)
    if pipes is not None:
        pipes.log.error(str(error))
    return code


def _print_to(log: Path) -> None:
    """Add what this process prints to a file, from here on; the Java that it starts inherits that.

    A Java that was started before may have the file open already: what either writes comes after the other's.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())


@contextmanager
def _pipes() -> Iterator[PipesContext | None]:
    """The channel to Dagster when it launched this process, else None."""
    if not PipesEnvVarParamsLoader().is_dagster_pipes_process():
        yield None
        return
    with open_dagster_pipes() as pipes:
        yield pipes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m transforms", description="Run Spark jobs on files of the lake."
    )
    parser.add_argument("--plan", type=Path, required=True, help="JSON file: inputs, outputs, as_of, scratch")
    parser.add_argument("--jobs", default=",".join(JOBS), help=f"comma-separated, of {', '.join(JOBS)}")
    parser.add_argument("--log", type=Path, help="file for all that this process and its Java would print")
    return parser


if __name__ == "__main__":
    sys.exit(main())
