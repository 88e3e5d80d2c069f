"""Dagster's SQLite storage of runs and schedules, opened without reading Dagster's migrations.

Each process of a run opens both, and Dagster then reads and compiles all files of its migrations, only to
learn that the tables are there: fifty milliseconds a step. Named in ``dagster.yaml`` by ``instance.py``.
Postgres storage replaces it on a server.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from dagster._core.storage.runs import SqliteRunStorage  # the classes dagster.yaml names by default
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._serdes import ConfigurableClassData


def is_set_up(file: Path) -> bool:
    """Whether the file exists and has Dagster's tables: it is stamped last."""
    if not file.exists():
        return False
    # Not read-only: such a connection leaves the files of the write-ahead log behind when it is the last.
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True)) as looked:
        try:
            return bool(looked.execute("select count(*) from alembic_version").fetchone()[0])
        except sqlite3.OperationalError:
            return False


class _OpenedAsItStands:
    """How both stores are made from ``dagster.yaml``: set up once, then only opened."""

    DATABASE: ClassVar[str]

    @classmethod
    def from_config_value(cls: Any, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:
        """Built by Dagster from ``dagster.yaml``."""
        folder = config_value["base_dir"]
        if is_set_up(Path(folder) / f"{cls.DATABASE}.db"):
            return cls(create_db_conn_string(folder, cls.DATABASE), inst_data)
        return cls.from_local(folder, inst_data)


class RunStorage(_OpenedAsItStands, SqliteRunStorage):
    """The default store of runs."""

    DATABASE = "runs"


class ScheduleStorage(_OpenedAsItStands, SqliteScheduleStorage):
    """The default store of schedules and sensors."""

    DATABASE = "schedules"
