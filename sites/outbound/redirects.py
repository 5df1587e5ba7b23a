"""Redirects as browsers follow them, except that nothing private goes along to another origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import httpx

FOLLOWED = frozenset({301, 302, 303, 307, 308})
# All that another origin is told: neither Authorization nor cookies, signatures, or a header of the sender's own
TOLD_TO_OTHERS = frozenset({"user-agent", "accept", "accept-language"})
OF_CONTENT = frozenset({"content-type", "content-language", "content-location"})
# Written by the HTTP client itself; a stranger's value would contradict what is sent
CLIENTS_OWN = frozenset((
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
    """The request that was asked for. Raises httpx.InvalidURL."""
    return Hop(httpx.URL(url), method, without(headers, CLIENTS_OWN), content)


def without(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    """The headers except those of these names (in small letters)."""
    return {name: value for name, value in headers.items() if name.lower() not in names}


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port, written or implied."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def next_hop(hop: Hop, status: int, location: str | None) -> Hop | None:
    """The request that an answer redirects to, if it does. Raises httpx.InvalidURL."""
    if status not in FOLLOWED or not location:
        return None
    following = replace(hop, url=hop.url.join(location))
    if (status == 303 and hop.method != "HEAD") or (status in {301, 302} and hop.method == "POST"):
        following = replace(following, method="GET", content=None, headers=without(hop.headers, OF_CONTENT))
    if origin(following.url) != origin(hop.url):
        kept = {name: value for name, value in following.headers.items() if name.lower() in TOLD_TO_OTHERS}
        following = replace(following, content=None, headers=kept)
    return following
