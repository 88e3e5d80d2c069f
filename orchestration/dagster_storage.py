"""Dagster's SQLite storage of runs and schedules, opened without reading Dagster's migrations.

Each process of a run opens both, and Dagster then reads and compiles all files of its migrations, only to
learn that the tables are there: fifty milliseconds a step. Named in ``dagster.yaml`` by ``instance.py``.
Postgres storage replaces it on a server.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
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


class RunStorage(SqliteRunStorage):
    """The default store of runs."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> RunStorage:
        """Built by Dagster from ``dagster.yaml``."""
        folder = config_value["base_dir"]
        if is_set_up(Path(folder) / "runs.db"):
            return cls(create_db_conn_string(folder, "runs"), inst_data)
        return cls.from_local(folder, inst_data)


class ScheduleStorage(SqliteScheduleStorage):
    """The default store of schedules and sensors."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> ScheduleStorage:
        """Built by Dagster from ``dagster.yaml``."""
        folder = config_value["base_dir"]
        if is_set_up(Path(folder) / "schedules.db"):
            return cls(create_db_conn_string(folder, "schedules"), inst_data)
        made = cls.from_local(folder, inst_data)
        assert isinstance(made, cls)
        return made
