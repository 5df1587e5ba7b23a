"""Open visits: which visit does this device continue? In memory, or in Redis where several processes serve.

A visit stays open for the site's idle time after its last sign of life. The windows are bounded (least recently
used goes first) and rebuilt at the start from the last half hour of store and spool, so a restart cuts nothing.
Times are milliseconds since 1970.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from tracking import shared

MOST_OPEN = 400_000
MOST_OF_BOTS = 20_000
KEPT_SECONDS = 4 * 3600 + 600  # the longest idle time a site may choose, and a little
SETTLED_MS = 60_000  # a visit seen so short a time ago keeps its place among the least recently used
OPENING_MS = 3_000  # two processes that meet a new visitor within this time open one visit
Key = tuple[int, int, int]  # site, device, 1 for a slot of backdated events


@dataclass(slots=True)
class Visit:
    """One open visit. `start` is the time of the event that opened it, and never moves: it is part of the visit's key
    in the store. `origin` are the columns of that event that all its events share."""

    number: int
    device: int
    start: int
    last: int
    view: int = 0
    is_new: int = 0
    origin: dict[str, Any] = field(default_factory=dict)
    placed: int = 0  # `last` when it was put behind all others
    told: dict[str, str] = field(default_factory=dict)  # screen and language, as its events first told them


def new_number() -> int:
    """A random number from 1 to 2**53 - 1."""
    return random.getrandbits(53) or 1


class InMemory:
    """Windows of one process."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        self.most = most
        self.open: OrderedDict[Key, Visit] = OrderedDict()
        self.numbers: dict[tuple[int, int], Key] = {}

    def get(self, key: Key) -> Visit | None:
        """The visit last seen under this key, however long ago."""
        return self.open.get(key)

    def by_number(self, site_id: int, number: int) -> tuple[Key, Visit] | None:
        """The visit of this number, as long as it is remembered."""
        key = self.numbers.get((site_id, number))
        visit = self.open.get(key) if key else None
        return (key, visit) if key and visit and visit.number == number else None

    def put(self, key: Key, visit: Visit) -> None:
        """Remember the visit as the newest of its key."""
        old = self.open.get(key)
        if old is visit and visit.last - visit.placed < SETTLED_MS:
            return
        if old is not visit:
            if old is not None:
                self.numbers.pop((key[0], old.number), None)
            self.open[key] = visit
            self.numbers[key[0], visit.number] = key
        visit.placed = visit.last
        self.open.move_to_end(key)
        while len(self.open) > self.most:
            gone, lost = self.open.popitem(last=False)
            self.numbers.pop((gone[0], lost.number), None)

    def opened(self, key: Key, visit: Visit) -> Visit:
        """The visit that opens under this key: no other process could open one."""
        return visit

    def count(self) -> int:
        """How many visits are remembered."""
        return len(self.open)

    def clear(self) -> None:
        """Know nothing, as in a fresh process."""
        self.open.clear()
        self.numbers.clear()


class InRedis:
    """The same windows, shared by all processes. What this one saw it also knows alone, while Redis is away."""

    def __init__(self) -> None:
        self.alone = InMemory()

    @staticmethod
    def _name(key: Key) -> str:
        return f"footfall:visit:{key[0]}:{key[1]}:{key[2]}"

    @staticmethod
    def _number(site_id: int, number: int) -> str:
        return f"footfall:visit-number:{site_id}:{number}"

    def get(self, key: Key) -> Visit | None:
        """The visit last seen under this key."""
        raw = shared.together(lambda client: client.get(self._name(key)))
        return Visit(**orjson.loads(raw)) if raw else self.alone.get(key)

    def by_number(self, site_id: int, number: int) -> tuple[Key, Visit] | None:
        """The visit of this number, as long as it is remembered."""
        raw = shared.together(lambda client: client.get(self._number(site_id, number)))
        if not raw:
            return self.alone.by_number(site_id, number)
        key: Key = tuple(orjson.loads(raw))
        visit = self.get(key)
        return (key, visit) if visit and visit.number == number else None

    def put(self, key: Key, visit: Visit) -> None:
        """Remember the visit; it forgets itself."""
        self.alone.put(key, visit)
        shared.together(lambda client: self._share(client, key, visit))

    def opened(self, key: Key, visit: Visit) -> Visit:
        """The visit that opens under this key: this one, or the one another process opened at the same moment."""
        name, raw = f"{self._name(key)}:opening", orjson.dumps(asdict(visit))
        won = shared.together(lambda client: client.set(name, raw, nx=True, px=OPENING_MS) or client.get(name))
        if not isinstance(won, bytes):
            return visit
        other = Visit(**orjson.loads(won))
        other.is_new = max(other.is_new, visit.is_new)  # whoever opened it may not be who first noted the device
        return other if abs(other.start - visit.start) <= OPENING_MS else visit

    def _share(self, client: Any, key: Key, visit: Visit) -> None:
        pipe = client.pipeline(transaction=False)
        pipe.set(self._name(key), orjson.dumps(asdict(visit)), ex=KEPT_SECONDS)
        pipe.set(self._number(key[0], visit.number), orjson.dumps(key), ex=KEPT_SECONDS)
        pipe.execute()

    def count(self) -> int:
        """How many visits this process remembers: Redis does not say cheaply."""
        return self.alone.count()

    def clear(self) -> None:
        """Forget all visits (tests)."""
        self.alone.clear()
        shared.together(lambda client: [client.delete(name) for name in client.scan_iter("footfall:visit*")])


Windows = InMemory | InRedis
visits_of_bots = InMemory(MOST_OF_BOTS)  # of this process alone: they are only read if somebody moves a bot back
_windows: Windows | None = None


def windows() -> Windows:
    """The windows of this process."""
    global _windows
    if _windows is None:
        _windows = InRedis() if shared.redis() is not None else InMemory()
    return _windows


def forget() -> None:
    """Know nothing, as in a fresh process (tests)."""
    global _windows
    visits_of_bots.clear()
    if _windows is not None:
        _windows.clear()
    _windows = None
