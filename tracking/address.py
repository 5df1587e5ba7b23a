"""Whose address is it? A proxy's word counts only when the operator or the site named that proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network

from sites.quick import setting


@lru_cache(maxsize=64)
def networks(texts: tuple[str, ...]) -> tuple:
    """The networks that `texts` name; whatever is no network is left out."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(str(text).strip(), strict=False))
        except ValueError:
            continue
    return tuple(found)


@lru_cache(maxsize=50_000)
def within(address: str, nets: tuple) -> bool:
    """Whether the address (text, any garbage) lies in one of the networks."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found.version == net.version and found in net for net in nets)


@lru_cache(maxsize=50_000)
def clean(text: str) -> str:
    """The address in its normal form; "" for anything else. A port is cut off, mapped IPv4 is unwrapped."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def trusted_proxy(address: str) -> bool:
    """Whether the operator named this address in TRUSTED_PROXIES."""
    return within(address, networks(tuple(setting("TRUSTED_PROXIES"))))


def visitor_address(peer: str, forwarded: str, believed: Callable[[str], bool] | None = None, skip: int = 0) -> str:
    """The visitor's address: from the connection, or, hop by hop from the right, from proxies that are believed.

    `believed` says which further addresses (a site's own proxy) are passed over; `skip` hops are believed
    whatever their address (a proxied path that carried the site's secret word).
    """
    if believed is None and not skip:
        return told_by_proxies(peer, forwarded, tuple(setting("TRUSTED_PROXIES")))
    return last_unbelieved(peer, forwarded, believed, skip)


@lru_cache(maxsize=50_000)
def told_by_proxies(peer: str, forwarded: str, trusted: tuple[str, ...]) -> str:
    """The visitor's address where only the operator's proxies (`trusted`, so that a change is seen) are believed."""
    return last_unbelieved(peer, forwarded, None, 0)


def last_unbelieved(peer: str, forwarded: str, believed: Callable[[str], bool] | None, skip: int) -> str:
    """From the right, the first address that is nobody's proxy."""
    address = clean(peer) or "0.0.0.0"  # noqa: S104
    hops: Iterable[str] = reversed(forwarded.split(",")[-20:]) if forwarded else ()
    for hop in hops:
        if not trusted_proxy(address) and not (believed and believed(address)):
            if skip <= 0:
                break
            skip -= 1
        address = clean(hop) or address
    return address
