"""The platforms that a shop sells on: Taobao, JD, 1688 and Shopify, each with its own signature and search.

Pages and cursors are the seam to ``pull``; what the records mean is said by the dialects of the same names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from feeds.connectors.http_limits import HttpError

if TYPE_CHECKING:
    from feeds.connectors.http import HttpClient
    from feeds.connectors.pull import Pull
    from feeds.shop import Source


def connect(source: Source, feed: str, client: HttpClient) -> Pull:
    """The pull of a platform source; raises ``HttpError`` when an option or a credential cannot be used."""
    from feeds.connectors.platforms import ali1688, jd, shopify, taobao

    connectors: dict[str, Callable[[Source, str, HttpClient], Pull]] = {
        "taobao": taobao.connect,
        "jd": jd.connect,
        "ali1688": ali1688.connect,
        "shopify": shopify.connect,
    }
    if source.connector not in connectors:
        raise HttpError(f"{source.connector!r} is no platform. Known: {', '.join(sorted(connectors))}.")
    return connectors[source.connector](source, feed, client)
