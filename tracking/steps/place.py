"""Locate the visitor: place and network of the address, looked up before privacy shortens it."""

from __future__ import annotations

from sites.facts import SiteFacts
from tracking import places
from tracking.hit import Event, Hit, Refused


def locate(hit: Hit, site: SiteFacts, event: Event) -> Refused | None:
    """Fill country, region, city, coordinates and network."""
    if hit.ip:
        event["ip"] = hit.ip
        event.update(places.columns(hit.ip))
    return None
