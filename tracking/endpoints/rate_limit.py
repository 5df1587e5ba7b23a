"""The rate limit of an endpoint: requests a minute of one address."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.security.client_ip import get_rate_limit_key
from tracking.state import shared_redis

MAX_ADDRESSES = 100_000


class PerMinute:
    """Counts requests per client (IPv6: per /64) and minute; with Redis, of all processes together."""

    def __init__(self, name: str, max_requests: int) -> None:
        self.name, self.max_requests = name, max_requests
        self.minute = 0
        self.counts: dict[str, int] = {}

    def allows(self, address: str, now: datetime) -> bool:
        """Count a request; return False once the address exceeds its limit."""
        minute, address = int(now.timestamp()) // 60, get_rate_limit_key(address)
        shared_count = shared_redis.run_or_none(lambda client: self._count(client, f"{address}:{minute}"))
        if shared_count is not None:
            return shared_count <= self.max_requests
        if minute != self.minute or len(self.counts) > MAX_ADDRESSES:
            self.minute, self.counts = minute, {}
        count = self.counts[address] = self.counts.get(address, 0) + 1
        return count <= self.max_requests

    def _count(self, client: Any, key: str) -> int:
        pipe = client.pipeline(transaction=False)
        pipe.incr(f"footfall:limit:{self.name}:{key}")
        pipe.expire(f"footfall:limit:{self.name}:{key}", 120)
        return int(pipe.execute()[0])

    def forget(self) -> None:
        """Delete all counts (tests)."""
        self.counts.clear()
