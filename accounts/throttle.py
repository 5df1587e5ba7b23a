"""Limits on attempts: each is counted before it is made, so that no number of attempts at once passes a limit.

Counters live in a cache of their own (`CACHES["throttles"]`), which nothing else can push them out of; with REDIS_URL
all processes count together.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from django.core.cache import caches

from accounts.security.client_ip import client_key

__all__ = ["Limit", "clear", "client_key", "give_back", "minutes", "take"]
CACHE = "throttles"


@dataclass(frozen=True)
class Limit:
    """At most `most` attempts in `seconds` (from the first of them) for one value of what is counted."""

    name: str
    most: int
    seconds: int


Pair = tuple[Limit, str]

LOGIN_PAIR = Limit("login-pair", 5, 300)  # one person from one client
LOGIN_DEVICE = Limit("login-device", 5, 300)  # one person from a device that logged in as them before
LOGIN_EMAIL = Limit("login-email", 30, 900)  # one person from clients that nobody knows
LOGIN_ADDRESS = Limit("login-address", 50, 900)  # one client trying many people
RESET_EMAIL = Limit("reset-email", 3, 3600)  # mails that are sent; asking for more is not refused
RESET_ADDRESS = Limit("reset-address", 20, 3600)
JOIN_ADDRESS = Limit("join-address", 20, 900)  # one client and one-time links
PASSWORD_USER = Limit("password-user", 10, 900)  # the current password, asked again of somebody who is logged in
CHECK_USER = Limit("check-user", 20, 300)  # pages fetched on somebody's behalf
CHECK_ACCOUNT = Limit("check-account", 20, 300)  # DNS records looked up on an account's behalf


def take(*pairs: Pair) -> int:
    """Count one attempt against each limit; 0 if it may be made, else the seconds to wait.

    A refused attempt is not made, so it counts against none of the limits: what was taken before the one that is used
    up is given back, and the rest is not asked. Name first what a guesser cannot choose freely (their address).
    """
    for number, (limit, value) in enumerate(pairs):
        if _add(_key(limit, value), 1, limit.seconds) > limit.most:
            give_back(*pairs[: number + 1])
            return _remaining(limit, value)
    return 0


def give_back(*pairs: Pair) -> None:
    """Take back what `take` counted: the attempt was no guess, or was not made."""
    cache = caches[CACHE]
    for limit, value in pairs:
        try:
            cache.decr(_key(limit, value))
        except ValueError:  # the window ended in between
            continue


def clear(*pairs: Pair) -> None:
    """Forget all attempts that were counted."""
    cache = caches[CACHE]
    for limit, value in pairs:
        cache.delete(_key(limit, value))


def minutes(seconds: int) -> str:
    """A time to wait, in words: "1 minute", "12 minutes"."""
    count = max(1, round(seconds / 60))
    return "1 minute" if count == 1 else f"{count} minutes"


def _key(limit: Limit, value: str) -> str:
    return f"throttle:{limit.name}:{hashlib.sha256(value.encode(errors='replace')).hexdigest()[:32]}"


def _add(key: str, count: int, seconds: int) -> int:
    """The counter's new value. The window begins with the first attempt and is not made longer by later ones."""
    cache = caches[CACHE]
    if cache.add(key, count, seconds):
        cache.set(f"{key}:end", time.time() + seconds, seconds)
        return count
    try:
        value = int(cache.incr(key, count))
    except ValueError:  # the window ended between the two calls
        return count if cache.add(key, count, seconds) else int(cache.incr(key, count))
    if value <= count:  # Redis made the key anew, which had just ended, and such a key would stay for ever
        cache.touch(key, seconds)
    return value


def _remaining(limit: Limit, value: str) -> int:
    """Whole seconds until the limit's window ends, at least 1."""
    end = caches[CACHE].get(f"{_key(limit, value)}:end")
    return max(1, min(limit.seconds, round(end - time.time()))) if end else limit.seconds
