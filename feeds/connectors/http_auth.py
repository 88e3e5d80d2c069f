"""Credentials of HTTP sources: read from the environment by the name the shop file gives, never logged."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from feeds.connectors.http_limits import HttpError

if TYPE_CHECKING:
    import requests

    from feeds.connectors.http import HttpClient


class Auth(Protocol):
    """Puts credentials on a request; ``told`` says, without the secret, where they came from."""

    told: str

    def apply(self, request: requests.PreparedRequest) -> None:
        """Add the credentials."""
        ...

    def refresh(self, client: HttpClient) -> bool:
        """Get new credentials after a 401; false when there are none to get."""
        ...


def secret(name: str) -> str:
    """The value of an environment variable; raises ``HttpError`` naming it when it is not set."""
    value = os.environ.get(name, "")
    if not value:
        raise HttpError(
            f"The environment variable {name} is not set; the source's credential is read from it."
        )
    return value


class HeaderAuth:
    """A credential that stands in one header: bearer token, basic user and password, or a key of any name."""

    def __init__(self, header: str, form: str, *variables: str) -> None:
        self.told = f"the credential in {' and '.join(variables)}"
        self._header, self._form, self._variables = header, form, variables

    def apply(self, request: requests.PreparedRequest) -> None:
        """Read the variables now, so that a rotated secret holds from the next request on."""
        values = [secret(name) for name in self._variables]
        if self._form == "basic":
            request.headers[self._header] = "Basic " + base64.b64encode(":".join(values).encode()).decode()
        else:
            request.headers[self._header] = self._form.format(values[0])

    def refresh(self, client: HttpClient) -> bool:
        """Nothing to ask for: the secret is what the environment says."""
        return False


class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749, 4.4): a token is fetched when needed and after a 401."""

    def __init__(self, token_url: str, id_env: str, secret_env: str, scope: str | None) -> None:
        self.told = f"the client in {id_env} and {secret_env}"
        self._url, self._id, self._secret, self._scope = token_url, id_env, secret_env, scope
        self._token: str | None = None
        self._client: HttpClient | None = None

    def bind(self, client: HttpClient) -> None:
        """The client that fetches the first token."""
        self._client = client

    def apply(self, request: requests.PreparedRequest) -> None:
        """Put the token on, fetching the first one."""
        if self._token is None and self._client:
            self.refresh(self._client)
        request.headers["Authorization"] = f"Bearer {self._token}"

    def refresh(self, client: HttpClient) -> bool:
        """Fetch a new token; raises ``HttpError`` when the token service refuses."""
        from feeds.connectors.http import HttpClient, parse_json

        form = {"grant_type": "client_credentials", **({"scope": self._scope} if self._scope else {})}
        basic = HeaderAuth("Authorization", "basic", self._id, self._secret)
        asker = HttpClient(client.limits, origin=self._url, auth=basic, check=_token_check)
        answer = parse_json(asker.request("POST", self._url, data=form))
        self._token = str(answer["access_token"])
        return True


def _token_check(response: requests.Response) -> None:
    from feeds.connectors.http import BrokenResponse, parse_json

    answer = parse_json(response)
    if not isinstance(answer, Mapping) or not isinstance(answer.get("access_token"), str):
        raise BrokenResponse("the token service gave no access_token")


def auth_of(options: Mapping[str, Any]) -> Auth | None:
    """The credentials that a source's options name: ``token_env`` for a bearer token, or ``auth``."""
    if "token_env" in options:
        return HeaderAuth("Authorization", "Bearer {}", options["token_env"])
    auth = options.get("auth")
    if not auth:
        return None
    try:
        match auth["type"]:
            case "bearer":
                return HeaderAuth("Authorization", "Bearer {}", auth["token_env"])
            case "header":
                return HeaderAuth(auth["name"], "{}", auth["token_env"])
            case "basic":
                return HeaderAuth("Authorization", "basic", auth["user_env"], auth["password_env"])
            case "client_credentials":
                return ClientCredentials(
                    auth["token_url"], auth["client_id_env"], auth["client_secret_env"], auth.get("scope")
                )
    except KeyError as missing:
        raise HttpError(f"The source's auth lacks {missing}. See docs/connectors.md.") from missing
    raise HttpError(
        f"The source's auth has type {auth['type']!r}. Use bearer, header, basic or client_credentials."
    )
