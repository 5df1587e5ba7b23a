"""At the start: open visits, and numbers of events, of the last half hour, read back so that a restart cuts nothing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from tracking import newcomers, seen, shared, spool
from tracking.hit import Event
from tracking.steps.visit import CARRIED, TOLD, milliseconds
from tracking.store import StoreError
from tracking.store.recent import event_numbers, open_visits
from tracking.visits import Visit, windows

WINDOW = timedelta(minutes=30)
FILLED = "footfall:visits-filled"  # in Redis, gone with its memory
log = logging.getLogger(__name__)


def rebuild(now: datetime | None = None) -> int:
    """Fill the windows; how many visits are open. Nothing to do where Redis keeps them and has not lost its memory."""
    if shared.redis() is not None and not shared.together(lambda client: client.set(FILLED, 1, nx=True)):
        return 0
    since = (now or datetime.now(UTC)) - WINDOW
    left_behind = list(spool.waiting(since))  # by a killed process; first, because it moves to the store meanwhile
    try:
        for row in open_visits(since):
            remember(row)
        seen.known_numbers.update(event_numbers(since))
    except StoreError as error:
        log.warning("open visits are read from the spool alone: %s", error)
    for event in left_behind:
        if event.get("site_id"):
            seen.known_numbers.add(event["id"])
            if event.get("visit"):  # clicks on links have none
                remember_event(event)
    return windows().count()


def remember(row: dict[str, Any]) -> None:
    """An open visit as the store tells it."""
    origin = {name: value for name, value in zip(CARRIED, row["origin"], strict=True) if value}
    visit = Visit(
        row["visit"], row["device"], milliseconds(row["began"]), milliseconds(row["seen"]),
        row["view"], row["fresh"], origin, told={name: row[name] for name in TOLD if row[name]},
    )  # fmt: skip
    windows().put((row["site_id"], row["device"], 0), visit)
    newcomers.first_time(row["site_id"], row["device"])


def remember_event(event: Event) -> None:
    """One more event of an open visit."""
    key = (event["site_id"], event["device"], 0)
    at, visit = milliseconds(event["ts"]), windows().get(key)
    if visit is None or visit.number != event["visit"]:
        origin = {name: event[name] for name in CARRIED if event.get(name)}
        began = milliseconds(event["visit_start"])
        visit = Visit(event["visit"], event["device"], began, at, is_new=event.get("is_new", 0), origin=origin)
    visit.told = {name: event[name] for name in TOLD if event.get(name)} | visit.told
    visit.last = max(visit.last, at)
    visit.view = event.get("view_id", 0) if event["kind"] == "view" else visit.view
    windows().put(key, visit)
    newcomers.first_time(event["site_id"], event["device"])
