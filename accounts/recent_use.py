"""Who has how much open at the same time, on average over the last seconds, and whether anybody else is there.

Whoever is alone may take what there is. When others come, whoever has much open on average gives way to them. What is
open counts while it runs and while it waits, so that waiting makes nobody light.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import Generic, TypeVar

AVERAGE_SECONDS = 5.0  # the time constant of the average
PRESENT_SECONDS = 5.0  # for which somebody counts as present after their last request
K = TypeVar("K")  # what users are distinguished by, such as the id of an account


@dataclass(slots=True)
class RecentUse:
    """What one user has open now, and had on average until `at` (seconds of a monotonic clock)."""

    at: float
    open: int = 0
    average: float = 0.0

    def change(self, by: int, now: float) -> None:
        """Note that something more is open, or less."""
        self.average, self.at = self.read_average(now), now
        self.open += by

    def read_average(self, now: float) -> float:
        """Return how much is open on average; what happened longer ago counts for less."""
        return self.open + (self.average - self.open) * math.exp((self.at - now) / AVERAGE_SECONDS)


class RecentUses(Generic[K]):
    """What everybody who is present has open. May be used by several threads."""

    def __init__(self) -> None:
        self._uses: dict[K, RecentUse] = {}
        self._lock = threading.Lock()
        self._next_removal = 0.0

    def add(self, user: K) -> None:
        """Note that something of a user has been opened. `subtract` must follow."""
        self._change(user, 1)

    def subtract(self, user: K) -> None:
        """Note that something of a user has ended."""
        self._change(user, -1)

    def is_crowded(self, user: K) -> bool:
        """Whether anybody else is present."""
        now = time.monotonic()
        with self._lock:
            return any(other != user and is_present(use, now) for other, use in self._uses.items())

    def gives_way(self, user: K, limit: float) -> bool:
        """Whether a user has more than `limit` open on average while others are present."""
        use = self._uses.get(user)
        return use is not None and use.read_average(time.monotonic()) > limit and self.is_crowded(user)

    def forget(self) -> None:
        """Forget everybody, as a new process does."""
        with self._lock:
            self._uses.clear()

    def _change(self, user: K, by: int) -> None:
        now = time.monotonic()
        with self._lock:
            use = self._uses.get(user) or self._uses.setdefault(user, RecentUse(now))
            use.change(by, now)
            if now >= self._next_removal:
                self._next_removal = now + PRESENT_SECONDS
                self._uses = {other: use for other, use in self._uses.items() if is_present(use, now)}


def is_present(use: RecentUse, now: float) -> bool:
    """Whether a user has something open, or had a moment ago."""
    return use.open > 0 or now - use.at <= PRESENT_SECONDS
