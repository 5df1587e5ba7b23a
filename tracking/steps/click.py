"""Which click on a tracked link led here? A higher room knows; it registers its answer (`config.registrations`)."""

from __future__ import annotations

from collections.abc import Callable

from sites.facts import SiteFacts
from tracking.hit import Event, Hit, Refused

Joiner = Callable[[Hit, SiteFacts, Event], Event]
_joiners: list[Joiner] = []


def register_joiner(joiner: Joiner) -> None:
    """`joiner(hit, facts, event)` gives the columns link_id, group_id and click_id, or {}; it waits for nothing."""
    if joiner not in _joiners:
        _joiners.append(joiner)


def join_click(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Fill the link and the click that led to this view."""
    for joiner in _joiners:
        event.update(joiner(hit, facts, event))
    return None
