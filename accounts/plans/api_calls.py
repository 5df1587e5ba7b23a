"""Calls of the APIs, counted in memory: a request only adds to a number. A thread of each process writes them to the
database in batches (`accounts.services.usage.api_calls_write`).

A process that is killed loses the calls of its last seconds, which are then not counted.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple


class CountedCalls(NamedTuple):
    """What is counted together: the calls of one API, with keys of one account, on one day of UTC."""

    account_id: int
    api: str
    day: date


class ApiCallCounter:
    """Counts calls until they are taken to be written. Used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[CountedCalls] = Counter()

    def add(self, account_id: int, api: str, now: datetime) -> None:
        """Count one call."""
        counted = CountedCalls(account_id, api, now.astimezone(UTC).date())
        with self._lock:
            self._calls[counted] += 1

    def take(self) -> Mapping[CountedCalls, int]:
        """Return what was counted since the last time, and begin at nothing."""
        with self._lock:
            calls, self._calls = self._calls, Counter()
        return calls

    def put_back(self, calls: Mapping[CountedCalls, int]) -> None:
        """Count again what was taken and could not be written."""
        with self._lock:
            self._calls.update(calls)


counter = ApiCallCounter()
