"""Requests to providers, whose addresses customers enter: `requests` over the client of `sites.outbound`.

django-allauth sends its requests by a session of `requests`; ours may reach no private network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Protocol

import requests
from requests.adapters import BaseAdapter

MAX_BYTES = 1_000_000
TIMEOUT = 10.0  # seconds


class Fetched(Protocol):
    """A response of the client of `sites.outbound`."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


_fetchers: dict[str, Callable[..., Fetched]] = {}
_errors: list[type[Exception]] = []


def register_fetcher(fetch: Callable[..., Fetched], error: type[Exception]) -> None:
    """Register the client of `sites.outbound` and its error, whose text is a sentence; called from `config.wiring`."""
    _fetchers["fetch"] = fetch
    _errors[:] = [error]


class GuardedAdapter(BaseAdapter):
    """Sends the requests of a session by the client of `sites.outbound`, without following redirects."""

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        """Send one request. Raises requests.ConnectionError with a sentence for the user."""
        content = request.body.encode() if isinstance(request.body, str) else request.body
        options = {"headers": dict(request.headers), "content": content, "timeout": TIMEOUT, "max_bytes": MAX_BYTES}
        try:
            fetched = _fetchers["fetch"](request.url, method=request.method, follow=False, **options)
        except tuple(_errors) as error:
            raise requests.ConnectionError(str(error), request=request) from error
        response = requests.Response()
        response.status_code, response.url, response.request = fetched.status, request.url or "", request
        response.headers.update(fetched.headers)
        response.raw = BytesIO(fetched.body)
        return response

    def close(self) -> None:
        """There is nothing to close."""


def build_session() -> requests.Session:
    """Build a session that reaches only what the client of `sites.outbound` may."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    for scheme in ("http://", "https://"):
        session.mount(scheme, GuardedAdapter())
    return session
