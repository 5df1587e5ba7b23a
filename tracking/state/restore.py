"""Restore open visits and event ids of the last half hour at the start, so that a restart neither splits visits nor
counts a repeated event twice."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from tracking import spool
from tracking.event import Event
from tracking.schema import select_columns
from tracking.state import deduplication, first_seen, shared_redis
from tracking.state.visits import CARRIED_COLUMNS, VISITOR_COLUMNS, OpenVisit, get_visit_store, to_milliseconds
from tracking.store import StoreError
from tracking.store.recent import read_event_ids, read_open_visits

RESTORE_PERIOD = timedelta(minutes=30)
RESTORED_KEY = "footfall:open-visits-restored"  # in Redis; missing after Redis lost its memory
log = logging.getLogger(__name__)


def rebuild(now: datetime | None = None) -> int:
    """Restore the open visits and return how many there are. Does nothing where Redis still has them."""
    if shared_redis.redis() is not None and not shared_redis.run_or_none(
        lambda client: client.set(RESTORED_KEY, 1, nx=True)
    ):
        return 0
    since = (now or datetime.now(UTC)) - RESTORE_PERIOD
    spooled_events = list(spool.waiting(since))  # read first, because events move from the spool to the store meanwhile
    try:
        for row in read_open_visits(since):
            restore_visit(row)
        deduplication.recent_event_ids.update(read_event_ids(since))
    except StoreError as error:
        log.warning("open visits are restored from the spool only: %s", error)
    for event in spooled_events:
        if event.get("site_id"):
            deduplication.recent_event_ids.add(event["id"])
            if event.get("visit"):  # clicks on links belong to no visit
                restore_event(event)
    return get_visit_store().count()


def restore_visit(row: dict[str, Any]) -> None:
    """Restore a visit from its row in the event store."""
    origin = select_columns(dict(zip(CARRIED_COLUMNS, row["origin"], strict=True)), CARRIED_COLUMNS)
    visit = OpenVisit(
        row["visit"], row["device"], to_milliseconds(row["start"]), to_milliseconds(row["last"]),
        row["view_id"], row["is_new"], origin, reported=select_columns(row, VISITOR_COLUMNS),
    )  # fmt: skip
    get_visit_store().put((row["site_id"], row["device"], 0), visit)
    first_seen.register_device(row["site_id"], row["device"])


def restore_event(event: Event) -> None:
    """Restore a visit, or add to a restored one, from an event in the spool."""
    key = (event["site_id"], event["device"], 0)
    at, visit = to_milliseconds(event["ts"]), get_visit_store().get(key)
    if visit is None or visit.id != event["visit"]:
        origin = select_columns(event, CARRIED_COLUMNS)
        began = to_milliseconds(event["visit_start"])
        visit = OpenVisit(event["visit"], event["device"], began, at, is_new=event.get("is_new", 0), origin=origin)
    visit.reported = {**select_columns(event, VISITOR_COLUMNS), **visit.reported}
    visit.last = max(visit.last, at)
    visit.view_id = event.get("view_id", 0) if event["kind"] == "view" else visit.view_id
    get_visit_store().put(key, visit)
    first_seen.register_device(event["site_id"], event["device"])
