"""From where: place and network of an address, looked up before privacy shortens it."""

from __future__ import annotations

from sites.facts import SiteFacts
from tracking import places
from tracking.hit import Event, Hit, Refused


def locate(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Fill country, region, city, coordinates, network."""
    if hit.ip:
        event["ip"] = hit.ip
        event.update(places.columns(hit.ip))
    return None
