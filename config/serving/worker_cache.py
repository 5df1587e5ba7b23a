"""Django's cache in a collecting worker: requests are counted for all workers together, in the store's process."""

from __future__ import annotations

from config.outages import MemoryCache
from config.serving.worker_parts import get_worker_state


class WorkerCache(MemoryCache):
    """A cache in this process's memory, except for counters."""

    def count(self, key: str, seconds: int) -> int:
        """See `accounts.security.rate_limits.CountingCache`."""
        return get_worker_state().count_request(self.make_key(key), seconds)
