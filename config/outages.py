"""What keeps the installation working while the database or memory, and one in Redis is unavailable.

Periodic tasks pause ever longer without the database, with one log line per outage and recovery. Without Redis every
process has its own memory.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from django.db import InterfaceError, OperationalError
from redis import Redis, RedisError

from accounts.threads import release_connections
from tracking.state.redis_link import RedisPause

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 5.0, 60.0
COUNT_SCRIPT = """
local count = redis.call('INCR', KEYS[1])
if count <= 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""
log = logging.getLogger(__name__)


class DatabaseOutageBackoff:
    """Runs jobs; one that cannot reach the database pauses, twice as long each time up to MAX_PAUSE_SECONDS."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.pauses: dict[str, tuple[float, float]] = {}  # name -> (end of the pause, its length)
        self.lock = threading.Lock()

    def run(self, name: str, job: Callable[[], object]) -> bool:
        """Run the job unless it pauses; returns whether it succeeded. Raises all errors but those of the connection."""
        until, pause = self.pauses.get(name, (0.0, 0.0))
        if self.clock() < until:
            return False
        try:
            job()
        except (OperationalError, InterfaceError) as error:
            self._pause(name, min(MAX_PAUSE_SECONDS, pause * 2) or MIN_PAUSE_SECONDS, error)
            return False
        if pause:
            self._end_pauses()
        return True

    def _pause(self, name: str, pause: float, error: Exception) -> None:
        """Pause a job after an error of the connection."""
        with self.lock:
            if not self.pauses:
                log.warning(
                    "Periodic tasks pause, because the database is unavailable: %s",
                    str(error).strip().partition("\n")[0],
                )
            self.pauses[name] = (self.clock() + pause, pause)
        release_connections()

    def _end_pauses(self) -> None:
        """End all pauses, because a job has reached the database."""
        with self.lock:
            if self.pauses:
                self.pauses.clear()
                log.warning("The database is available again; periodic tasks continue.")


class MemoryCache(LocMemCache):
    """Django's cache in this process' memory."""

    # Any key is valid: Django checks every character for memcached, which takes longer than to count a request
    make_and_validate_key = LocMemCache.make_key

    def count(self, key: str, seconds: int) -> int:
        """See `accounts.security.rate_limits.CountingCache`."""
        for _ in range(2):
            try:
                count = self.incr(key)
            except ValueError:
                if self.add(key, 1, seconds):
                    break
            else:
                if count <= 1:  # all attempts were undone: the window begins again
                    self.touch(key, seconds)
                return count
        return 1


class FallbackRedisCache(RedisCache):
    """Django's cache in Redis, with a cache in memory as its fallback."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {"FALLBACK": "fallback", "MAX_ENTRIES": 20_000, **params.get("OPTIONS", {})}
        params = {**params, "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}}
        super().__init__(server, params)
        self.fallback = MemoryCache(options["FALLBACK"], {"OPTIONS": {"MAX_ENTRIES": options["MAX_ENTRIES"]}})
        self.counters: Redis = Redis.from_url(server, socket_timeout=0.5, socket_connect_timeout=0.5)
        self.pause = RedisPause()

    def count(self, key: str, seconds: int) -> int:
        """See `accounts.security.rate_limits.CountingCache`; in one round trip, where `incr` takes two."""
        if not self.pause.is_active():
            try:
                count = int(self.counters.eval(COUNT_SCRIPT, 1, self.make_key(key), seconds))
            except (RedisError, OSError):
                self.pause.note_failure()
            else:
                self.pause.note_answer()
                return count
        return self.fallback.count(key, seconds)

    def _call(self, name: str, *args: object, **kwargs: object) -> Any:
        """Call a method of the cache in Redis; of the fallback while Redis is unavailable."""
        if not self.pause.is_active():
            try:
                answer = getattr(super(), name)(*args, **kwargs)
            except (RedisError, OSError):
                self.pause.note_failure()
            else:
                self.pause.note_answer()
                return answer
        return getattr(self.fallback, name)(*args, **kwargs)

    def get(self, key: object, default: object = None, version: int | None = None) -> object:
        """See the base class."""
        return self._call("get", key, default, version)

    def set(self, key: object, value: object, timeout: object = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """See the base class."""
        self._call("set", key, value, timeout, version)

    def add(self, key: object, value: object, timeout: object = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """See the base class."""
        return bool(self._call("add", key, value, timeout, version))

    def touch(self, key: object, timeout: object = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """See the base class."""
        return bool(self._call("touch", key, timeout, version))

    def incr(self, key: object, delta: int = 1, version: int | None = None) -> int:
        """See the base class. Raises ValueError for a missing key."""
        return int(self._call("incr", key, delta, version))

    def delete(self, key: object, version: int | None = None) -> bool:
        """See the base class."""
        return bool(self._call("delete", key, version))
