"""Redirects as browsers follow them, except that another origin gets no private headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import httpx

from sites.outbound.origins import origin_of

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
# All that another origin gets: neither Authorization nor cookies, signatures, or a header of the sender's own
SENT_TO_OTHER_ORIGINS = frozenset({"user-agent", "accept", "accept-language"})
CONTENT_HEADERS = frozenset({"content-type", "content-language", "content-location"})
# Set by the HTTP client itself; a value from elsewhere would contradict what is sent
CLIENT_HEADERS = frozenset((
    "accept-encoding", "connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
))  # fmt: skip


@dataclass(frozen=True)
class Hop:
    """One request: of a chain of redirects, or the only one."""

    url: httpx.URL
    method: str
    headers: dict[str, str]
    content: bytes | None = None


def first_hop(url: str, method: str, headers: Mapping[str, str], content: bytes | None) -> Hop:
    """The first request. Raises httpx.InvalidURL."""
    return Hop(httpx.URL(url), method, without(headers, CLIENT_HEADERS), content)


def without(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    """The headers without those of these names (in lower case)."""
    return {name: value for name, value in headers.items() if name.lower() not in names}


def next_hop(hop: Hop, status: int, location: str | None) -> Hop | None:
    """The request that an answer redirects to, if it does. Raises httpx.InvalidURL."""
    if status not in REDIRECT_STATUSES or not location:
        return None
    following = replace(hop, url=hop.url.join(location))
    if (status == 303 and hop.method != "HEAD") or (status in {301, 302} and hop.method == "POST"):
        following = replace(following, method="GET", content=None, headers=without(hop.headers, CONTENT_HEADERS))
    if origin_of(following.url) != origin_of(hop.url):
        headers = {name: value for name, value in following.headers.items() if name.lower() in SENT_TO_OTHER_ORIGINS}
        following = replace(following, content=None, headers=headers)
    return following
