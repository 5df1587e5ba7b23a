"""The visitor's IP address: its place and network are looked up first; after every step that needs the full address, as
much of it is kept as the site chose.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network

from sites.site_config import SiteConfig
from tracking import geo
from tracking.event import Event, Hit

STORED_BITS = {4: 24, 6: 48}


def find_location(hit: Hit, site: SiteConfig, event: Event) -> Event | None:
    """Return country, region, city, coordinates and network of the address."""
    return geo.look_up(hit.ip) if hit.ip else None


@lru_cache(maxsize=50_000)
def truncate_address(address: str) -> str:
    """Return an IPv4 address without its last byte, an IPv6 address without its last 80 bits."""
    if ":" not in address and address.count(".") == 3:  # already normalized
        return address[: address.rfind(".")] + ".0"
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    return str(ip_network(f"{parsed}/{STORED_BITS[parsed.version]}", strict=False).network_address)


def shorten_address(hit: Hit, site: SiteConfig, event: Event) -> Event | None:
    """Return as much of the address as the site stores: all, a part or nothing."""
    if site.addresses == "drop" or not hit.ip:
        return None
    return {"ip": hit.ip if site.addresses == "keep" else truncate_address(hit.ip)}
