"""The pipeline: a tuple of named steps that turns a hit into the event to store, or into a rejection.

A step fills columns of the event, or rejects the hit with a reason. The order matters: a step may read the columns that
an earlier one filled. `process` knows nothing of the endpoint, the spool or the clock; `tracking.ingestion` records its
outcome.
"""

from __future__ import annotations

from collections.abc import Callable

from sites.site_config import SiteConfig
from tracking.event import Event, Hit, Rejection
from tracking.pipeline.bot_quarantine import Quarantine, quarantine_bots
from tracking.pipeline.device import fill_device, fill_user_agent
from tracking.pipeline.page import fill_details, fill_page
from tracking.pipeline.rejections import (
    reject_excluded,
    reject_excluded_country,
    reject_opted_out,
    reject_over_quota,
    reject_wrong_host,
)
from tracking.pipeline.source import join_click
from tracking.pipeline.visit import join_visit
from tracking.pipeline.visitor_address import fill_location, shorten_address

PipelineStep = Callable[[Hit, SiteConfig, Event], Rejection | None]

__all__ = ["STEPS", "Quarantine", "process"]

STEPS: tuple[PipelineStep, ...] = (
    reject_over_quota,
    fill_page,
    reject_wrong_host,
    reject_opted_out,
    reject_excluded,
    fill_location,
    reject_excluded_country,
    fill_details,
    fill_user_agent,
    fill_device,
    join_click,
    shorten_address,
    quarantine_bots,  # before visits: bots must not take the bounded memory of people's visits
    join_visit,  # parses the source only where a visit begins
)


def process(hit: Hit, site: SiteConfig) -> Event | Rejection:
    """Return the event to store, or the rejection. Neither waits for a database nor writes anything."""
    event: Event = {"site_id": site.site_id, "kind": hit.kind, "ts": hit.at or hit.now, **hit.link}
    for step in STEPS:
        rejection = step(hit, site, event)
        if rejection is not None:
            return rejection
    return event
