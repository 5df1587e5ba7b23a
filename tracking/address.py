"""Whose address is it? A proxy's word counts only when the operator or the site named that proxy.

The rules are those of `accounts.security.client_ip`; this is their quick form, for hits by the thousand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from accounts.security.client_ip import address_behind_proxies, is_within, normalize_address, parse_networks
from sites.quick import setting

MAX_REMEMBERED = 200  # characters of X-Forwarded-For; what strangers send is remembered, so it has to be short
clean, networks, within = normalize_address, parse_networks, is_within


def trusted_proxy(address: str) -> bool:
    """Whether the operator named this address in TRUSTED_PROXIES."""
    return within(address, networks(tuple(setting("TRUSTED_PROXIES"))))


def visitor_address(peer: str, forwarded: str, believed: Callable[[str], bool] | None = None, skip: int = 0) -> str:
    """The visitor's address: from the connection, or, hop by hop from the right, from proxies that are believed.

    `believed` says which further addresses (a site's own proxy) are passed over; `skip` hops are believed
    whatever their address (a proxied path that carried the site's secret word).
    """
    trusted = tuple(setting("TRUSTED_PROXIES"))
    if believed is None and not skip and len(forwarded) <= MAX_REMEMBERED:
        return _behind_trusted_proxies(peer, forwarded, trusted)
    return address_behind_proxies(peer, forwarded, networks(trusted), believed, skip)


@lru_cache(maxsize=50_000)
def _behind_trusted_proxies(peer: str, forwarded: str, trusted: tuple[str, ...]) -> str:
    """The same where only the operator's proxies are believed; `trusted` is part of the key, so a change is seen."""
    return address_behind_proxies(peer, forwarded, networks(trusted))
