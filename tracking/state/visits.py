"""The store of open visits, by device: in memory, or in Redis where several processes serve.

A visit stays open for the site's idle time after its last event. The store is bounded (the least recently used visit
goes first) and restored at the start from the last half hour of events and spool, so a restart splits no visit.
Times are Unix milliseconds.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from tracking.schema import LINK_COLUMNS, ORIGIN_COLUMNS, Event
from tracking.state import shared_redis

MAX_OPEN_VISITS = 400_000
MAX_BOT_VISITS = 20_000
RETENTION_SECONDS = 4 * 3600 + 600  # the longest idle time a site may choose, and ten minutes
REORDER_AFTER_MS = 60_000  # moving a visit to the end of the order more often is not worth its time
OPENING_CLAIM_MS = 3_000  # processes that receive a new visitor within this time share one visit
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
    view_id: int = 0
    is_new: int = 0
    origin: Event = field(default_factory=Event)
    reordered_at: int = 0  # `last` when the visit was last moved to the end of the order
    reported: Event = field(default_factory=Event)  # screen and language, as first reported


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

    def __init__(self, max_visits: int = MAX_OPEN_VISITS) -> None:
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
                self.keys_by_id.pop((key[0], old.id), None)
            self.by_key[key] = visit
            self.keys_by_id[key[0], visit.id] = key
        visit.reordered_at = visit.last
        self.by_key.move_to_end(key)
        while len(self.by_key) > self.max_visits:
            oldest_key, oldest_visit = self.by_key.popitem(last=False)
            self.keys_by_id.pop((oldest_key[0], oldest_visit.id), None)

    def claim_opening(self, key: VisitKey, visit: OpenVisit) -> OpenVisit:
        """Return the visit to open under this key; within one process it is always this one."""
        return visit

    def count(self) -> int:
        """Return how many visits are stored."""
        return len(self.by_key)

    def clear(self) -> None:
        """Delete all visits, as in a new process."""
        self.by_key.clear()
        self.keys_by_id.clear()


class RedisVisits:
    """Open visits shared by all processes. Each process also stores its own, for the time when Redis is away."""

    def __init__(self) -> None:
        self.local = MemoryVisits()

    @staticmethod
    def _redis_key(key: VisitKey) -> str:
        return f"footfall:open-visit:{key[0]}:{key[1]}:{key[2]}"

    @staticmethod
    def _redis_id_key(site_id: int, number: int) -> str:
        return f"footfall:open-visit-id:{site_id}:{number}"

    def get(self, key: VisitKey) -> OpenVisit | None:
        """Return the last visit of this key."""
        raw = shared_redis.run_or_none(lambda client: client.get(self._redis_key(key)))
        return OpenVisit(**orjson.loads(raw)) if raw else self.local.get(key)

    def by_id(self, site_id: int, number: int) -> tuple[VisitKey, OpenVisit] | None:
        """Return the visit of this id and its key; None if it is not stored any more."""
        raw = shared_redis.run_or_none(lambda client: client.get(self._redis_id_key(site_id, number)))
        if not raw:
            return self.local.by_id(site_id, number)
        key: VisitKey = tuple(orjson.loads(raw))
        visit = self.get(key)
        return (key, visit) if visit and visit.id == number else None

    def put(self, key: VisitKey, visit: OpenVisit) -> None:
        """Store the visit; Redis expires it."""
        self.local.put(key, visit)
        shared_redis.run_or_none(lambda client: self._store_in_redis(client, key, visit))

    def claim_opening(self, key: VisitKey, visit: OpenVisit) -> OpenVisit:
        """Return the visit to open under this key: this one, or the one another process opened at the same moment."""
        name, raw = f"{self._redis_key(key)}:opening", orjson.dumps(asdict(visit))
        stored = shared_redis.run_or_none(
            lambda client: client.set(name, raw, nx=True, px=OPENING_CLAIM_MS) or client.get(name)
        )
        if not isinstance(stored, bytes):
            return visit
        other = OpenVisit(**orjson.loads(stored))
        # The process that opened it may not be the one that registered the device first.
        other.is_new = max(other.is_new, visit.is_new)
        return other if abs(other.start - visit.start) <= OPENING_CLAIM_MS else visit

    def _store_in_redis(self, client: Any, key: VisitKey, visit: OpenVisit) -> None:
        pipe = client.pipeline(transaction=False)
        pipe.set(self._redis_key(key), orjson.dumps(asdict(visit)), ex=RETENTION_SECONDS)
        pipe.set(self._redis_id_key(key[0], visit.id), orjson.dumps(key), ex=RETENTION_SECONDS)
        pipe.execute()

    def count(self) -> int:
        """Return how many visits this process stores; Redis cannot count them cheaply."""
        return self.local.count()

    def clear(self) -> None:
        """Delete all visits (tests)."""
        self.local.clear()
        shared_redis.run_or_none(
            lambda client: [client.delete(name) for name in client.scan_iter("footfall:open-visit*")]
        )


VisitStore = MemoryVisits | RedisVisits
bot_visits = MemoryVisits(MAX_BOT_VISITS)  # not shared: they only matter if somebody restores a bot
_visit_store: VisitStore | None = None


def get_visit_store() -> VisitStore:
    """Return the store of open visits."""
    global _visit_store
    if _visit_store is None:
        _visit_store = RedisVisits() if shared_redis.redis() is not None else MemoryVisits()
    return _visit_store


def forget() -> None:
    """Delete all visits, as in a new process (tests)."""
    global _visit_store
    bot_visits.clear()
    if _visit_store is not None:
        _visit_store.clear()
    _visit_store = None
