"""Sections of ``docs/results.md`` about size: the warehouse of a large shop, and Spark at growing sizes."""

# ruff: noqa: E501  (sentences of the page it writes are kept whole)
from __future__ import annotations

from typing import Any

from benchmarks.report_tables import read_results, table_of, where_measured

TITLES = {
    "large": "The warehouse of a large shop, from nothing",
    "demo": "The warehouse of the demo shop, from nothing",
}
SLOWEST = 10


def large_warehouse() -> str:
    """The dbt builds of a large shop and of the demo: seconds, memory, the slowest models."""
    told = read_results("large_warehouse") or {}
    return "\n\n".join(_warehouse(shop, told[shop]) for shop in TITLES if shop in told)


def _warehouse(shop: str, told: dict[str, Any]) -> str:
    limits = told["limits"]
    names = {"dbt_seconds": "seconds of dbt time", "peak_memory_mb": "peak memory, MB"}
    rows = [
        (
            text,
            told[name],
            f"at most {limits[name]:,}" if name in limits else "",
            ("held" if told[name] <= limits[name] else "missed") if name in limits else "",
        )
        for name, text in names.items()
    ]
    text = [f"## {TITLES[shop]}", where_measured(told["machine"])]
    if "lake_rows" in told:
        counts = {
            name.split("/")[1]: rows for name, rows in told["lake_rows"].items() if name.startswith("raw/")
        }
        largest = sorted(counts.items(), key=lambda item: -item[1])[:8]
        text.append("Rows in the lake: " + ", ".join(f"{rows:,} {name}" for name, rows in largest) + ".")
    builds = ", ".join(f"{name} {seconds} s" for name, seconds in told["dbt_seconds_by_build"].items())
    text += [
        table_of(["what", "measured", "limit", ""], rows),
        f"{told['models']} models and {told['tests']} tests ({builds}), DuckDB's memory limit {told['memory_limit']}, "
        f"{told['processor_seconds']:,.0f} processor seconds; the warehouse then has {told['warehouse_mb']:,} MB.",
    ]
    slowest = [
        (name.split(".")[2], seconds) for name, seconds in list(told["seconds_by_node"].items())[:SLOWEST]
    ]
    table_rows = {name.split(".")[1]: rows for name, rows in told["rows"].items()}
    text.append(
        table_of(
            ["slowest", "seconds", "rows"], [(name, round(s, 1), table_rows.get(name)) for name, s in slowest]
        )
    )
    return "\n\n".join(text)


def spark_ladder() -> str:
    """The Spark jobs at growing sizes, in one process and on a cluster of two workers."""
    told = read_results("spark_ladder")
    if not told:
        return ""
    rungs = sorted(told.values(), key=lambda rung: (rung["events"], rung["where"] != "local"))
    names = (
        "where",
        "events",
        "seconds",
        "processor_seconds",
        "peak_memory_mb",
        "read_mb",
        "peak_scratch_mb",
        "written_mb",
    )
    header = [
        "where",
        "events",
        "seconds",
        "processor seconds",
        "peak memory, MB",
        "read, MB",
        "scratch files, MB",
        "written, MB",
    ]
    rows = [tuple(rung[name] for name in names) for rung in rungs]
    memory = sorted({rung["memory"] for rung in rungs})
    text = [
        "## Spark at growing sizes",
        where_measured(rungs[-1]["machine"]),
        table_of(header, rows),
        f"The jobs of one launch over everything, with an order line for five events. Java heap of the driver, and of each of the "
        f"two workers of the cluster: {', '.join(memory)}. Memory and scratch are the peaks over all processes together, the "
        "cluster's own included; both places share the same two cores.",
    ]
    return "\n\n".join(text)
