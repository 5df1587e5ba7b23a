"""The visitor's IP address: its place and network are looked up first; after every step that needs the full address, as
much of it is kept as the site chose.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network

from sites.site_config import SiteConfig
from tracking import geo
from tracking.event import Event, Hit, Rejection

STORED_BITS = {4: 24, 6: 48}


def fill_location(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Fill country, region, city, coordinates and network."""
    if hit.ip:
        event["ip"] = hit.ip
        event.update(geo.look_up(hit.ip))
    return None


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


def shorten_address(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Keep, truncate or drop the address."""
    if site.addresses == "drop":
        event.pop("ip", None)
    elif site.addresses != "keep" and event.get("ip"):
        event["ip"] = truncate_address(event["ip"])
    return None
