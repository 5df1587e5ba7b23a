"""Requests to providers, whose addresses customers enter: `requests` over the client of `sites.outbound`.

django-allauth sends its requests by a session of `requests`; ours may reach no private network.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import requests
from requests.adapters import BaseAdapter

from accounts.security.outbound import NotFetched, fetch_outbound

MAX_BYTES = 1_000_000
TIMEOUT = 3.0  # seconds, for a request altogether
# Strangers cause these requests, and any customer can name a server that never answers. So at most two of the threads
# that build pages wait for providers, and others for their turn only shortly.
MAX_FETCHES = 2
TURN_SECONDS = 0.5
BUSY = "Too many log-ins are waiting for their providers. Try again in a few seconds."
_turns = threading.BoundedSemaphore(MAX_FETCHES)


class ProvidersBusy(requests.ConnectionError):
    """As many requests to providers as may wait at a time are waiting; the one that was to be sent was not."""


@contextmanager
def take_turn() -> Iterator[None]:
    """Wait shortly until fewer than MAX_FETCHES requests are waiting. Raises ProvidersBusy."""
    if not _turns.acquire(timeout=TURN_SECONDS):
        raise ProvidersBusy(BUSY)
    try:
        yield
    finally:
        _turns.release()


class GuardedAdapter(BaseAdapter):
    """Sends the requests of a session by the client of `sites.outbound`, without following redirects."""

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        """Send one request. Raises requests.ConnectionError with a sentence for the user."""
        content = request.body.encode() if isinstance(request.body, str) else request.body
        options = {"headers": dict(request.headers), "content": content, "timeout": TIMEOUT, "max_bytes": MAX_BYTES}
        try:
            with take_turn():
                fetched = fetch_outbound(request.url or "", method=request.method, follow=False, **options)
        except NotFetched as error:
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
