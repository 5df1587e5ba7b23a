"""Guessing is made slow: attempts are counted in the cache, per word and window."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest


@dataclass(frozen=True)
class Limit:
    """At most `most` attempts in `seconds` for one value of what is counted."""

    name: str
    most: int
    seconds: int


LOGIN_PAIR = Limit("login-pair", 5, 300)  # one person from one address
LOGIN_EMAIL = Limit("login-email", 30, 900)  # one person from anywhere; wide, or strangers could lock people out
LOGIN_ADDRESS = Limit("login-address", 50, 900)  # one address trying many people
RESET_EMAIL = Limit("reset-email", 3, 3600)
RESET_ADDRESS = Limit("reset-address", 20, 3600)
CHECK_USER = Limit("check-user", 20, 300)  # pages fetched on somebody's behalf
CHECK_ACCOUNT = Limit("check-account", 20, 300)  # DNS records looked up on an account's behalf


def _key(limit: Limit, value: str) -> str:
    return f"throttle:{limit.name}:{hashlib.sha256(value.encode()).hexdigest()[:32]}"


def exceeded(*pairs: tuple[Limit, str]) -> int:
    """Seconds to wait if any of the limits is used up, else 0. Counts nothing."""
    return max((limit.seconds for limit, value in pairs if cache.get(_key(limit, value), 0) >= limit.most), default=0)


def count(*pairs: tuple[Limit, str]) -> None:
    """Count one attempt against each limit."""
    for limit, value in pairs:
        key = _key(limit, value)
        if not cache.add(key, 1, limit.seconds):
            try:
                cache.incr(key)
            except ValueError:  # the window ended between the two calls
                cache.set(key, 1, limit.seconds)


def clear(*pairs: tuple[Limit, str]) -> None:
    """Forget the attempts, after one that succeeded."""
    cache.delete_many([_key(limit, value) for limit, value in pairs])


def client_address(request: HttpRequest) -> str:
    """The peer's address, or what a trusted proxy says it is: the last untrusted one of X-Forwarded-For."""
    address = request.META.get("REMOTE_ADDR", "")
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    while forwarded and _trusted(address):
        address = forwarded.pop() or address
    return address


def _trusted(address: str) -> bool:
    try:
        peer = ip_address(address)
        return any(peer in ip_network(net, strict=False) for net in settings.ENV.trusted_proxies)
    except ValueError:  # no address at all, or a network that the system checks complain about
        return False
