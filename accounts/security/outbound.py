"""Requests to addresses that customers enter. They are sent by the client of `sites.outbound`, which reaches no private
network; it stands above `accounts`, so `config.wiring` registers it here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol


class Fetched(Protocol):
    """A response of the client of `sites.outbound`."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def tls_expires(self) -> datetime | None: ...


class NotFetched(Exception):
    """There was no response, or none was asked for. The text is a sentence for the user."""


_fetchers: dict[str, Callable[..., Fetched]] = {}
_errors: list[type[Exception]] = []


def register_fetcher(fetch: Callable[..., Fetched], error: type[Exception]) -> None:
    """Register the client of `sites.outbound` and its error, whose text is a sentence; called from `config.wiring`."""
    _fetchers["fetch"] = fetch
    _errors[:] = [error]


def fetch_outbound(url: str, **options: object) -> Fetched:
    """Send a request with the options of `sites.outbound.fetch`. Raises NotFetched."""
    try:
        return _fetchers["fetch"](url, **options)
    except tuple(_errors) as error:
        raise NotFetched(str(error)) from error
