"""Where a measurement was made: date, cores, memory, load and versions. Every result file starts with it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

PACKAGES = ("dagster", "dbt-core", "duckdb", "deltalake", "pyspark", "great-expectations", "lightgbm",
            "statsforecast", "prophet", "scikit-learn", "pandas", "numpy", "pyarrow")  # fmt: skip


def describe_machine() -> dict[str, object]:
    """What a reader needs to judge the numbers."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_average": [round(x, 2) for x in os.getloadavg()],
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def data_folder() -> Path:
    """Where the public data sets are: ``SHOPWRIGHT_TEST_DATA``, else ``../shared/data`` beside it."""
    root = Path(__file__).resolve().parents[1]
    return Path(os.environ.get("SHOPWRIGHT_TEST_DATA", root.parent / "shared" / "data"))
