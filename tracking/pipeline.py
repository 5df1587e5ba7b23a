"""The pipeline: a tuple of named steps that turns a hit into the event to store, or into a rejection.

A step fills columns of the event, or rejects the hit with a reason. The order matters: a step may read the columns
that an earlier one filled. `process` knows nothing of the endpoint, the spool or the clock; `tracking.intake` records
its outcome.
"""

from __future__ import annotations

from collections.abc import Callable

from sites.facts import SiteFacts
from tracking.hit import Event, Hit, Refused
from tracking.steps.agent import read_agent
from tracking.steps.bots import Quarantine, quarantine_bots
from tracking.steps.click import join_click
from tracking.steps.device import recognise_device
from tracking.steps.page import read_page, read_words
from tracking.steps.place import locate
from tracking.steps.privacy import keep_less_of_the_address
from tracking.steps.refuse import (
    reject_excluded,
    reject_excluded_country,
    reject_opted_out,
    reject_over_quota,
    reject_wrong_host,
)
from tracking.steps.visit import join_visit

PipelineStep = Callable[[Hit, SiteFacts, Event], Refused | None]

__all__ = ["STEPS", "Quarantine", "process"]

STEPS: tuple[PipelineStep, ...] = (
    reject_over_quota,
    read_page,
    reject_wrong_host,
    reject_opted_out,
    reject_excluded,
    locate,
    reject_excluded_country,
    read_words,
    read_agent,
    recognise_device,
    join_click,
    keep_less_of_the_address,
    quarantine_bots,  # before visits: bots must not take the bounded memory of people's visits
    join_visit,  # parses the source only where a visit begins
)


def process(hit: Hit, site: SiteFacts) -> Event | Refused:
    """Return the event to store, or the rejection. Neither waits for a database nor writes anything."""
    event: Event = {"site_id": site.site_id, "kind": hit.kind, "ts": hit.at or hit.now, **hit.link}
    for step in STEPS:
        rejection = step(hit, site, event)
        if rejection is not None:
            return rejection
    return event
