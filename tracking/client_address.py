"""Find the visitor's address behind the proxies of the operator (TRUSTED_PROXIES) and of the site.

The rules are those of `accounts.security.client_ip`; this module caches the results, since every hit needs one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from accounts.security.client_ip import find_client_address, is_in_networks, parse_networks
from sites.fast_settings import get_setting

MAX_CACHED_LENGTH = 200  # characters of X-Forwarded-For: it is a key of the cache below, and clients choose it


def is_trusted_proxy(address: str) -> bool:
    """Return whether the address is one of TRUSTED_PROXIES."""
    return is_in_networks(address, parse_networks(tuple(get_setting("TRUSTED_PROXIES"))))


def resolve_visitor_address(
    peer: str, forwarded: str, is_trusted: Callable[[str], bool] | None = None, skip: int = 0
) -> str:
    """Return the visitor's address: the connection's, or hop by hop from the right that behind trusted proxies.

    `is_trusted` returns whether a further address is a trusted proxy (a site's own); `skip` hops are trusted whatever
    their address is (a proxied path that contained the site's secret).
    """
    trusted = tuple(get_setting("TRUSTED_PROXIES"))
    if is_trusted is None and not skip and len(forwarded) <= MAX_CACHED_LENGTH:
        return _find_behind_trusted_proxies(peer, forwarded, trusted)
    return find_client_address(peer, forwarded, parse_networks(trusted), is_trusted, skip)


@lru_cache(maxsize=50_000)
def _find_behind_trusted_proxies(peer: str, forwarded: str, trusted: tuple[str, ...]) -> str:
    """Find the address behind TRUSTED_PROXIES only; they are an argument so that the cache depends on them."""
    return find_client_address(peer, forwarded, parse_networks(trusted))
