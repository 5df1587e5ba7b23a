"""Deduplication of clicks and conversions within a time window, and the click numbers of links.

One process keeps them in memory. With several (REDIS_URL) Redis decides, and memory is the fallback while Redis is
unavailable. All memory is bounded, and restored from the store at the start (`rebuild_state`), so that a restart loses
nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

from links.models import Mode
from links.routing import link_cache
from reports.query.analyses import link_hits
from tracking import spool
from tracking.state import shared_redis
from tracking.state.salts import get_salt
from tracking.store import StoreError

UNIQUE_SECONDS = 1800
MAX_KEYS = 1_000_000
# Includes clicks that this process counted alone while Redis was unavailable
NEXT_COUNT_SCRIPT = """
local next = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1])) + 1
redis.call('SET', KEYS[1], next)
return next
"""
log = logging.getLogger(__name__)


def hash_address(ip: str, day: date) -> int:
    """Hash an address with the day's salt: recognisable within the day, useless once the salt is destroyed."""
    return hash_to_integer(get_salt(day), ip)


def hash_address_for_window(ip: str, now: datetime) -> tuple[int, ...]:
    """Hash an address for today and, in the first half hour of a day, also for yesterday."""
    today = now.date()
    if now.hour == 0 and now.minute < 30:
        return hash_address(ip, today), hash_address(ip, today - timedelta(days=1))
    return (hash_address(ip, today),)


def hash_to_integer(key: bytes, text: str) -> int:
    """Compute a keyed hash as an integer from 1 to 2**53 - 1; BLAKE2 takes a third of the time of an HMAC."""
    keyed_hash = _begin_hash(key).copy()  # the key is hashed already
    keyed_hash.update(text.encode("utf-8", "replace"))
    return int.from_bytes(keyed_hash.digest(), "big") >> 3 or 1


@lru_cache(maxsize=4)
def _begin_hash(key: bytes) -> blake2b:
    return blake2b(key=key, digest_size=7)


class DeduplicationWindow:
    """Decides whether a key is the first of its kind within `seconds`; one decision for all processes with a Redis."""

    def __init__(self, name: str, seconds: int, max_keys: int = MAX_KEYS) -> None:
        self.name, self.seconds, self.max_keys = name, seconds, max_keys
        self._first_times: OrderedDict[Any, float] = OrderedDict()
        self._lock = threading.Lock()

    def is_first(self, key: Any, at: float, *older: Any) -> bool:
        """Note `key`; return whether neither it nor one of its `older` names occurred in the `seconds` before `at`."""
        answer = self._is_first_in_redis(key, at, older) if shared_redis.redis() is not None else None
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
        return shared_redis.claim_first(f"footfall:{self.name}:{key}", at, self.seconds, names)

    def remember(self, key: Any, at: float) -> None:
        """Restore a key from the store (at the start), oldest first."""
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
        """Copy this process's keys to Redis, which may have lost its own (at the start); existing keys stay."""
        with self._lock:
            recent = [(key, at) for key, at in self._first_times.items() if now - at < self.seconds]
        for first in range(0, len(recent), 5_000):
            batch = recent[first : first + 5_000]
            shared_redis.run_or_none(partial(self._publish_batch, batch=batch, now=now))

    def _publish_batch(self, client: Any, batch: list[tuple[Any, float]], now: float) -> None:
        pipeline = client.pipeline(transaction=False)
        for key, at in batch:
            expires = at + self.seconds
            pipeline.set(f"footfall:{self.name}:{key}", repr(expires), nx=True, ex=max(1, round(expires - now)))
        pipeline.execute()


class ClickCounters:
    """The number of clicks of each link; every click gets its own number."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._lock = threading.Lock()

    def next(self, link_id: int) -> int:
        """Count a click; return its number, from 1."""
        count = shared_redis.run_or_none(lambda client: self._next_in_redis(client, link_id))
        if count is not None:
            self.seed(link_id, count)
            return count
        with self._lock:
            self._counts[link_id] = self._counts.get(link_id, 0) + 1
            return self._counts[link_id]

    def peek(self, link_id: int) -> int:
        """Return the number of clicks without counting one."""
        return self._counts.get(link_id, 0)

    def seed(self, link_id: int, count: int) -> None:
        """Restore a count from the store (at the start); never lowers it."""
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


def is_unique_click(link_id: int, keys: tuple[int, ...], at: float) -> bool:
    """Return whether an address (hashed by `hash_address_for_window`) clicks the link for the first time in 30
    minutes. `at` is a Unix time."""
    older = [f"{link_id}:{key}" for key in keys[1:]]
    return unique_clicks.is_first(f"{link_id}:{keys[0]}", at, *older)


def build_conversion_key(kind: str, conversion_id: int, value: str) -> str:
    """Build the key under which a parameter, or the first conversion of a click, is deduplicated."""
    return f"{kind}:{conversion_id}:{value}"


def forget() -> None:
    """Empty everything, as in a new process (for tests)."""
    unique_clicks.forget()
    counted_conversions.forget()
    click_counters.forget()


def rebuild_state(now: datetime | None = None) -> int:
    """Restore the state; return the number of recent clicks that were read, 0 if the store is unavailable."""
    now = now or datetime.now(UTC)
    try:
        spool.flush()  # first store what a killed process left in the spool
        return load_state(now)
    except StoreError as error:
        log.warning("unique clicks and conversions could not be restored from the store: %s", error)
        return 0


def load_state(now: datetime) -> int:
    """Load conversions, recent clicks and click counts from the store; return the number of recent clicks."""
    for row in link_hits.list_sales_of_all(now - timedelta(seconds=counted_conversions.seconds)):
        at = to_timestamp(row["ts"])
        if row["name"]:
            counted_conversions.remember(build_conversion_key(row["kind"], row["conversion_id"], row["name"]), at)
        if row["is_unique"]:
            counted_conversions.remember(build_conversion_key("first", row["conversion_id"], str(row["click_id"])), at)
    recent_clicks = link_hits.list_unique_hits_of_all(now - timedelta(seconds=UNIQUE_SECONDS))
    for row in recent_clicks:
        unique_clicks.remember(f"{row['link_id']}:{row['view_id']}", to_timestamp(row["ts"]))
    # Only these links need the exact number of a click
    strict = [link for link in link_cache.list_links() if link.mode == Mode.SEQUENTIAL or link.expiration_clicks]
    for number, count in link_hits.count_clicks(
        {link.account_id for link in strict}, {link.link_id for link in strict}
    ).items():
        click_counters.seed(number, count)
    for window in (unique_clicks, counted_conversions):
        window.publish(now.timestamp())
    return len(recent_clicks)


def to_timestamp(ts: datetime) -> float:
    return (ts if ts.tzinfo else ts.replace(tzinfo=UTC)).timestamp()
