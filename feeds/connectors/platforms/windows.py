"""Reading records by the time of their change: windows of time, in each the pages from last to first.

A record that changes while a window is read leaves it, and those behind it move up one place. Read from
the first page on, one of them would be passed over; from the last page, some are seen twice, none is lost.
How a platform is asked is its own module's work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from feeds.connectors.http_limits import HttpError, HttpLimits
from feeds.connectors.platforms.options import PlatformOptions
from feeds.connectors.pull import Page

Record = dict[str, Any]
Clock = Callable[[], datetime]
# Below this a window is not halved any more: so much in one minute is no shop's, but a wrong count.
_SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True)
class Found:
    """One page of a search: how many records the window holds in all, and those of the page."""

    total: int
    records: list[Record]


class Search(Protocol):
    """What a platform's module offers: a search by time of change, and the whole of a found record."""

    # More records than this in one window cannot be paged through.
    most: int

    def found(self, start: datetime, end: datetime, page: int, size: int) -> Found:
        """Records changed from start to end (both UTC), page from 1."""
        ...

    def whole(self, record: Record) -> Record | None:
        """The record with its parts; ``None`` when it is gone."""
        ...


def now() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)


class WindowPull:
    """A pull over windows; its cursor is the end of the last window that was read whole."""

    def __init__(
        self, search: Search, options: PlatformOptions, limits: HttpLimits, clock: Clock = now
    ) -> None:
        self._search, self._options, self._limits, self._clock = search, options, limits, clock

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Pages of whole records; each window ends with an empty page that carries the cursor."""
        options = self._options
        start = datetime.fromisoformat(cursor) - options.overlap if cursor else options.since
        until = (self._clock() - options.lag).replace(microsecond=0)
        while start < until:
            end = min(start + options.window, until)
            yield from self._window(start, end)
            yield Page([], end.isoformat())
            start = end

    def _window(self, start: datetime, end: datetime) -> Iterator[Page]:
        size = self._options.page_size
        first = self._search.found(start, end, 1, size)
        if first.total > self._search.most and end - start > _SHORTEST:
            middle = start + (end - start) / 2
            middle = middle.replace(microsecond=0)
            yield from self._window(start, middle)
            yield from self._window(middle, end)
            return
        n_pages = math.ceil(first.total / size)
        if n_pages > self._limits.max_pages:
            raise HttpError(
                f"{self._options.platform} tells {first.total} records from {start:%Y-%m-%d %H:%M} to "
                f"{end:%Y-%m-%d %H:%M} UTC, more than limits.max_pages allows. Shorten window_hours."
            )
        for number in range(n_pages, 0, -1):
            # A single page was read whole already; of several the first is asked again, as the last one.
            found = first if n_pages == 1 else self._search.found(start, end, number, size)
            yield Page([whole for record in found.records if (whole := self._search.whole(record))], None)
