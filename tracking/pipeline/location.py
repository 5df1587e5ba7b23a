"""Locate the visitor: place and network of the address, looked up before privacy shortens it."""

from __future__ import annotations

from sites.site_config import SiteConfig
from tracking import geo
from tracking.event import Event, Hit, Rejection


def fill_location(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Fill country, region, city, coordinates and network."""
    if hit.ip:
        event["ip"] = hit.ip
        event.update(geo.look_up(hit.ip))
    return None
