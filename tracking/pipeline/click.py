"""Attribute a view to the click on a tracked link that led to it.

The app `links` has the clicks and is above this one, so it registers a function (`config.wiring`).
"""

from __future__ import annotations

from collections.abc import Callable

from sites.site_config import SiteConfig
from tracking.event import Event, Hit, Rejection

ClickFinder = Callable[[Hit, SiteConfig, Event], Event]
_finders: list[ClickFinder] = []


def register_joiner(finder: ClickFinder) -> None:
    """Register `finder(hit, site, event)`: it returns the columns link_id, group_id and click_id, or {}, at once."""
    if finder not in _finders:
        _finders.append(finder)


def join_click(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Fill the link and the click that led to this view, if any."""
    for finder in _finders:
        event.update(finder(hit, site, event))
    return None
