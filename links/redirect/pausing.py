"""Pausing of links after their last click or their last day.

The redirector does not write to the database: it notes the last click of a link here, and a thread of its process
stores the status. Links with an end date are paused by a periodic task. Until the status is stored, routing
(`links.routing.engine`) stops clicks because of the limit itself.
"""

from __future__ import annotations

from datetime import datetime

from links.models import Datapoint, Status
from links.routing.snapshot import LinkSnapshot
from links.services.links import datapoints_pause
from sites.cache_refresher import CacheRefresher

_last_clicks: dict[int, int] = {}  # link id -> number of the click that reached its limit


def note_click(link: LinkSnapshot, click_number: int) -> None:
    """Note the link for pausing if this click number has reached its limit."""
    if link.pause_after_clicks and 0 < link.expiration_clicks <= click_number and link.status == Status.ACTIVE:
        _last_clicks[link.link_id] = click_number
        pause_soon()


def pause_exhausted() -> int:
    """Pause the links whose last click was noted; return how many. A link stays noted until it is stored."""
    paused = 0
    for link_id, click_number in list(_last_clicks.items()):
        rows = Datapoint.objects.filter(pk=link_id, pause_after_clicks=True)
        paused += datapoints_pause(rows=rows.filter(expiration_clicks__gt=0, expiration_clicks__lte=click_number))
        _last_clicks.pop(link_id, None)
    return paused


def pause_expired(*, now: datetime) -> int:
    """Pause the links whose end date has passed and that are set to pause; return how many."""
    return datapoints_pause(rows=Datapoint.objects.filter(pause_after_date=True, expiration_date__lte=now))


def forget() -> None:
    """Drop all noted clicks (for tests)."""
    _last_clicks.clear()


refresher = CacheRefresher("links that pause themselves", ((pause_exhausted, 0.0),), at_end=pause_exhausted)
start, stop, pause_soon = refresher.start, refresher.stop, refresher.refresh_soon
