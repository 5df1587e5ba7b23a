"""Rate limits of requests: counted in the cache per window of the clock, usually a minute.

Unlike `accounts.throttle`, which limits attempts at secrets, these say how many requests are left.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache

from accounts.models import Account

WINDOW = 60  # seconds


@dataclass(frozen=True)
class Allowance:
    """`remaining` requests in this window; `retry_after` seconds until the next one, 0 while allowed."""

    most: int
    remaining: int
    retry_after: int

    @property
    def spent(self) -> bool:
        return self.retry_after > 0


def take(name: str, who: str, most: int, now: datetime) -> Allowance:
    """Count one request of `who` (a key's id, or a `client_key`) and say how many are left. `most` 0 = no limit."""
    if most <= 0:
        return Allowance(0, 0, 0)
    unix = int(now.timestamp())
    count = count_request(name, who, unix // WINDOW, WINDOW * 2)
    return Allowance(most, max(0, most - count), WINDOW - unix % WINDOW if count > most else 0)


def count_request(name: str, who: str, window: int, seconds: int) -> int:
    """Count one request of `who`; returns how many there were in this window. The counter is kept for `seconds`."""
    key = f"limit:{name}:{hashlib.sha256(who.encode(errors='replace')).hexdigest()[:32]}:{window}"
    cache.add(key, 0, seconds)
    try:
        return int(cache.incr(key))
    except ValueError:  # thrown out of a full cache between the two calls
        return 1


def per_minute(account_id: int, name: str, default: int) -> int:
    """The account's own limit of that name (`Account.limits`), else the default."""
    limits = Account.objects.filter(pk=account_id).values_list("limits", flat=True).first() or {}
    given = limits.get(name)
    return given if isinstance(given, int) and not isinstance(given, bool) and given >= 0 else default
