"""One hit goes in: processed, recorded in the spool, shown live. Everything that enters passes here.

`receive` is what doors call. Whatever the outcome, it is counted: received = stored + refused + duplicates.
"""

from __future__ import annotations

import errno
import logging
from datetime import datetime

from sites.facts import SiteFacts
from tracking import feed, seen, spool
from tracking.hit import Event, Hit, Refused
from tracking.pipeline import SetApart, process

RECEIVED = "received"  # counted at the door, on its own, so that the ledger can be checked
log = logging.getLogger(__name__)


def receive(hit: Hit, facts: SiteFacts) -> Event | Refused:
    """Record one hit. The event or the refusal is in the kernel's hands when this returns."""
    if hit.event_id and seen.repeated(facts.site_id, hit.event_id, hit.brief_id, hit.now):
        return refuse(facts.site_id, "duplicate", hit.now)
    outcome = process(hit, facts)
    if isinstance(outcome, SetApart):
        return set_apart(outcome, hit)
    if isinstance(outcome, Refused):
        return refuse(facts.site_id, outcome.reason, hit.now)
    try:
        spool.write_event(outcome)
    except (spool.SpoolFull, OSError) as error:
        return full(facts.site_id, hit.now, error)
    if hit.event_id and not hit.brief_id:
        seen.note(facts.site_id, hit.event_id, hit.now)
    feed.publish(outcome)
    return outcome


def refuse(site_id: int, reason: str, now: datetime) -> Refused:
    """Count a refusal; site 0 stands for sites that nobody knows."""
    try:
        spool.write_refusal(site_id, reason, now)
    except (spool.SpoolFull, OSError) as error:
        return full(site_id, now, error)
    return Refused(reason)


def set_apart(bot: SetApart, hit: Hit) -> Refused:
    """Keep a bot's hit in its own table, and count it."""
    try:
        spool.write_bot(bot.event, bot.sign)
    except (spool.SpoolFull, OSError) as error:
        return full(bot.event["site_id"], hit.now, error)
    return refuse(bot.event["site_id"], bot.reason, hit.now)


def full(site_id: int, now: datetime, error: Exception) -> Refused:
    """The disk takes no more: say so in the answer and, at most, in the log."""
    if not isinstance(error, spool.SpoolFull) and getattr(error, "errno", 0) not in (errno.ENOSPC, errno.EDQUOT):
        log.error("the spool refuses an event of site %s: %s", site_id, error)
    return Refused("spool_full")

