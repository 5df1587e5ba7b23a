"""Rate limits on attempts. Each is counted before it is made, so that simultaneous attempts cannot exceed a limit.

Counters are kept in a cache of their own (`CACHES["throttles"]`), so that no other entries can evict them; with
REDIS_URL all processes share them.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from django.core.cache import caches

CACHE_NAME = "throttles"


@dataclass(frozen=True)
class RateLimit:
    """At most `max_attempts` attempts in `seconds`, from the first of them, for one counted value such as an e-mail."""

    name: str
    max_attempts: int
    seconds: int


RateLimitKey = tuple[RateLimit, str]  # a limit and the counted value: an e-mail, a client, a user's id

LOGIN_PAIR = RateLimit("login-pair", 5, 300)  # one person from one client
LOGIN_DEVICE = RateLimit("login-device", 5, 300)  # one person from a device that logged in as them before
LOGIN_EMAIL = RateLimit("login-email", 30, 900)  # one person from clients that never logged in as them
LOGIN_ADDRESS = RateLimit("login-address", 50, 900)  # one client trying many people
RESET_EMAIL = RateLimit("reset-email", 3, 3600)  # mails that are sent; further requests are accepted and send none
RESET_ADDRESS = RateLimit("reset-address", 20, 3600)
JOIN_ADDRESS = RateLimit("join-address", 20, 900)  # one client and one-time links
PASSWORD_USER = RateLimit("password-user", 10, 900)  # checks of the current password of a user who is logged in
CHECK_USER = RateLimit("check-user", 20, 300)  # pages fetched on somebody's behalf
CHECK_ACCOUNT = RateLimit("check-account", 20, 300)  # DNS records looked up on an account's behalf


def count_attempt(*keys: RateLimitKey) -> int:
    """Count one attempt against each limit; returns 0 if it may be made, else the seconds to wait.

    A rejected attempt counts against none of the limits: those counted before the exceeded one are undone, those after
    it are not counted. Put first what an attacker cannot choose freely (their address).
    """
    for number, (limit, value) in enumerate(keys):
        if _increment(_build_key(limit, value), 1, limit.seconds) > limit.max_attempts:
            undo_attempt(*keys[: number + 1])
            return _get_remaining_seconds(limit, value)
    return 0


def undo_attempt(*keys: RateLimitKey) -> None:
    """Undo one `count_attempt`: the attempt succeeded, or was not made."""
    cache = caches[CACHE_NAME]
    for limit, value in keys:
        try:
            cache.decr(_build_key(limit, value))
        except ValueError:  # the window ended in between
            continue


def clear_attempts(*keys: RateLimitKey) -> None:
    """Reset the counters to zero."""
    cache = caches[CACHE_NAME]
    for limit, value in keys:
        cache.delete(_build_key(limit, value))


def format_wait_message(seconds: int, what: str = "attempts") -> str:
    """Format the message for a user who has to wait: "Too many attempts. Try again in 12 minutes."."""
    return f"Too many {what}. Try again in {format_wait(seconds)}."


def format_wait(seconds: int) -> str:
    """Format a time to wait in minutes, at least one: "1 minute", "12 minutes"."""
    minutes = max(1, round(seconds / 60))
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _build_key(limit: RateLimit, value: str) -> str:
    return f"throttle:{limit.name}:{hashlib.sha256(value.encode(errors='replace')).hexdigest()[:32]}"


def _increment(key: str, count: int, seconds: int) -> int:
    """Add to a counter; returns its new value. Its window begins with the first attempt and is never extended."""
    cache = caches[CACHE_NAME]
    if cache.add(key, count, seconds):
        cache.set(f"{key}:end", time.time() + seconds, seconds)
        return count
    try:
        value = int(cache.incr(key, count))
    except ValueError:  # the window ended between the two calls
        return count if cache.add(key, count, seconds) else int(cache.incr(key, count))
    if value <= count:  # the key had just expired and Redis created it without an expiry
        cache.touch(key, seconds)
    return value


def _get_remaining_seconds(limit: RateLimit, value: str) -> int:
    """Return the seconds until the limit's window ends, at least 1."""
    end = caches[CACHE_NAME].get(f"{_build_key(limit, value)}:end")
    return max(1, min(limit.seconds, round(end - time.time()))) if end else limit.seconds
