"""Ingestion of one hit: run the pipeline, write the event to the spool, publish it to live streams.

Endpoints call `receive`, or `reject_request` for a request that cannot become a hit. Both count it as received,
independently of its outcome, so the ingestion audit can be checked: received = stored + rejected + duplicates.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from sites.site_config import SiteConfig
from tracking import live, spool
from tracking.event import Event, Hit, Rejection
from tracking.pipeline.processing import Quarantine, process
from tracking.state.base import State
from tracking.state.deduplication import create_sender_id, hash_event_id
from tracking.state.questions import KeepSenderId, ReleaseSenderId
from tracking.write_batch import write_batch

SPOOL_FULL_HEADER = b"x-event-dropped: spool_full\r\n"
log = logging.getLogger(__name__)


def receive(hit: Hit, site: SiteConfig, state: State) -> Event | Rejection:
    """Record one hit. The event or the rejection is written when this returns, or with the current write batch."""
    count_received(site.site_id, hit.now)
    if hit.event_id and was_sent_here(hit, state):
        return count_rejection(site.site_id, "duplicate", hit.now)
    try:
        outcome = process(hit, site, state)
    except Exception:  # a bug must neither lose the count nor disturb the page
        log.exception("the pipeline failed on a hit of site %s", site.site_id)
        return count_rejection(site.site_id, "bad_request", hit.now)
    if isinstance(outcome, Quarantine):
        return quarantine(outcome, hit, state)
    if isinstance(outcome, Rejection):
        return count_rejection(site.site_id, outcome.reason, hit.now)
    if not hit.event_id:
        return store_event(outcome, hit.now)
    if hit.brief_id:
        return store_event(outcome, hit.now, partial(release_id, hit, state))
    stored = write_event(outcome, hit.now)
    if isinstance(stored, Rejection):
        release_id(hit, state)
    else:
        state.ask(KeepSenderId(create_sender_id(hit.site_id, hit.event_id, hit.brief_id, hit.now)))
    return stored


def was_sent_here(hit: Hit, state: State) -> bool:
    """Return whether this process knows that a beacon was sent before, so that its repetition is not counted as pace.

    What other processes know, and ids that are kept longer, are asked by the step that joins the visit.
    """
    sent_ids = state.local.sent_ids.brief
    return hit.brief_id and sent_ids.contains(hash_event_id(hit.site_id, hit.event_id), hit.now.timestamp())


def release_id(hit: Hit, state: State) -> None:
    """Release the sender's id of a hit of which nothing could be written, so that it may be sent again."""
    if hit.event_id:
        state.ask(ReleaseSenderId(create_sender_id(hit.site_id, hit.event_id, hit.brief_id, hit.now)))


def store_event(event: Event, now: datetime, on_failure: Callable[[], object] | None = None) -> Event | Rejection:
    """Write an event and publish it, at the end of the write batch where there is one."""
    if write_batch.add_event(event, now, on_failure):
        return event
    stored = write_event(event, now)
    if isinstance(stored, Rejection) and on_failure is not None:
        on_failure()
    return stored


def write_event(event: Event, now: datetime) -> Event | Rejection:
    """Write an event to the spool and publish it; reject it when the spool is full."""
    try:
        spool.write_event(event)
    except (spool.SpoolFull, OSError) as error:
        return reject_for_lack_of_space(event["site_id"], now, error)
    live.publish(event)
    return event


def commit_batch() -> dict[int, bytes]:
    """Write the events and counts of the batch. Return the header to add to responses whose event found no space."""
    batched, counts = write_batch.take_all()
    for (site_id, reason, _), count in counts.items():
        if reason:
            spool.count_rejected(site_id, reason, count.at, count.hits)
        else:
            spool.count_received(site_id, count.at, count.hits)
    failed: dict[int, bytes] = {}
    if batched and not write_events_at_once([event for _, event, _, _ in batched]):
        for number, event, now, on_failure in batched:
            if isinstance(write_event(event, now), Rejection):
                failed[number] = SPOOL_FULL_HEADER
                if on_failure is not None:
                    on_failure()
    return failed


def write_events_at_once(events: list[Event]) -> bool:
    """Write events of one month in one call; return False if they must be written one by one."""
    if len({(event["ts"].year, event["ts"].month) for event in events}) > 1:
        return False
    try:
        spool.write_events(events)
    except (spool.SpoolFull, OSError):
        return False
    live.publish_all(events)
    return True


def count_received(site_id: int, now: datetime) -> None:
    """Count a received hit."""
    if not write_batch.add_hit(site_id, "", now):
        spool.count_received(site_id, now)


def reject_request(site_id: int, reason: str, now: datetime) -> Rejection:
    """Count a request that an endpoint rejects before it is a hit; site 0 stands for an unknown site."""
    count_received(site_id, now)
    return count_rejection(site_id, reason, now)


def count_rejection(site_id: int, reason: str, now: datetime) -> Rejection:
    """Count the rejection of a hit that was already counted as received."""
    if not write_batch.add_hit(site_id, reason, now):
        spool.count_rejected(site_id, reason, now)
    return Rejection(reason)


def quarantine(rejection: Quarantine, hit: Hit, state: State) -> Rejection:
    """Write a bot's event to the table `bots`, and count it."""
    site_id = rejection.event["site_id"]
    try:
        spool.write_bot(rejection.event, rejection.bot_reason)
    except (spool.SpoolFull, OSError) as error:
        release_id(hit, state)
        return reject_for_lack_of_space(site_id, hit.now, error)
    return count_rejection(site_id, rejection.reason, hit.now)


def reject_for_lack_of_space(site_id: int, now: datetime, error: Exception) -> Rejection:
    """Reject an event that the spool could not write; the count waits in memory until there is space."""
    if not isinstance(error, spool.SpoolFull) and getattr(error, "errno", 0) not in (errno.ENOSPC, errno.EDQUOT):
        log.error("the spool could not write an event of site %s: %s", site_id, error)
    return count_rejection(site_id, "spool_full", now)
