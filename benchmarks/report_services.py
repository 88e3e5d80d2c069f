"""Sections of ``docs/results.md`` about what moves rows: ingestion, webhooks, publishing."""

# ruff: noqa: E501  (sentences of the page it writes are kept whole)
from __future__ import annotations

from typing import Any

from benchmarks.report_tables import read_results, table_of, where_measured


def ingestion() -> str:
    """Accepting rows against copying them, many small files against one, a day after a short and a long history."""
    told = read_results("ingestion")
    if not told:
        return ""
    accept, small, days, limits = told["accept"], told["small_files"], told["increment"], told["limits"]
    rows = [
        (f"accepting {accept['rows']:,} rows of CSV, rows a second over those of DuckDB's own CSV-to-Parquet copy", accept["ratio"], f"at least {limits['accept_ratio']}", _held(accept["ratio"] >= limits["accept_ratio"])),
        ("its peak memory, MB", accept["acceptance"]["peak_memory_mb"], f"at most {limits['accept_peak_mb']}", _held(accept["acceptance"]["peak_memory_mb"] <= limits["accept_peak_mb"])),
        (f"{small['files']} daily files over one file of the same {small['rows']:,} rows, seconds", small["ratio"], f"at most {limits['small_files_ratio']}", _held(small["ratio"] <= limits["small_files_ratio"])),
        ("one more day after 600 days over one after 60, processor seconds", days["cpu_ratio"], f"at most {limits['long_history_ratio']}", _held(days["cpu_ratio"] <= limits["long_history_ratio"])),
    ]  # fmt: skip
    return _section("Ingestion", told, table_of(["what", "measured", "limit", ""], rows))


def webhook() -> str:
    """Events a second that are durable when they are acknowledged, and how long a sender waits."""
    told = read_results("webhook_receiver")
    if not told:
        return ""
    rows = [
        (name, t["per_second"], t["p50_ms"], t["p99_ms"], t["max_ms"])
        for name, t in (
            ("as fast as possible", told["as_fast_as_possible"]),
            ("at a fixed rate of 1,000", told["at_fixed_rate"]),
        )
    ]
    table = table_of(["load", "events a second", "p50, ms", "p99, ms", "longest, ms"], rows)
    limit = f"Limit: 1,000 events a second, p99 under 50 ms, load generator included: {_held(told['held'])}."
    return _section("Webhook receiver", told, f"{table}\n\n{limit}")


def publishing() -> str:
    """A publish against plainly copying the same tables, and what a reader waits meanwhile."""
    told = read_results("publishing")
    if not told:
        return ""
    rows = [
        (f"publishing {told['rows']:,} rows, seconds (plain copy: {told['seconds']['plain_copy']})", told["seconds"]["publish"], round(told["limit_seconds"], 2), _held(told["is_within_limit"])),
        (f"p99 of {told['reads']['reads']} BI reads meanwhile, ms", told["reads"]["p99_ms"], told["reads"]["limit_p99_ms"], _held(told["reads"]["is_within_limit"])),
    ]  # fmt: skip
    return _section("Publishing", told, table_of(["what", "measured", "limit", ""], rows))


def _held(is_held: bool) -> str:
    return "held" if is_held else "missed"


def _section(title: str, told: dict[str, Any], body: str) -> str:
    return f"## {title}\n\n{where_measured(told['machine'])}\n\n{body}"
