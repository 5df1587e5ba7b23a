"""Ingestion of one hit: run the pipeline, write the event to the spool, publish it to live streams.

Endpoints call `receive`, or `reject_request` for a request that cannot become a hit. Both count it as received,
independently of its outcome, so the ingestion audit can be checked: received = stored + rejected + duplicates.
"""

from __future__ import annotations

import errno
import logging
from datetime import datetime

from sites.facts import SiteFacts
from tracking import feed, seen, spool
from tracking.hit import Event, Hit, Refused
from tracking.pipeline import Quarantine, process
from tracking.turn import turn

SPOOL_FULL_HEADER = b"x-event-dropped: spool_full\r\n"
log = logging.getLogger(__name__)


def receive(hit: Hit, site: SiteFacts) -> Event | Refused:
    """Record one hit. The event or the rejection is written when this returns, or with the current write batch."""
    count_received(site.site_id, hit.now)
    if hit.event_id and seen.repeated(site.site_id, hit.event_id, hit.brief_id, hit.now):
        return refuse(site.site_id, "duplicate", hit.now)
    try:
        outcome = process(hit, site)
    except Exception:  # a bug must neither lose the count nor disturb the page
        log.exception("the pipeline failed on a hit of site %s", site.site_id)
        return refuse(site.site_id, "bad_request", hit.now)
    if isinstance(outcome, Quarantine):
        return quarantine(outcome, hit)
    if isinstance(outcome, Refused):
        return refuse(site.site_id, outcome.reason, hit.now)
    if not hit.event_id or hit.brief_id:
        return keep(outcome, hit.now)
    stored = write(outcome, hit.now)
    if not isinstance(stored, Refused):
        seen.note(site.site_id, hit.event_id, hit.now)
    return stored


def keep(event: Event, now: datetime) -> Event | Refused:
    """Write an event and publish it, at the end of the write batch where there is one."""
    return event if turn.keep(event, now) else write(event, now)


def write(event: Event, now: datetime) -> Event | Refused:
    """Write an event to the spool and publish it; reject it when the spool is full."""
    try:
        spool.write_event(event)
    except (spool.SpoolFull, OSError) as error:
        return reject_for_lack_of_space(event["site_id"], now, error)
    feed.publish(event)
    return event


def end_turn() -> dict[int, bytes]:
    """Write the events and counts of the batch. Return the header to add to responses whose event found no space."""
    events_by_response, counts = turn.take()
    for (site_id, reason, _), (hits, now) in counts.items():
        if reason:
            spool.write_refusal(site_id, reason, now, hits)
        else:
            spool.count_received(site_id, now, hits)
    events = [event for _, event, _ in events_by_response]
    if events and not write_events_at_once(events):
        return {
            number: SPOOL_FULL_HEADER
            for number, event, now in events_by_response
            if isinstance(write(event, now), Refused)
        }
    return {}


def write_events_at_once(events: list[Event]) -> bool:
    """Write events of one month in one call; return False if they must be written one by one."""
    if len({(event["ts"].year, event["ts"].month) for event in events}) > 1:
        return False
    try:
        spool.write_events(events)
    except (spool.SpoolFull, OSError):
        return False
    feed.publish_all(events)
    return True


def count_received(site_id: int, now: datetime) -> None:
    """Count a received hit."""
    if not turn.count(site_id, "", now):
        spool.count_received(site_id, now)


def reject_request(site_id: int, reason: str, now: datetime) -> Refused:
    """Count a request that an endpoint rejects before it is a hit; site 0 stands for an unknown site."""
    count_received(site_id, now)
    return refuse(site_id, reason, now)


def refuse(site_id: int, reason: str, now: datetime) -> Refused:
    """Count the rejection of a hit that was already counted as received."""
    if not turn.count(site_id, reason, now):
        spool.write_refusal(site_id, reason, now)
    return Refused(reason)


def quarantine(rejection: Quarantine, hit: Hit) -> Refused:
    """Write a bot's event to the table `bots`, and count it."""
    site_id = rejection.event["site_id"]
    try:
        spool.write_bot(rejection.event, rejection.bot_reason)
    except (spool.SpoolFull, OSError) as error:
        return reject_for_lack_of_space(site_id, hit.now, error)
    return refuse(site_id, rejection.reason, hit.now)


def reject_for_lack_of_space(site_id: int, now: datetime, error: Exception) -> Refused:
    """Reject an event that the spool could not write; the count waits in memory until there is space."""
    if not isinstance(error, spool.SpoolFull) and getattr(error, "errno", 0) not in (errno.ENOSPC, errno.EDQUOT):
        log.error("the spool could not write an event of site %s: %s", site_id, error)
    return refuse(site_id, "spool_full", now)
