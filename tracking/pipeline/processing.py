"""The pipeline: a tuple of named steps that turns a hit into the event to store, or into a rejection.

A step returns columns of the event, None, or a rejection with a reason; it writes into neither hit nor event. The order
matters: a step may read the columns that an earlier one returned. The last steps ask the state what came before this
hit, so that a rejected hit changes nothing there. `process` knows nothing of the endpoint, the spool or the clock;
`tracking.ingestion` records its outcome.
"""

from __future__ import annotations

from collections.abc import Callable

from sites.site_config import SiteConfig
from tracking.event import Event, Hit, Rejection
from tracking.pipeline.bot_quarantine import Quarantine, quarantine_bots
from tracking.pipeline.device import find_agent_columns, find_device
from tracking.pipeline.page import read_details, read_page
from tracking.pipeline.rejections import (
    reject_excluded,
    reject_excluded_country,
    reject_opted_out,
    reject_refused_account,
    reject_wrong_host,
)
from tracking.pipeline.source import find_click
from tracking.pipeline.visit import join_visit
from tracking.pipeline.visitor_address import find_location, shorten_address
from tracking.state.base import State

PipelineStep = Callable[[Hit, SiteConfig, Event], Event | Rejection | None]
StatefulStep = Callable[[Hit, SiteConfig, Event, State], Event | Rejection | None]

__all__ = ["STATEFUL_STEPS", "STEPS", "Quarantine", "process"]

STEPS: tuple[PipelineStep, ...] = (
    reject_refused_account,
    read_page,
    reject_wrong_host,
    reject_opted_out,
    reject_excluded,
    find_location,
    reject_excluded_country,
    read_details,
    find_agent_columns,
    shorten_address,
)
STATEFUL_STEPS: tuple[StatefulStep, ...] = (  # they ask for what was before this hit
    find_device,
    find_click,
    quarantine_bots,  # before visits: bots must not take the bounded memory of people's visits
    join_visit,  # parses the source only where a visit begins
)


def process(hit: Hit, site: SiteConfig, state: State) -> Event | Rejection:
    """Return the event to store, or the rejection. Neither waits for a database nor writes anything."""
    event: Event = {"site_id": site.site_id, "kind": hit.kind, "ts": hit.at or hit.now}
    for step in STEPS:
        if outcome := step(hit, site, event):
            if isinstance(outcome, Rejection):
                return outcome
            event |= outcome
    for stateful_step in STATEFUL_STEPS:
        if outcome := stateful_step(hit, site, event, state):
            if isinstance(outcome, Rejection):
                return outcome
            event |= outcome
    return event
