"""Rate limits of requests: counted in the cache per window of time, usually a minute.

Unlike those of `accounts.security.rate_limits`, which limit attempts at secrets, these report how many requests are
left.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache

WINDOW = 60  # seconds


@dataclass(frozen=True)
class RateLimitResult:
    """The result of one request: how many more are allowed in this window, and if none, seconds until the next one."""

    limit: int
    remaining: int
    retry_after: int

    @property
    def spent(self) -> bool:
        return self.retry_after > 0


def count_and_check(name: str, who: str, maximum: int, now: datetime) -> RateLimitResult:
    """Count one request of `who` (a key's id, or a `get_client_key`) and return the result. `maximum` 0 = no limit."""
    if maximum <= 0:
        return RateLimitResult(0, 0, 0)
    unix = int(now.timestamp())
    number = count_request(name, who, unix // WINDOW, WINDOW * 2)
    return RateLimitResult(maximum, max(0, maximum - number), WINDOW - unix % WINDOW if number > maximum else 0)


def count_request(name: str, who: str, window: int, seconds: int) -> int:
    """Count one request of `who`; returns its number in this window. The counter expires after `seconds`."""
    key = f"limit:{name}:{hashlib.sha256(who.encode(errors='replace')).hexdigest()[:32]}:{window}"
    cache.add(key, 0, seconds)
    try:
        return int(cache.incr(key))
    except ValueError:  # evicted from a full cache between the two calls
        return 1
