"""At the start: open visits, and numbers of events, of the last half hour, read back so that a restart cuts nothing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from tracking import newcomers, seen, shared, spool
from tracking.steps.visit import ORIGIN, milliseconds
from tracking.store import StoreError
from tracking.store.recent import event_numbers, open_visits
from tracking.visits import Visit, windows

WINDOW = timedelta(minutes=30)
log = logging.getLogger(__name__)


def rebuild(now: datetime | None = None) -> int:
    """Fill the windows; how many visits are open. Where Redis keeps them there is nothing to do."""
    if shared.redis() is not None:
        return 0
    since = (now or datetime.now(UTC)) - WINDOW
    try:
        spool.flush()  # what a killed process left behind comes first
        found = open_visits(since)
        seen.known_numbers.update(event_numbers(since))
    except StoreError as error:
        log.warning("open visits could not be read back: %s", error)
        return 0
    known = windows()
    for row in found:
        origin = {name: value for name, value in zip(ORIGIN, row["origin"], strict=True) if value}
        visit = Visit(
            row["visit"], row["device"], milliseconds(row["began"]), milliseconds(row["seen"]),
            row["view"], row["fresh"], origin,
        )  # fmt: skip
        known.put((row["site_id"], row["device"], 0), visit)
        newcomers.first_time(row["site_id"], row["device"])
    return len(found)
