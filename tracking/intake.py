"""One hit goes in: processed, recorded in the spool, shown live. Everything that enters passes here.

`receive` is what doors call; `turn_away` is for what never became a hit. Both count it as received on its own, so
that the ledger can be checked: received = stored + refused by reason + duplicates.
"""

from __future__ import annotations

import errno
import logging
from datetime import datetime

from sites.facts import SiteFacts
from tracking import feed, seen, spool
from tracking.hit import Event, Hit, Refused
from tracking.pipeline import SetApart, process
from tracking.turn import turn

DROPPED = b"x-event-dropped: spool_full\r\n"
log = logging.getLogger(__name__)


def receive(hit: Hit, facts: SiteFacts) -> Event | Refused:
    """Record one hit. The event or the refusal is in the kernel's hands when this returns, or the turn ends."""
    count_received(facts.site_id, hit.now)
    if hit.event_id and seen.repeated(facts.site_id, hit.event_id, hit.brief_id, hit.now):
        return refuse(facts.site_id, "duplicate", hit.now)
    try:
        outcome = process(hit, facts)
    except Exception:  # a bug of ours must neither lose the count nor disturb the page
        log.exception("the pipeline failed on a hit of site %s", facts.site_id)
        return refuse(facts.site_id, "bad_request", hit.now)
    if isinstance(outcome, SetApart):
        return set_apart(outcome, hit)
    if isinstance(outcome, Refused):
        return refuse(facts.site_id, outcome.reason, hit.now)
    if not hit.event_id or hit.brief_id:
        return keep(outcome, hit.now)
    kept = write(outcome, hit.now)
    if not isinstance(kept, Refused):
        seen.note(facts.site_id, hit.event_id, hit.now)
    return kept


def keep(event: Event, now: datetime) -> Event | Refused:
    """Record an event, at the end of the turn where there is one, and show it to those who watch."""
    return event if turn.keep(event, now) else write(event, now)


def write(event: Event, now: datetime) -> Event | Refused:
    """Into the spool, then to those who watch."""
    try:
        spool.write_event(event)
    except (spool.SpoolFull, OSError) as error:
        return full(event["site_id"], now, error)
    feed.publish(event)
    return event


def end_turn() -> dict[int, bytes]:
    """Write what the turn gathered. The numbers of answers whose hit found no room, each with the header to add."""
    gathered, counts = turn.take()
    for (site_id, reason, _), (hits, now) in counts.items():
        if reason:
            spool.write_refusal(site_id, reason, now, hits)
        else:
            spool.count_received(site_id, now, hits)
    events = [event for _, event, _ in gathered]
    if events and not written_together(events):
        return {number: DROPPED for number, event, now in gathered if isinstance(write(event, now), Refused)}
    return {}


def written_together(events: list[Event]) -> bool:
    """Write events of one month in one go; False if they must be written one by one."""
    if len({(event["ts"].year, event["ts"].month) for event in events}) > 1:
        return False
    try:
        spool.write_events(events)
    except (spool.SpoolFull, OSError):
        return False
    feed.publish_all(events)
    return True


def count_received(site_id: int, now: datetime) -> None:
    """Count a hit that a door took in."""
    if not turn.count(site_id, "", now):
        spool.count_received(site_id, now)


def turn_away(site_id: int, reason: str, now: datetime) -> Refused:
    """Count what a door refuses before it is a hit; site 0 stands for sites that nobody knows."""
    count_received(site_id, now)
    return refuse(site_id, reason, now)


def refuse(site_id: int, reason: str, now: datetime) -> Refused:
    """Count a refusal of what was counted as received."""
    if not turn.count(site_id, reason, now):
        spool.write_refusal(site_id, reason, now)
    return Refused(reason)


def set_apart(bot: SetApart, hit: Hit) -> Refused:
    """Keep a bot's hit in its own table, and count it."""
    site_id = bot.event["site_id"]
    try:
        spool.write_bot(bot.event, bot.sign)
    except (spool.SpoolFull, OSError) as error:
        return full(site_id, hit.now, error)
    return refuse(site_id, bot.reason, hit.now)


def full(site_id: int, now: datetime, error: Exception) -> Refused:
    """The disk takes no more: counted in memory until it does, told in the answer."""
    if not isinstance(error, spool.SpoolFull) and getattr(error, "errno", 0) not in (errno.ENOSPC, errno.EDQUOT):
        log.error("the spool refuses an event of site %s: %s", site_id, error)
    return refuse(site_id, "spool_full", now)
