"""From what a door understood to what is stored: a tuple of named steps, to be read aloud.

A step fills columns of the event or refuses with a reason word. `process` knows nothing of the door, the spool
or the clock; `tracking.intake` records what comes out of it.
"""

from __future__ import annotations

from collections.abc import Callable

from sites.facts import SiteFacts
from tracking.hit import Event, Hit, Refused
from tracking.steps.agent import read_agent
from tracking.steps.bots import SetApart, set_bots_apart
from tracking.steps.click import join_click
from tracking.steps.device import recognise_device
from tracking.steps.page import read_page, read_words
from tracking.steps.place import locate
from tracking.steps.privacy import keep_less_of_the_address
from tracking.steps.refuse import (
    refuse_excluded,
    refuse_excluded_country,
    refuse_over_quota,
    refuse_unwilling,
    refuse_wrong_host,
)
from tracking.steps.visit import join_visit

Step = Callable[[Hit, SiteFacts, Event], Refused | None]

__all__ = ["STEPS", "SetApart", "process"]

STEPS: tuple[Step, ...] = (
    refuse_over_quota,
    read_page,
    refuse_wrong_host,
    refuse_unwilling,
    refuse_excluded,
    locate,
    refuse_excluded_country,
    read_words,
    read_agent,
    recognise_device,
    join_click,
    keep_less_of_the_address,
    set_bots_apart,  # before visits: a bot opens none that people need the room of
    join_visit,  # reads the source of a visit that begins
)


def process(hit: Hit, facts: SiteFacts) -> Event | Refused:
    """The event to store, or why not. Neither waits for a database nor writes anything."""
    event: Event = {"site_id": facts.site_id, "kind": hit.kind, "ts": hit.at or hit.now, **hit.link}
    for step in STEPS:
        refused = step(hit, facts, event)
        if refused is not None:
            return refused
    return event
