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

log = logging.getLogger(__name__)


def receive(hit: Hit, facts: SiteFacts) -> Event | Refused:
    """Record one hit. The event or the refusal is in the kernel's hands when this returns."""
    spool.count_received(facts.site_id, hit.now)
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
    try:
        spool.write_event(outcome)
    except (spool.SpoolFull, OSError) as error:
        return full(facts.site_id, hit.now, error)
    if hit.event_id and not hit.brief_id:
        seen.note(facts.site_id, hit.event_id, hit.now)
    feed.publish(outcome)
    return outcome


def turn_away(site_id: int, reason: str, now: datetime) -> Refused:
    """Count what a door refuses before it is a hit; site 0 stands for sites that nobody knows."""
    spool.count_received(site_id, now)
    return refuse(site_id, reason, now)


def refuse(site_id: int, reason: str, now: datetime) -> Refused:
    """Count a refusal of what was counted as received."""
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
