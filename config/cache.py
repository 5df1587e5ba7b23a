"""The cache in Redis, which is no reason to fail: while Redis is away every process counts and remembers alone."""

from __future__ import annotations

import time
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

PAUSE_SECONDS = 5.0  # before Redis is asked again


class PatientCache(RedisCache):
    """Django's own, with a memory of this process beside it."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        own = {"ALONE": "alone", "MAX_ENTRIES": 20_000, **params.get("OPTIONS", {})}
        params = {**params, "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}}
        super().__init__(server, params)
        self.alone = LocMemCache(own["ALONE"], {"OPTIONS": {"MAX_ENTRIES": own["MAX_ENTRIES"]}})
        self.away_until = 0.0

    def _ask(self, name: str, *args: Any, **more: Any) -> Any:
        if time.monotonic() >= self.away_until:
            try:
                return getattr(super(), name)(*args, **more)
            except (RedisError, OSError):
                self.away_until = time.monotonic() + PAUSE_SECONDS
        return getattr(self.alone, name)(*args, **more)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """As Django's."""
        return self._ask("get", key, default, version)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """As Django's."""
        self._ask("set", key, value, timeout, version)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """As Django's."""
        return bool(self._ask("add", key, value, timeout, version))

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """As Django's."""
        return bool(self._ask("touch", key, timeout, version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """As Django's: ValueError for a key that is not there."""
        return int(self._ask("incr", key, delta, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """As Django's."""
        return bool(self._ask("delete", key, version))
