"""A load takes no more threads than its memory is enough for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from feeds.loading import Work, workspace


@pytest.mark.parametrize(
    ("memory_limit", "threads", "used"),
    [("120MB", 2, 1), ("200MB", 2, 1), ("256MB", 2, 2), ("1GB", 2, 2), ("1GB", 1, 1)],
)
def test_each_thread_has_125_mb(memory_limit: str, threads: int, used: int, tmp_path: Path) -> None:
    unused = cast(Work, None)
    nothing = Work(*[unused] * 8)  # type: ignore[arg-type]
    work = replace(nothing, folder=tmp_path, memory_limit=memory_limit, threads=threads)
    with workspace(work) as (con, _):
        assert con.execute("select current_setting('threads')").fetchall() == [(used,)]
