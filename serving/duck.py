"""Connections to DuckDB files as serving opens them, and the quoting of names and paths.

The only place in ``serving`` that says how a published file is opened.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

SERVE_STORAGE_VERSION = "v1.2.0"
"""Format of published files: BI drivers from DuckDB 1.2 on can open them, whatever version wrote them."""


_HARDENED = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "threads": "2",
    "memory_limit": "1GB",
    "lock_configuration": "true",
}


def open_hardened(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection that reaches nothing but this file: no other file, no extension, no setting.

    The configuration is the same for everybody, because DuckDB shares one instance of a file among all
    connections of a process and refuses to open it a second time with other settings.
    """
    return duckdb.connect(str(path), read_only=True, config=dict(_HARDENED))


def identifier(*parts: str) -> str:
    """A quoted, possibly qualified SQL name."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(value: object) -> str:
    """A quoted SQL string, for the statements that take no bound parameters (ATTACH, COPY)."""
    return "'" + str(value).replace("'", "''") + "'"
