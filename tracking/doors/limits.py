"""How many requests a minute an address may send to a limited door."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.security.client_ip import rate_limit_key
from tracking import shared

MOST_ADDRESSES = 100_000


class PerMinute:
    """Counts per client (of IPv6, per /64) and minute; all processes count together where Redis is there."""

    def __init__(self, name: str, most: int) -> None:
        self.name, self.most = name, most
        self.minute = 0
        self.counts: dict[str, int] = {}

    def allows(self, address: str, now: datetime) -> bool:
        """Count one more; False once the address is over its limit."""
        minute, address = int(now.timestamp()) // 60, rate_limit_key(address)
        together = shared.together(lambda client: self._count(client, f"{address}:{minute}"))
        if together is not None:
            return together <= self.most
        if minute != self.minute or len(self.counts) > MOST_ADDRESSES:
            self.minute, self.counts = minute, {}
        count = self.counts[address] = self.counts.get(address, 0) + 1
        return count <= self.most

    def _count(self, client: Any, key: str) -> int:
        pipe = client.pipeline(transaction=False)
        pipe.incr(f"footfall:limit:{self.name}:{key}")
        pipe.expire(f"footfall:limit:{self.name}:{key}", 120)
        return int(pipe.execute()[0])

    def forget(self) -> None:
        """Start counting anew (tests)."""
        self.counts.clear()
