"""REST sources on dlt's REST client: pages of JSON records, found by the time of their last change.

Requests themselves (retries, limits, credentials) are ``http``'s work, the records' meaning the dialect's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from requests import Response

from feeds.connectors.dlt_quiet import dlt_module
from feeds.connectors.http import BrokenResponse, HttpClient, moment_of, parse_json
from feeds.connectors.http_auth import auth_of
from feeds.connectors.pull import Page
from feeds.connectors.rest_options import Modified, RestOptions
from feeds.connectors.rest_paging import AnchoredPaginator, LoopGuard, digest, paginator_of
from feeds.shop import Source

log = logging.getLogger(__name__)


def connect(source: Source, feed: str, client: HttpClient) -> RestPull:
    """The pull that the source's options declare; raises ``HttpError`` for an unusable option."""
    options = RestOptions.of(source.pull, source.name)
    client.origin, client.auth = options.base_url, auth_of(source.pull)
    return RestPull(options, client)


class RestPull:
    """Reads one resource: from the last change minus the overlap, until nothing more comes.

    Pages that may shift while they are read are either anchored at the last change seen, or read again until
    two passes agree; where they never do, the cursor stays, so that the next pull reads the same span.
    """

    def __init__(self, options: RestOptions, client: HttpClient) -> None:
        self._options, self._client = options, client
        client.check = self._check
        rest = dlt_module("dlt.sources.helpers.rest_client.client", "a REST source")
        runtime = dlt_module("dlt.common.configuration.specs.runtime_configuration", "a REST source")
        self._rest = rest.RESTClient(
            base_url=options.base_url,
            headers=dict(options.headers),
            session=client.session,
            data_selector=options.records,
            config=runtime.RuntimeConfiguration(dlthub_telemetry=False),
        )
        self._values = dlt_module("dlt.common.jsonpath", "a REST source").find_values

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """All records changed since the cursor, each content once; the last page carries the new cursor."""
        span = _Span()
        previous: set[bytes] | None = None
        for _ in range(self._options.max_passes):
            paginator = self._paginator()
            this: set[bytes] = set()
            for records in self._pass(paginator, cursor, span):
                marks = [digest(record) for record in records]
                yield Page(span.new(records, marks, self._options.modified), None)
                this.update(marks)
            needs_another = self._options.is_verified or getattr(paginator, "is_deep", False)
            if not needs_another or this == previous:
                yield Page([], span.cursor(cursor))
                return
            previous = this
        log.warning(
            "%s changed in each of %d passes; what was read is kept, the next pull reads the span again",
            self._options.path or self._options.base_url,
            self._options.max_passes,
        )

    def _paginator(self) -> Any:
        if self._options.is_anchored and self._options.modified:
            return AnchoredPaginator(lambda: paginator_of(self._options), self._options.modified)
        return paginator_of(self._options)

    def _pass(self, paginator: Any, cursor: str | None, span: _Span) -> Iterator[list[Any]]:
        limits = self._client.limits
        guard = LoopGuard(limits.max_pages, limits.max_records)
        found = self._rest.paginate(
            self._options.path, params=self._params(cursor), paginator=paginator, hooks={"response": []}
        )
        for page in found:
            span.started_at(page.response)
            came_by_step = getattr(paginator, "came_by_step", True)
            guard.check(page.request, list(page), paginator.has_next_page, came_by_step)
            yield list(page)

    def _params(self, cursor: str | None) -> dict[str, Any]:
        options, modified = self._options, self._options.modified
        params = dict(options.params)
        if options.pagination == "page" and options.paging["size_param"]:
            params[options.paging["size_param"]] = options.paging["size"]
        if modified and cursor:
            params[modified.param] = modified.write(datetime.fromisoformat(cursor) - modified.overlap)
        elif modified and modified.start:
            params[modified.param] = modified.start
        return params

    def _check(self, response: Response) -> None:
        """Have an answer asked for again that is no JSON, or has no list where the records should be."""
        found = self._values(self._options.records, parse_json(response))
        if len(found) != 1 or not isinstance(found[0], list):
            raise BrokenResponse(f"the answer has no list of records at {self._options.records!r}")


class _Span:
    """What one pull has seen: contents, the last change, and when it began."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._latest: datetime | None = None
        self._started: datetime | None = None

    def started_at(self, response: Response) -> None:
        """Take the start from the first answer: the earlier of the two clocks."""
        if self._started is None:
            told = moment_of(response.headers.get("Date", ""))
            self._started = min(datetime.now(UTC), told) if told else datetime.now(UTC)

    def new(self, records: list[Any], marks: list[bytes], modified: Modified | None) -> list[Any]:
        """The records whose content was not seen before."""
        fresh = []
        for record, mark in zip(records, marks, strict=True):
            if mark in self._seen:
                continue
            self._seen.add(mark)
            fresh.append(record)
            moment = modified.of(record) if modified else None
            if moment and (self._latest is None or moment > self._latest):
                self._latest = moment
        return fresh

    def cursor(self, before: str | None) -> str | None:
        """The last change, but none after the start: what was committed meanwhile with an earlier time must
        lie within the overlap of the next pull.
        """
        if self._latest is None or self._started is None:
            return before
        reached = min(self._latest, self._started)
        if before:
            reached = max(reached, datetime.fromisoformat(before))
        return reached.isoformat(timespec="microseconds")
