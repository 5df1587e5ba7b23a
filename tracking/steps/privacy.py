"""What is kept of the address: the site's choice, applied when everything else has been worked out."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network

from sites.facts import SiteFacts
from tracking.hit import Event, Hit, Refused

KEPT_BITS = {4: 24, 6: 48}


@lru_cache(maxsize=50_000)
def shortened(address: str) -> str:
    """IPv4 without its last byte, IPv6 without its last 80 bits."""
    if ":" not in address and address.count(".") == 3:  # in its normal form already
        return address[: address.rfind(".")] + ".0"
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    return str(ip_network(f"{found}/{KEPT_BITS[found.version]}", strict=False).network_address)


def keep_less_of_the_address(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Keep, truncate or drop."""
    if facts.addresses == "drop":
        event.pop("ip", None)
    elif facts.addresses != "keep" and event.get("ip"):
        event["ip"] = shortened(event["ip"])
    return None
