"""Where dbt's statements meet Spark: a cursor for dbt-spark's session that translates what models say.

dbt's own statements (``create schema``, ``drop table``) are Spark's and go through as they are. What follows
``MARK`` is DuckDB's SQL and is translated. Only this module knows dbt-spark; it is replaced when dbt runs on
another connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dbt.adapters.spark import session as dbt_session
from dbt_common.exceptions import DbtRuntimeError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession

from transforms.warehouse.common_tables import Recursion
from transforms.warehouse.rules import TranslationError
from transforms.warehouse.tables import Sources, columns_of
from transforms.warehouse.translation import Known, translate

MARK = "/* from duckdb */"
"""In the project's macros for Spark; before it Spark's own SQL, after it a model's."""
LONGEST_MESSAGE = 3_000


class TranslatingCursor:
    """What dbt-spark expects of a cursor, on a session that exists and keeps its settings.

    dbt-spark's own would ask for Hive and turn ANSI mode off, in which an overflow is a null.
    """

    def __init__(self, spark: SparkSession, sources: Sources) -> None:
        self._spark = spark
        self._sources = sources
        self._answer: DataFrame | None = None
        self._made: list[str] = []

    @property
    def description(self) -> Sequence[tuple[Any, ...]]:
        """Name and type of each column of the answer, as Python's database interface has them."""
        fields = self._answer.schema.fields if self._answer is not None else []
        return [(f.name, f.dataType.simpleString(), None, None, None, None, f.nullable) for f in fields]

    def execute(self, sql: str, *parameters: Any) -> None:
        """Run one statement; ``DbtRuntimeError`` says why it failed, and what was run."""
        if parameters:
            raise DbtRuntimeError("Statements have no parameters on Spark.")
        own, mark, query = sql.partition(MARK)
        run = sql
        try:
            if mark:
                run = own + self._translated(query)
            self._answer = self._spark.sql(run)
        except TranslationError as error:
            raise DbtRuntimeError(f"Not translated: {error}") from error
        except (PySparkException, Py4JError) as error:
            said = str(error).split("JVM stacktrace")[0].strip()
            raise DbtRuntimeError(f"{said[:LONGEST_MESSAGE]}\nSpark was given:\n{run}") from error
        finally:
            if "create table" in own:
                self._let_go()

    def fetchall(self) -> list[Row]:
        """All rows of the answer."""
        return self._answer.collect() if self._answer is not None else []

    def close(self) -> None:
        """Forget the answer, and let go of what was made for it."""
        self._answer = None
        self._let_go()

    def _let_go(self) -> None:
        while self._made:
            self._spark.catalog.dropTempView(self._made.pop())

    def _translated(self, query: str) -> str:
        views = self._sources.views
        known = Known(lambda name: columns_of(self._spark, views.get(name, name)), views, self._sources.rows)
        translated = translate(query, known)
        for table in translated.before:
            if isinstance(table, Recursion):
                rows = self._followed(table)
            else:
                # kept rows alone would still have their whole plan behind them, and be planned again with it
                rows = self._spark.sql(table.sql).localCheckpoint()
            rows.createOrReplaceTempView(table.view)
            self._made.append(table.view)
        return translated.sql

    def _followed(self, recursion: Recursion) -> DataFrame:
        """The start and what each step finds anew, until it finds nothing."""
        added = whole = self._spark.sql(recursion.start).distinct().localCheckpoint()
        while not added.isEmpty():
            added.createOrReplaceTempView(recursion.added)
            found = self._spark.sql(recursion.step).distinct()
            added = found.subtract(whole).localCheckpoint()
            whole = whole.union(added).localCheckpoint()
        self._spark.catalog.dropTempView(recursion.added)
        return whole


@contextmanager
def translating(spark: SparkSession, sources: Sources) -> Iterator[None]:
    """In this block dbt-spark's session connections run on ``spark``, and translate."""

    class Connection(dbt_session.Connection):
        """Hands out translating cursors."""

        def cursor(self) -> Any:
            return TranslatingCursor(spark, sources)

    before = dbt_session.Connection
    dbt_session.Connection = Connection  # type: ignore[misc]
    try:
        yield
    finally:
        dbt_session.Connection = before  # type: ignore[misc]
