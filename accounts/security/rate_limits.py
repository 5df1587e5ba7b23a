"""Rate limits on attempts (at passwords, secrets, mails) and on requests. Limits per client count `get_client_key`.

Attempts are counted before they are made, so that simultaneous ones cannot exceed a limit. Counters are kept in
Django's caches: with REDIS_URL all processes share them, and while Redis is away each counts on its own. Those of
attempts, of requests and of repeated entries of the audit log have a cache each (`CACHES`), so that a flood of one sort
evicts nothing of another.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast

from django.core.cache import caches
from django.utils.connection import ConnectionProxy

CACHE_NAME, REQUEST_CACHE_NAME, AUDIT_CACHE_NAME = "throttles", "requests", "audit"
cache = ConnectionProxy(caches, REQUEST_CACHE_NAME)  # that of requests, as `django.core.cache.cache` is the default one


@dataclass(frozen=True)
class RateLimit:
    """At most `maximum` attempts or requests in `seconds`, for one counted value such as an e-mail.

    `cache` is that of its attempts.
    """

    name: str
    maximum: int
    seconds: int
    cache: str = CACHE_NAME


@dataclass(frozen=True)
class RequestCount:
    """How many more requests are allowed in this window, and if this one is not, seconds until the next window."""

    maximum: int
    remaining: int
    retry_after: int


class CountingCache(Protocol):
    """A cache of the installation (`config.outages`), which counts in one call."""

    def count(self, key: str, seconds: int) -> int:
        """Add one to a counter, which is deleted `seconds` after its first; return its new value."""

    def get(self, key: str) -> float | None:
        """Return a count or a time, None if there is none."""

    def set(self, key: str, value: object, timeout: int) -> None:
        """See Django's caches."""


CountKey = Callable[[str, int], int]  # as `CountingCache.count`
RateLimitKey = tuple[RateLimit, str]  # a limit and the counted value: an e-mail, a client, a user's id

LOGIN_PAIR = RateLimit("login-pair", 5, 300)  # one person from one client
LOGIN_DEVICE = RateLimit("login-device", 5, 300)  # one person from a device that logged in as them before
LOGIN_EMAIL = RateLimit("login-email", 30, 900)  # one person from clients that never logged in as them
LOGIN_ADDRESS = RateLimit("login-address", 50, 900)  # one client trying many people
RESET_EMAIL = RateLimit("reset-email", 3, 3600)  # mails that are sent; further requests are accepted and send none
RESET_ADDRESS = RateLimit("reset-address", 20, 3600)
INVITATION_PAIR = RateLimit("invitation-pair", 10, 86400)  # mails of one account to one address
INVITATION_EMAIL = RateLimit("invitation-email", 30, 86400)  # mails of all accounts to one address
JOIN_ADDRESS = RateLimit("join-address", 20, 900)  # one client and one-time links
PASSWORD_USER = RateLimit("password-user", 10, 900)  # checks of the current password of a user who is logged in
SSO_ADDRESS = RateLimit("sso-address", 300, 300)  # one client and the ways to providers; a company has one address
CHECK_USER = RateLimit("check-user", 20, 300)  # pages fetched on somebody's behalf
CHECK_ACCOUNT = RateLimit("check-account", 20, 300)  # DNS records looked up on an account's behalf


def count_attempt(*keys: RateLimitKey) -> int:
    """Count one attempt against each limit; returns 0 if it may be made, else the seconds to wait.

    A limit's window begins with the first attempt. A rejected attempt counts against none of the limits: those counted
    before the exceeded one are undone, those after it are not counted. Put first what an attacker cannot choose freely
    (their address).
    """
    for number, (limit, value) in enumerate(keys):
        key, counters = _build_key(limit, value), cast(CountingCache, caches[limit.cache])
        count = counters.count(key, limit.seconds)
        if count == 1:
            counters.set(f"{key}:end", time.time() + limit.seconds, limit.seconds)
        if count > limit.maximum:
            undo_attempt(*keys[: number + 1])
            end = counters.get(f"{key}:end")
            return max(1, min(limit.seconds, round(end - time.time()))) if end else limit.seconds
    return 0


def count_event(limit: RateLimit, value: str) -> int:
    """Count an event that is not refused; returns how many there were in the window, which begins with the first."""
    return cast(CountingCache, caches[limit.cache]).count(_build_key(limit, value), limit.seconds)


def undo_attempt(*keys: RateLimitKey) -> None:
    """Undo one `count_attempt`: the attempt succeeded, or was not made."""
    for limit, value in keys:
        with contextlib.suppress(ValueError):  # the window ended in between
            caches[limit.cache].decr(_build_key(limit, value))


def clear_attempts(*keys: RateLimitKey) -> None:
    """Reset the counters to zero."""
    for limit, value in keys:
        caches[limit.cache].delete(_build_key(limit, value))


def count_request(limit: RateLimit, value: str, now: datetime, count_key: CountKey | None = None) -> RequestCount:
    """Count one request; the windows are those of the clock, such as minutes. A limit of 0 allows any number.

    `count_key` counts elsewhere than in Django's cache.
    """
    if limit.maximum <= 0:
        return RequestCount(0, 0, 0)
    window, elapsed = divmod(int(now.timestamp()), limit.seconds)
    count_key = count_key or cast(CountingCache, cache).count
    count = count_key(f"{_build_key(limit, value)}:{window}", limit.seconds * 2)
    exceeded = count > limit.maximum
    return RequestCount(limit.maximum, max(0, limit.maximum - count), limit.seconds - elapsed if exceeded else 0)


def format_wait_message(seconds: int, what: str = "attempts") -> str:
    """Format the message for a user who has to wait: "Too many attempts. Try again in 12 minutes."."""
    return f"Too many {what}. Try again in {format_wait(seconds)}."


def format_wait(seconds: int) -> str:
    """Format a time to wait in minutes, at least one: "1 minute", "12 minutes"."""
    minutes = max(1, round(seconds / 60))
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _build_key(limit: RateLimit, value: str) -> str:
    return f"throttle:{limit.name}:{hashlib.sha256(value.encode(errors='replace')).hexdigest()[:32]}"
