"""Which IP addresses may be reached: public ones, and networks that the operator allows; the errors of requests."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

from accounts.security.client_ip import parse_networks
from sites.outbound import networks

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
FORBIDDEN: tuple[Network, ...] = tuple(
    ip_network(text) for text in (*networks.SPECIAL_IPV4, *networks.SPECIAL_IPV6, *networks.METADATA)
)
GLOBAL_UNICAST = IPv6Network(networks.GLOBAL_UNICAST)
NAT64 = IPv6Network(networks.NAT64)
IPV4_IN_LAST_BITS = tuple(map(IPv6Network, (networks.NAT64, "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96")))
ISATAP = (0x00005EFE, 0x02005EFE)  # the third quarter of an address whose last one is an IPv4 address (RFC 5214)


class OutboundError(Exception):
    """A request without a response; the text is a sentence for the user who entered the URL."""


class OutboundNotSent(OutboundError):
    """A request that could not be sent for a reason on this side, which says nothing about the remote server."""


class OutboundForbidden(OutboundNotSent):
    """A request to a network that must not be reached."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host[:80]} lies in a network that may not be reached from here."
            " The operator of this installation can allow it with ALLOWED_OUTBOUND."
        )


def is_allowed_address(text: str) -> bool:
    """Return whether requests may be sent to an IP address, which may have a zone (`%eth0`); False for other text."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    operator_networks = parse_networks(settings.ENV.allowed_outbound)
    embedded = find_embedded_ipv4(address) if isinstance(address, IPv6Address) else []
    if is_inside(address, operator_networks) or (
        embedded and all(is_inside(inner, operator_networks) for inner in embedded)
    ):
        return True
    return is_public(address) and all(is_public(inner) for inner in embedded)


def is_inside(address: Address, ranges: tuple[Network, ...]) -> bool:
    return any(address in network for network in ranges if network.version == address.version)


def is_public(address: Address) -> bool:
    """Return whether an address is public, regardless of an IPv4 address embedded in it."""
    if is_inside(address, FORBIDDEN):
        return False
    return isinstance(address, IPv4Address) or address in GLOBAL_UNICAST or address in NAT64


def find_embedded_ipv4(address: IPv6Address) -> list[IPv4Address]:
    """Find IPv4 addresses embedded in an IPv6 address: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP."""
    embedded = []
    if is_inside(address, IPV4_IN_LAST_BITS) or (int(address) >> 32) & 0xFFFFFFFF in ISATAP:
        embedded.append(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None:
        embedded.append(address.sixtofour)
    return [*embedded, *(address.teredo or ())]


def parse_ip_host(host: str) -> str | None:
    """Return the IP address that a URL's host stands for, also as `127.1` or `0x7f000001`; None for a name."""
    bare = host.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(bare.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(bare.removesuffix(".")))
    except (OSError, UnicodeError, ValueError):
        return None
