"""Which clients a limit counts as one."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

IPV6_PREFIX = 64  # one customer's smallest network: every host in it may choose among 2**64 addresses


@lru_cache(maxsize=50_000)
def rate_limit_key(address: str) -> str:
    """What a limit per client counts: an IPv4 address as it is, an IPv6 address by its /64.

    An IPv4 address in IPv6 clothes (`::ffff:192.0.2.7`) counts as the IPv4 address. Text that is no address is its
    own key.
    """
    try:
        found = ip_address(address.strip().partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found, IPV6_PREFIX), strict=False))
