"""The origin of a URL: what may share headers that are meant for one server."""

from __future__ import annotations

import httpx

DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: httpx.URL | str) -> tuple[str, str, int | None]:
    """Scheme, host and port (the scheme's own where none is written). Text that is no URL is an origin of its own."""
    try:
        parsed = httpx.URL(url)
    except Exception:  # the parser raises more than it documents
        return "", str(url), None
    return parsed.scheme, parsed.host, parsed.port or DEFAULT_PORTS.get(parsed.scheme)
