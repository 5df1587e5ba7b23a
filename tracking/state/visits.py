"""Open visits, by device. Times are Unix milliseconds.

A visit stays open for the site's idle time after its last event. The store is bounded: the least recently used visit
goes first.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from tracking.schema import LINK_COLUMNS, ORIGIN_COLUMNS, Event

REORDER_AFTER_MS = 60_000  # moving a visit to the end of the order more often is not worth its time
CARRIED_COLUMNS = (*ORIGIN_COLUMNS, *LINK_COLUMNS)
VISITOR_COLUMNS = ("screen", "language")  # constant during a visit, but not sent with every event
VisitKey = tuple[int, int, int]  # site, device, 1 for backdated events


@dataclass(slots=True)
class OpenVisit:
    """One open visit.

    `start` is the time of the event that opened it, and never moves: it is part of the visit's key in the event store.
    `origin` holds the columns of that event that all events of the visit share.
    """

    id: int
    device: int
    start: int
    last: int
    _: KW_ONLY
    view_id: int = 0
    is_new: int = 0
    origin: Event = field(default_factory=Event)
    reordered_at: int = field(default=0, compare=False)  # `last` when the visit was last moved to the end of the order
    reported: Event = field(default_factory=Event)  # screen and language, as first reported


def is_open(visit: OpenVisit | None, at: int, idle: int) -> bool:
    """Return whether an event at this time belongs to the visit."""
    return visit is not None and visit.start - idle <= at <= visit.last + idle


def to_milliseconds(at: datetime) -> int:
    """Return the Unix time in milliseconds."""
    return int(at.timestamp() * 1000)


@lru_cache(maxsize=50_000)
def from_milliseconds(unix_ms: int) -> datetime:
    """Return the time of a Unix time in milliseconds. Cached, since all events of a visit need the same one."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC)


def generate_id() -> int:
    """Return a random id from 1 to 2**53 - 1."""
    return random.getrandbits(53) or 1


class MemoryVisits:
    """Open visits of one process."""

    def __init__(self, max_visits: int) -> None:
        self.max_visits = max_visits
        self.by_key: OrderedDict[VisitKey, OpenVisit] = OrderedDict()
        self.keys_by_id: dict[tuple[int, int], VisitKey] = {}

    def get(self, key: VisitKey) -> OpenVisit | None:
        """Return the last visit of this key, however old."""
        return self.by_key.get(key)

    def by_id(self, site_id: int, number: int) -> tuple[VisitKey, OpenVisit] | None:
        """Return the visit of this id and its key; None if it is not stored any more."""
        key = self.keys_by_id.get((site_id, number))
        visit = self.by_key.get(key) if key else None
        return (key, visit) if key and visit and visit.id == number else None

    def put(self, key: VisitKey, visit: OpenVisit) -> None:
        """Store the visit as the current one of its key."""
        old = self.by_key.get(key)
        if old is visit and visit.last - visit.reordered_at < REORDER_AFTER_MS:
            return
        if old is not visit:
            if old is not None:
                self._forget_id(key, old)
            self.by_key[key] = visit
            self.keys_by_id[key[0], visit.id] = key
        visit.reordered_at = visit.last
        self.by_key.move_to_end(key)
        while len(self.by_key) > self.max_visits:
            oldest_key, oldest_visit = self.by_key.popitem(last=False)
            self._forget_id(oldest_key, oldest_visit)

    def _forget_id(self, key: VisitKey, visit: OpenVisit) -> None:
        """Forget the id of a visit that is not stored under this key any more, unless it is under another one."""
        if self.keys_by_id.get((key[0], visit.id)) == key:
            del self.keys_by_id[key[0], visit.id]

    def __len__(self) -> int:
        return len(self.by_key)
