"""The visitor's address behind proxies: those that the operator trusts (TRUSTED_PROXIES) and those of the site.

The rules are those of `accounts.security.client_ip`; here results are cached, since every hit asks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from accounts.security.client_ip import find_client_address, is_in_networks, parse_networks
from sites.quick import setting

MAX_CACHED_LENGTH = 200  # characters of X-Forwarded-For: it is a key of the cache below, and clients choose it


def trusted_proxy(address: str) -> bool:
    """Whether the operator named this address in TRUSTED_PROXIES."""
    return is_in_networks(address, parse_networks(tuple(setting("TRUSTED_PROXIES"))))


def visitor_address(peer: str, forwarded: str, believed: Callable[[str], bool] | None = None, skip: int = 0) -> str:
    """The visitor's address: from the connection, or, hop by hop from the right, from proxies that are believed.

    `believed` says which further addresses (a site's own proxy) are passed over; `skip` hops are believed
    whatever their address (a proxied path that carried the site's secret word).
    """
    trusted = tuple(setting("TRUSTED_PROXIES"))
    if believed is None and not skip and len(forwarded) <= MAX_CACHED_LENGTH:
        return _behind_trusted_proxies(peer, forwarded, trusted)
    return find_client_address(peer, forwarded, parse_networks(trusted), believed, skip)


@lru_cache(maxsize=50_000)
def _behind_trusted_proxies(peer: str, forwarded: str, trusted: tuple[str, ...]) -> str:
    """The same for TRUSTED_PROXIES alone; they are an argument so that the cache notices when they change."""
    return find_client_address(peer, forwarded, parse_networks(trusted))
