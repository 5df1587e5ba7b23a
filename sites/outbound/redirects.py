"""Redirects as browsers follow them, except that no private headers are sent to another origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import httpx

DEFAULT_PORTS = {"http": 80, "https": 443}
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
# All headers that are sent to another origin: no Authorization, cookies, signatures or headers of the user
CROSS_ORIGIN_HEADERS = frozenset({"user-agent", "accept", "accept-language"})
CONTENT_HEADERS = frozenset({"content-type", "content-language", "content-location"})
# Set by the HTTP client itself; other values would contradict what is sent
CLIENT_HEADERS = frozenset((
    "accept-encoding", "connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
))  # fmt: skip


def extract_origin(url: httpx.URL | str) -> tuple[str, str, int | None]:
    """Return scheme, host and port (by default the scheme's own). Text that is not a URL is an origin of its own."""
    try:
        parsed = httpx.URL(url)
    except Exception:  # the parser raises more than it documents
        return "", str(url), None
    return parsed.scheme, parsed.host, parsed.port or DEFAULT_PORTS.get(parsed.scheme)


@dataclass(frozen=True)
class Hop:
    """One request in a chain of redirects, which may consist of a single request."""

    url: httpx.URL
    method: str
    headers: dict[str, str]
    content: bytes | None = None


def build_first_hop(url: str, method: str, headers: Mapping[str, str], content: bytes | None) -> Hop:
    """Build the first request. Raises httpx.InvalidURL."""
    return Hop(httpx.URL(url), method, remove_headers(headers, CLIENT_HEADERS), content)


def remove_headers(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    """Return the headers without those of these names (in lower case)."""
    return {name: value for name, value in headers.items() if name.lower() not in names}


def build_next_hop(hop: Hop, status: int, location: str | None) -> Hop | None:
    """Build the request that a response redirects to; None if it does not. Raises httpx.InvalidURL."""
    if status not in REDIRECT_STATUSES or not location:
        return None
    following = replace(hop, url=hop.url.join(location))
    if (status == 303 and hop.method != "HEAD") or (status in {301, 302} and hop.method == "POST"):
        following = replace(following, method="GET", content=None, headers=remove_headers(hop.headers, CONTENT_HEADERS))
    if extract_origin(following.url) != extract_origin(hop.url):
        headers = {name: value for name, value in following.headers.items() if name.lower() in CROSS_ORIGIN_HEADERS}
        following = replace(following, content=None, headers=headers)
    return following
