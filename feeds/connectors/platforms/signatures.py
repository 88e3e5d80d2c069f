"""How the platforms sign requests, as their public documents say: pure functions of parameters and secret.

Sending, retrying and reading credentials are not done here.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Literal

TopMethod = Literal["md5", "hmac", "hmac-sha256"]


def joined(params: Mapping[str, str], *, without: tuple[str, ...]) -> str:
    """Names and values with nothing between them, sorted by the bytes of the name; empty values left out."""
    kept = ((name, value) for name, value in params.items() if name not in without and value != "")
    return "".join(name + value for name, value in sorted(kept, key=lambda pair: pair[0].encode()))


def sign_top(params: Mapping[str, str], secret: str, method: TopMethod = "hmac-sha256") -> str:
    """The ``sign`` of a Taobao TOP request, upper hex.

    Source: TOP document 101617, "API calling protocol": MD5 of secret + parameters + secret, or HMAC-MD5 or
    HMAC-SHA256 of the parameters under the secret.
    """
    text = joined(params, without=("sign",))
    if method == "md5":
        return hashlib.md5(f"{secret}{text}{secret}".encode(), usedforsecurity=False).hexdigest().upper()
    digest = {"hmac": "md5", "hmac-sha256": "sha256"}[method]
    return hmac.new(secret.encode(), text.encode(), digest).hexdigest().upper()


def sign_jd(params: Mapping[str, str], secret: str) -> str:
    """The ``sign`` of a JD request: MD5 of secret + parameters + secret, upper hex.

    Source: JD open platform, development guide 2643. ``format`` and ``sign_method`` take no part.
    """
    text = joined(params, without=("sign", "format", "sign_method"))
    return hashlib.md5(f"{secret}{text}{secret}".encode(), usedforsecurity=False).hexdigest().upper()


def sign_ali1688(path: str, params: Mapping[str, str], secret: str) -> str:
    """The ``_aop_signature`` of a 1688 request: HMAC-SHA1 of path + parameters under the secret, upper hex.

    ``path`` is the part of the URL from the protocol on (``param2/1/system/currentTime/1000000``). Source:
    1688 open platform, "Signature rules".
    """
    text = path + joined(params, without=("_aop_signature",))
    return hmac.new(secret.encode(), text.encode(), "sha1").hexdigest().upper()
