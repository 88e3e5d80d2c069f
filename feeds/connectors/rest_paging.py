"""How pages follow one another, on dlt's paginators: the anchor that keeps moving rows, and the loop guard.

No total that a source states is trusted: pages end where one is empty or no next one is named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from requests import Response

from feeds.connectors.dlt_quiet import dlt_module
from feeds.connectors.http_limits import HttpError, shown
from feeds.connectors.rest_options import Modified, RestOptions

_paginators: Any = dlt_module("dlt.sources.helpers.rest_client.paginators", "a REST source")
# Servers differ in whether `since` includes the moment itself, and some cut it to the second.
_STEP_BACK = timedelta(seconds=1)


def paginator_of(options: RestOptions) -> Any:
    """dlt's paginator for the declared manner."""
    paging = options.paging
    match options.pagination:
        case "page":
            return _paginators.PageNumberPaginator(
                base_page=paging["first"], page_param=paging["param"], total_path=None
            )
        case "offset":
            return _paginators.OffsetPaginator(
                limit=paging["limit"],
                offset_param=paging["param"],
                limit_param=paging["limit_param"],
                total_path=None,
            )
        case "cursor":
            return _paginators.JSONResponseCursorPaginator(
                cursor_path=paging["path"], cursor_param=paging["param"]
            )
        case "link":
            return _paginators.HeaderLinkPaginator(links_next_key=paging["rel"])
        case "next_url":
            return _paginators.JSONLinkPaginator(next_url_path=paging["path"])
    return _paginators.SinglePagePaginator()


class AnchoredPaginator(_paginators.BasePaginator):
    """Asks for the first page again from the last change seen, instead of for the next page.

    Where records stand in the order of their last change, a record that changes meanwhile moves to the end
    and all behind it move one forward: the next page by number would pass one over, the first page from the
    last change on cannot. Only where a whole page is of one moment is the page after it asked for;
    ``is_deep`` tells that this happened, so that the pull is verified.
    """

    def __init__(self, inner: Callable[[], Any], modified: Modified) -> None:
        super().__init__()
        self._make, self._modified = inner, modified
        self._inner = inner()
        self._first: tuple[str, dict[str, Any]] = ("", {})
        self._anchor: datetime | None = None
        self._restarts, self._stepped = False, False
        self.is_deep, self.came_by_step = False, False

    def init_request(self, request: Any) -> None:
        """Remember the first request."""
        self._first = (request.url, dict(request.params or {}))
        self._inner.init_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Where to go on after this page."""
        self.came_by_step = self._stepped
        self.is_deep = self.is_deep or (self._stepped and bool(data))
        latest = last_change(data or [], self._modified)
        self._restarts = latest is not None and (self._anchor is None or latest > self._anchor)
        if self._restarts:
            self._anchor, self._has_next_page = latest, True
        else:
            self._inner.update_state(response, data)
            self._has_next_page = bool(data) and self._inner.has_next_page
        self._stepped = not self._restarts

    def update_request(self, request: Any) -> None:
        """The first page from the anchor on, or the page after this one."""
        if not self._restarts or self._anchor is None:
            if self._has_next_page:
                self._inner.update_request(request)
            return
        since = self._modified.write(self._anchor - _STEP_BACK)
        request.url, request.params = self._first[0], {**self._first[1], self._modified.param: since}
        self._inner = self._make()
        self._inner.init_request(request)


def last_change(records: Sequence[Any], modified: Modified) -> datetime | None:
    """The last change among records, which must stand in its order; raises ``HttpError`` otherwise."""
    latest: datetime | None = None
    for record in records:
        moment = modified.of(record)
        if moment is None:
            continue
        if latest is not None and moment < latest:
            raise HttpError(
                f"Records are not in ascending order of {modified.field} ({moment} after {latest}), as the "
                "source declares. Add the parameter that sorts them, or declare `order: any`."
            )
        latest = moment
    return latest


class LoopGuard:
    """Refuses a source that leads in a circle or gives more pages or records than it may."""

    def __init__(self, max_pages: int, max_records: int) -> None:
        self._limits = max_pages, max_records
        self._asked: set[str] = set()
        self._pages, self._records, self._last, self._repeats = 0, 0, "", 0

    def check(self, request: Any, records: Sequence[Any], has_next: bool, came_by_step: bool) -> None:
        """Take note of a page and of the request that will follow it; raises ``HttpError``.

        A page that came by a step to the next one must differ from the pages before; once it may not, because
        as many records as a page holds may have been put in front meanwhile.
        """
        self._pages, self._records = self._pages + 1, self._records + len(records)
        if self._pages > self._limits[0] or self._records > self._limits[1]:
            raise HttpError(
                f"{shown(request.url)} gave more than {self._limits[0]} pages or {self._limits[1]} records. "
                "Ask for larger pages or a later start, or raise limits.max_pages or limits.max_records."
            )
        if not has_next:
            return
        told = repr((request.url, sorted(dict(request.params or {}).items()), request.json))
        page = digest(records).hex() if records else ""
        self._repeats = self._repeats + 1 if came_by_step and page and page == self._last else 0
        if told in self._asked or self._repeats > 1:
            raise HttpError(
                f"{shown(request.url)} leads in a circle: the same page or cursor came twice. Nothing was "
                "taken. Check the source's pagination options."
            )
        self._asked.add(told)
        self._last = page


def digest(value: Any) -> bytes:
    """A fingerprint of JSON content."""
    text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
