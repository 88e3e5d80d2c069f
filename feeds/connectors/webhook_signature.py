"""Signatures of pushed deliveries: Standard Webhooks and the manner of Shopify. No storage, no network.

Sources: the Standard Webhooks specification (signed content ``id.timestamp.body``, HMAC-SHA-256, ``whsec_``
secrets, several signatures while a secret is rotated) and Shopify's "Validate webhook deliveries".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass

from feeds.report import FeedError

SCHEMES = ("standard", "shopify")


class Refused(Exception):
    """A delivery that is not taken; ``status`` is the HTTP status to answer with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Signing:
    """How deliveries of one source are signed; several secrets hold while one is replaced by the next."""

    scheme: str
    secrets: tuple[bytes, ...]
    tolerance_seconds: float = 300.0

    @classmethod
    def of(cls, scheme: str, secret_env: str, tolerance_seconds: float = 300.0) -> Signing:
        """The secrets from the environment, split at spaces; raises ``FeedError`` when one is unusable."""
        if scheme not in SCHEMES:
            raise FeedError(f"The webhook scheme is {scheme!r}. Use one of {', '.join(SCHEMES)}.")
        texts = os.environ.get(secret_env, "").split()
        if not texts:
            raise FeedError(
                f"The environment variable {secret_env} is not set; it holds the webhook's secret."
            )
        decoded = tuple(map(_standard_secret if scheme == "standard" else str.encode, texts))
        if min(map(len, decoded)) < 16:
            raise FeedError(
                f"The secret in {secret_env} is shorter than 16 bytes. Use one of 24 to 64 bytes."
            )
        return cls(scheme, decoded, tolerance_seconds)

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """The delivery's id; raises ``Refused`` (400 where it cannot be read, 401 where it is not proved).

        ``headers`` have lower-case names, ``now`` is in seconds since 1970. Shopify signs no time, so its
        deliveries are told apart by their id alone.
        """
        if self.scheme == "shopify":
            return self._shopify(headers, body)
        delivery, told = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not delivery or len(delivery) > 256 or not told.isascii() or not told.isdigit():
            raise Refused(400, "webhook-id or webhook-timestamp is missing or malformed")
        if abs(now - int(told[:15])) > self.tolerance_seconds:
            raise Refused(401, "webhook-timestamp is outside the window")
        content = f"{delivery}.{told}.".encode() + body
        given = [part[3:] for part in headers.get("webhook-signature", "").split() if part.startswith("v1,")]
        self._prove(content, given)
        return delivery

    def _shopify(self, headers: Mapping[str, str], body: bytes) -> str:
        delivery = headers.get("x-shopify-webhook-id") or headers.get("x-shopify-event-id", "")
        if not delivery or len(delivery) > 256:
            raise Refused(400, "x-shopify-webhook-id is missing or malformed")
        self._prove(body, [headers.get("x-shopify-hmac-sha256", "")])
        return delivery

    def _prove(self, content: bytes, given: list[str]) -> None:
        for secret in self.secrets:
            expected = sign(secret, content).encode()
            if any(hmac.compare_digest(expected, text.encode()) for text in given[:8]):
                return
        raise Refused(401, "the signature does not fit")


def sign(secret: bytes, content: bytes) -> str:
    """HMAC-SHA-256 in Base64."""
    return base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()


def _standard_secret(text: str) -> bytes:
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error as broken:
        raise FeedError("A webhook secret is not Base64 after `whsec_`. Copy it again.") from broken
