"""What arrived from a site lately, for whoever has just put the tracking code into a page."""

from __future__ import annotations

from datetime import datetime, timedelta

from reports.engine import Period
from reports.engine.ledger import ledger, total
from reports.engine.lists import actions
from sites.live import Traffic
from tracking.hit import REASONS
from tracking.store import StoreError

LATELY = timedelta(minutes=30)
LOOKS = (LATELY, timedelta(days=30))  # a site with traffic answers from the first, short look


def traffic(site_id: int, now: datetime) -> Traffic | None:
    """The newest action of the last 30 days, and the reasons of what was refused in the last half hour. None when
    the store cannot be asked."""
    end = now + timedelta(seconds=1)
    try:
        refused = total(ledger(site_id, Period(end - LATELY, end), "minute")).refused
        reasons = {REASONS.get(reason, reason): hits for reason, hits in refused.most_common(3)}
        for look in LOOKS:
            if found := actions((site_id,), Period(end - look, end), limit=1, now=now):
                return Traffic(found[0]["ts"], found[0]["path"], reasons)
    except StoreError:
        return None
    return Traffic(refused=reasons)
