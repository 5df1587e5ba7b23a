"""A cache in memory, and one in Redis that works without Redis: meanwhile every process uses its own memory."""

from __future__ import annotations

import time
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

RETRY_SECONDS = 5.0  # before Redis is tried again


class MemoryCache(LocMemCache):
    """Django's cache in this process' memory."""

    def validate_key(self, key: str) -> None:
        """Accept any key: Django checks every character for memcached, which takes longer than to count a request."""


class FallbackRedisCache(RedisCache):
    """Django's cache in Redis, with a cache in memory as its fallback."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {"FALLBACK": "fallback", "MAX_ENTRIES": 20_000, **params.get("OPTIONS", {})}
        params = {**params, "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}}
        super().__init__(server, params)
        self.fallback = MemoryCache(options["FALLBACK"], {"OPTIONS": {"MAX_ENTRIES": options["MAX_ENTRIES"]}})
        self.retry_at = 0.0

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the cache in Redis; of the fallback while Redis is unavailable."""
        if time.monotonic() >= self.retry_at:
            try:
                return getattr(super(), name)(*args, **kwargs)
            except (RedisError, OSError):
                self.retry_at = time.monotonic() + RETRY_SECONDS
        return getattr(self.fallback, name)(*args, **kwargs)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """See the base class."""
        return self._call("get", key, default, version)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """See the base class."""
        self._call("set", key, value, timeout, version)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """See the base class."""
        return bool(self._call("add", key, value, timeout, version))

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """See the base class."""
        return bool(self._call("touch", key, timeout, version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """See the base class. Raises ValueError for a missing key."""
        return int(self._call("incr", key, delta, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """See the base class."""
        return bool(self._call("delete", key, version))
