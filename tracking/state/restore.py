"""Restore open visits and event ids of the last half hour at the start, so that a restart neither splits visits nor
counts a repeated event twice."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from tracking import spool
from tracking.event import Event
from tracking.schema import select_columns
from tracking.state.base import State
from tracking.state.questions import RestoreVisit
from tracking.state.visits import CARRIED_COLUMNS, VISITOR_COLUMNS, OpenVisit, VisitKey, to_milliseconds
from tracking.store import StoreError
from tracking.store.recent import read_event_ids, read_open_visits

RESTORE_PERIOD = timedelta(minutes=30)
BATCH_SIZE = 1000
log = logging.getLogger(__name__)
Visits = dict[VisitKey, OpenVisit]


def rebuild(state: State, now: datetime | None = None) -> int:
    """Restore the open visits and return how many there are. Does nothing where Redis still has them."""
    if not state.begin_restore():
        return 0
    since = (now or datetime.now(UTC)) - RESTORE_PERIOD
    spooled_events = list(spool.waiting(since))  # read first, because events move from the spool to the store meanwhile
    restored_ids, visits = state.local.sent_ids.restored, Visits()
    try:
        for row in read_open_visits(since):
            visits[row["site_id"], row["device"], 0] = build_visit(row)
        restored_ids.update(read_event_ids(since))
    except StoreError as error:
        log.warning("open visits are restored from the spool only: %s", error)
    for event in spooled_events:
        if event.get("site_id"):
            restored_ids.add(event["id"])
            if event.get("visit"):  # clicks on links belong to no visit
                add_event(visits, event)
    questions = [RestoreVisit(key, visit) for key, visit in visits.items()]
    for first in range(0, len(questions), BATCH_SIZE):
        state.resolve(questions[first : first + BATCH_SIZE])
    return len(visits)


def build_visit(row: dict[str, Any]) -> OpenVisit:
    """Build a visit from its row in the event store."""
    origin = select_columns(dict(zip(CARRIED_COLUMNS, row["origin"], strict=True)), CARRIED_COLUMNS)
    return OpenVisit(
        row["visit"], row["device"], to_milliseconds(row["start"]), to_milliseconds(row["last"]),
        view_id=row["view_id"], is_new=row["is_new"], origin=origin, reported=select_columns(row, VISITOR_COLUMNS),
    )  # fmt: skip


def add_event(visits: Visits, event: Event) -> None:
    """Add an event in the spool to its visit, or the visit itself."""
    key = (event["site_id"], event["device"], 0)
    at, visit = to_milliseconds(event["ts"]), visits.get(key)
    if visit is None or visit.id != event["visit"]:
        origin = select_columns(event, CARRIED_COLUMNS)
        began = to_milliseconds(event["visit_start"])
        visit = OpenVisit(event["visit"], event["device"], began, at, is_new=event.get("is_new", 0), origin=origin)
    visit.reported = {**select_columns(event, VISITOR_COLUMNS), **visit.reported}
    visit.last = max(visit.last, at)
    visit.view_id = event.get("view_id", 0) if event["kind"] == "view" else visit.view_id
    visits[key] = visit
