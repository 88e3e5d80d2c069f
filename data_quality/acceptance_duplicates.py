"""Repeats and contradictions: rows whose key was seen before, in the batch or in the table.

An append contract keeps the first row of a key: an equal one is a duplicate, a different one a key conflict.
An upsert contract keeps every version: a row equal to the one before it (of the same key and version) is a
duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import duckdb
import numpy as np

from data_quality.acceptance_rules import quoted
from data_quality.contract import Contract

_MIDDLE: Final = np.uint64(1 << 63)


def judge_duplicates(con: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[str]) -> None:
    """Create table ``verdicts`` (row_id, verdict) for the rows of ``clean`` that are ``duplicate`` or
    ``key_conflict``.

    ``files`` are the Parquet files of the table that may hold the same keys.
    """
    keys = ", ".join(map(quoted, contract.key))
    con.execute("create table verdicts (row_id bigint, verdict varchar)")
    repeated = "having count(*) > 1" if _may_repeat(con, keys) else "limit 0"
    con.execute(f"create temp table contested as select {keys} from clean group by {keys} {repeated}")
    con.execute(
        "create temp table existing as "
        "select * exclude (row_id), 0::bigint as _load_number from clean limit 0"
    )
    if files:
        _find_existing(con, contract, list(files))
    contested = con.execute("select count(*) from contested").fetchone()
    if contested and contested[0]:
        con.execute(_verdict_sql(contract))
    con.execute("drop table contested; drop table existing")


def _may_repeat(con: duckdb.DuckDBPyConnection, keys: str) -> bool:
    """Whether two rows may have the same key: whether two hashes of 64 bits are equal.

    Sorting the hashes takes a fifth of the time of grouping the keys, and keys seldom repeat.
    """
    hashes = np.asarray(con.execute(f"select hash({keys}) as h from clean").fetchnumpy()["h"])
    is_high = hashes >= _MIDDLE
    with ThreadPoolExecutor(2, thread_name_prefix="sorting") as pool:
        return any(pool.map(_has_equal, (hashes[is_high], hashes[~is_high])))


def _has_equal(hashes: np.ndarray[Any, np.dtype[np.uint64]]) -> bool:
    hashes.sort()
    return bool((hashes[1:] == hashes[:-1]).any())


def _find_existing(con: duckdb.DuckDBPyConnection, contract: Contract, files: list[str]) -> None:
    """Look for the batch's keys in the table: keys first, whole rows only where a key was found."""
    keys = ", ".join(map(quoted, contract.key))
    con.execute(
        f"""
        create temp table found as
        select distinct {keys} from read_parquet($files, union_by_name = true)
        semi join clean using ({keys})
        """,
        {"files": files},
    )
    found = con.execute("select count(*) from found").fetchone()
    if found and found[0]:
        described = con.execute(
            "describe select * from read_parquet($files, union_by_name = true)", {"files": files}
        )
        stored = {row[0] for row in described.fetchall()}
        columns = ", ".join(
            quoted(c.name) if c.name in stored else f"null::{c.type} as {quoted(c.name)}"
            for c in contract.columns
        )
        con.execute(
            f"""
            insert into existing by name
            select {columns}, _line, _load_number from read_parquet($files, union_by_name = true)
            semi join found using ({keys});
            """,
            {"files": files},
        )
        con.execute(f"insert into contested select {keys} from found except select {keys} from contested")
    con.execute("drop table found")


def _verdict_sql(contract: Contract) -> str:
    keys = ", ".join(map(quoted, contract.key))
    payload = "row(" + ", ".join(quoted(c.name) for c in contract.columns) + ")"
    group = keys
    if contract.changes == "upsert" and contract.version_column:
        group = f"{keys}, {quoted(contract.version_column)}"
    if contract.changes == "upsert":
        compared, otherwise = "lag(payload) over in_order", "null"
    else:
        compared, otherwise = "first_value(payload) over in_order", "'key_conflict'"
    # Stored rows come first, in the order they were loaded; then the batch by file and line.
    return f"""
        insert into verdicts
        select row_id, verdict from (
            select
                row_id,
                case
                    when row_number() over in_order = 1 then null
                    when payload is not distinct from {compared} then 'duplicate'
                    else {otherwise}
                end as verdict
            from (
                select
                    {group}, {payload} as payload, null::bigint as row_id,
                    0 as origin, _load_number as a, _line as b
                from existing
                union all
                select {group}, {payload}, row_id, 1, _file_id, _line
                from clean semi join contested using ({keys})
            )
            window in_order as (
                partition by {group} order by origin, a, b, row_id
                rows between unbounded preceding and unbounded following
            )
        ) where row_id is not null and verdict is not null
    """
