"""What clicks need to remember: who was here in the last half hour, how many there were, what was counted.

In one process memory is enough; where several serve (REDIS_URL) Redis decides, and memory goes on when it is away.
Every memory is bounded, and filled again at the start from what is stored.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any

from tracking import shared
from tracking.salts import salt

UNIQUE_SECONDS = 1800
MAX_KEYS = 1_000_000
# What this process counted alone while Redis was away counts, too
NEXT_COUNT_SCRIPT = """
local next = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1])) + 1
redis.call('SET', KEYS[1], next)
return next
"""


def hash_address(ip: str, day: date) -> int:
    """A day's number for an address: enough to know it again within the day, useless after the salt is gone."""
    return hash_to_integer(salt(day), ip)


def hash_address_for_window(ip: str, now: datetime) -> tuple[int, ...]:
    """The address's number today and, in the first half hour of a day, yesterday's."""
    today = now.date()
    if now.hour == 0 and now.minute < 30:
        return hash_address(ip, today), hash_address(ip, today - timedelta(days=1))
    return (hash_address(ip, today),)


def hash_to_integer(key: bytes, text: str) -> int:
    """A keyed hash as an integer from 1 to 2**53 - 1; a third of the time an HMAC takes."""
    digest = blake2b(text.encode("utf-8", "replace"), key=key, digest_size=7).digest()
    return int.from_bytes(digest, "big") >> 3 or 1


class DeduplicationWindow:
    """First of its key within `seconds`: exact, bounded, the same for all processes that share a Redis."""

    def __init__(self, name: str, seconds: int, most: int = MAX_KEYS) -> None:
        self.name, self.seconds, self.max_keys = name, seconds, most
        self._first_times: OrderedDict[Any, float] = OrderedDict()
        self._lock = threading.Lock()

    def is_first(self, key: Any, at: float, *older: Any) -> bool:
        """Whether `key` (and none of its `older` names) was not first in the `seconds` before `at`; notes it."""
        answer = self._is_first_in_redis(key, at, older) if shared.redis() is not None else None
        if answer is not None:
            if answer:
                self.remember(key, at)
            return answer
        with self._lock:
            for name in (key, *older):
                first_time = self._first_times.get(name)
                if (
                    first_time is not None and abs(at - first_time) < self.seconds
                ):  # later: the clock was set back since
                    return False
            self._note(key, at)
            return True

    def _is_first_in_redis(self, key: Any, at: float, older: tuple[Any, ...]) -> bool | None:
        names = tuple(f"footfall:{self.name}:{name}" for name in older)
        return shared.first(f"footfall:{self.name}:{key}", at, self.seconds, names)

    def remember(self, key: Any, at: float) -> None:
        """Note what is known from the store (at start), oldest first."""
        with self._lock:
            self._note(key, at)

    def forget(self) -> None:
        with self._lock:
            self._first_times.clear()

    def __len__(self) -> int:
        return len(self._first_times)

    def _note(self, key: Any, at: float) -> None:
        self._first_times[key] = at
        self._first_times.move_to_end(key)
        while len(self._first_times) > self.max_keys:
            self._first_times.popitem(last=False)
        while self._first_times and at - next(iter(self._first_times.values())) >= self.seconds:
            self._first_times.popitem(last=False)

    def publish(self, now: float) -> None:
        """Tell a Redis that may have lost its memory what this process knows (at start); what it knows stays."""
        with self._lock:
            known = [(key, at) for key, at in self._first_times.items() if now - at < self.seconds]
        for begin in range(0, len(known), 5_000):
            some = known[begin : begin + 5_000]
            shared.together(partial(self._publish_batch, known=some, now=now))

    def _publish_batch(self, client: Any, known: list[tuple[Any, float]], now: float) -> None:
        pipe = client.pipeline(transaction=False)
        for key, at in known:
            until = at + self.seconds
            pipe.set(f"footfall:{self.name}:{key}", repr(until), nx=True, ex=max(1, round(until - now)))
        pipe.execute()


class ClickCounters:
    """How many clicks a link had: strict, each number handed out once."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._lock = threading.Lock()

    def next(self, link_id: int) -> int:
        """This click's number, beginning with 1."""
        count = shared.together(lambda client: self._next_in_redis(client, link_id))
        if count is not None:
            self.seed(link_id, count)
            return count
        with self._lock:
            self._counts[link_id] = self._counts.get(link_id, 0) + 1
            return self._counts[link_id]

    def peek(self, link_id: int) -> int:
        """How many there were, without counting one."""
        return self._counts.get(link_id, 0)

    def seed(self, link_id: int, count: int) -> None:
        """What the store knows (at start); never counts backwards."""
        with self._lock:
            self._counts[link_id] = max(count, self._counts.get(link_id, 0))

    def forget(self) -> None:
        with self._lock:
            self._counts.clear()

    def _next_in_redis(self, client: Any, link_id: int) -> int:
        return int(client.eval(NEXT_COUNT_SCRIPT, 1, f"footfall:clicks:{link_id}", self._counts.get(link_id, 0)))


unique_clicks = DeduplicationWindow("unique", UNIQUE_SECONDS)
counted_conversions = DeduplicationWindow(
    "counted", 90 * 86_400, 500_000
)  # conversions by parameter, and first ones by click
click_counters = ClickCounters()


def is_unique_click(link_id: int, keys: tuple[int, ...], now: datetime) -> bool:
    """Whether this is the first click of the address (its `address_keys`) on the link in 30 minutes."""
    older = [f"{link_id}:{key}" for key in keys[1:]]
    return unique_clicks.is_first(f"{link_id}:{keys[0]}", now.timestamp(), *older)


def forget() -> None:
    """Know nothing, as in a fresh process (tests)."""
    unique_clicks.forget()
    counted_conversions.forget()
    click_counters.forget()
