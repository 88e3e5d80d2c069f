"""What acceptance is told of candidates that are read while they are judged, instead of from a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class ScanFailed(Exception):
    """What a scan was said to be does not hold; the rows are to be read into a table and judged again."""


@dataclass(frozen=True)
class Scan:
    """Facts about the texts of a scan (``is_trimmed``: none is empty, begins or ends with a space), and its
    proof.

    ``settle`` is called once all rows are judged. It gives the line of a row of table ``judged`` as SQL over
    the row's place (``rowid``, counted from 0), or raises ``ScanFailed``.
    """

    is_trimmed: bool
    has_nul: bool
    settle: Callable[[], str]
