"""The address of the client that made a request, and which addresses a rate limit counts as one client.

X-Forwarded-For is read only from trusted proxies: those in TRUSTED_PROXIES, or those that the caller names. Results are
cached, since every hit needs one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.http import HttpRequest

from accounts.fast_settings import get_setting

IPV6_PREFIX_LENGTH = 64  # one customer's smallest network: every host in it may choose among 2**64 addresses
MAX_HOPS = 20  # of X-Forwarded-For, from the right
MAX_ADDRESS_LENGTH = 100  # characters; longer text is not an address and is not cached
MAX_CACHED_LENGTH = 200  # characters of X-Forwarded-For: it is a key of a cache, and clients choose it
UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - a client whose connection has no address
Network = IPv4Network | IPv6Network
Networks = tuple[Network, ...]


@lru_cache(maxsize=50_000)
def get_rate_limit_key(address: str) -> str:
    """Return what a limit per client counts: an IPv4 address as it is, an IPv6 address by its /64.

    An IPv4-mapped address (`::ffff:192.0.2.7`) counts as the IPv4 address. Text that is not an address is its own key.
    """
    try:
        parsed = ip_address(address.strip().partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, IPV6_PREFIX_LENGTH), strict=False))


@lru_cache(maxsize=64)
def parse_networks(texts: tuple[str, ...]) -> Networks:
    """Parse addresses and CIDR networks; text that is neither is left out (forms and system checks report it)."""
    return tuple(network for text in texts if (network := parse_network(text)) is not None)


def parse_network(text: str) -> Network | None:
    """Parse one address or CIDR network (host bits may be set); returns None for other text."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=50_000)
def is_in_networks(address: str, networks: Networks) -> bool:
    """Whether an address lies in one of the networks; False for text that is not an address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed.version == network.version and parsed in network for network in networks)


def normalize_address(text: str) -> str:
    """Normalize an address: without port and zone, mapped IPv4 as IPv4. Returns "" for anything else."""
    return _normalize(text) if len(text) <= MAX_ADDRESS_LENGTH else ""


@lru_cache(maxsize=50_000)
def _normalize(text: str) -> str:
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)


def is_trusted_proxy(address: str) -> bool:
    """Return whether the address is one of TRUSTED_PROXIES."""
    return is_in_networks(address, parse_networks(tuple(get_setting("TRUSTED_PROXIES"))))


def find_client_address(
    peer: str, forwarded: str, is_trusted: Callable[[str], bool] | None = None, skip: int = 0
) -> str:
    """Find the first address that is not a proxy's: `peer`, then X-Forwarded-For (`forwarded`) from right to left.

    Proxies are TRUSTED_PROXIES, the addresses for which `is_trusted` returns True (a site's own), and the first `skip`
    others (a proxied path that contained the site's secret). Entries that are not addresses are ignored.
    """
    trusted = tuple(get_setting("TRUSTED_PROXIES"))
    if is_trusted is None and not skip and len(forwarded) <= MAX_CACHED_LENGTH:
        return _find_client_address(peer, forwarded, trusted)
    return _find_client_address.__wrapped__(peer, forwarded, trusted, is_trusted, skip)


@lru_cache(maxsize=50_000)
def _find_client_address(
    peer: str, forwarded: str, proxies: tuple[str, ...], is_trusted: Callable[[str], bool] | None = None, skip: int = 0
) -> str:
    address, trusted = normalize_address(peer) or UNKNOWN_ADDRESS, parse_networks(proxies)
    hops: Iterable[str] = reversed(forwarded.split(",")[-MAX_HOPS:]) if forwarded else ()
    for hop in hops:
        if not is_in_networks(address, trusted) and not (is_trusted and is_trusted(address)):
            if skip <= 0:
                break
            skip -= 1
        address = normalize_address(hop) or address
    return address


def get_client_address(request: HttpRequest) -> str:
    """Return the address of the client that made the request, behind the proxies in TRUSTED_PROXIES. It is kept with
    the request: limits ask for it, and the audit log."""
    address: str | None = getattr(request, "client_address", None)
    if address is None:
        meta = request.META
        address = find_client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""))
        request.client_address = address  # type: ignore[attr-defined]
    return address


def get_client_key(request: HttpRequest) -> str:
    """Return what a limit per client counts for the request (`get_rate_limit_key`)."""
    return get_rate_limit_key(get_client_address(request))
