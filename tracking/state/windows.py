"""Claims within a window, numbers of counters, and values, in the memory of one process.

All memory is bounded; what is lost at a restart is restored from the event store, or is of minutes only.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from tracking.state.questions import StateKey, Value, Window

MAX_VALUES = 200_000
MAX_REQUEST_COUNTS = 100_000


class MemoryWindow:
    """Decides whether a key is the first of its kind within the window."""

    def __init__(self, window: Window) -> None:
        self.seconds, self.max_keys = window.seconds, window.max_keys
        self._first_times: OrderedDict[StateKey, float] = OrderedDict()
        self._next_expiry = 0.0  # no key expires earlier
        self._lock = threading.Lock()

    def claim(self, key: StateKey, at: float, older: tuple[StateKey, ...] = ()) -> bool:
        """Note `key`; return whether neither it nor one of its `older` names occurred in the `seconds` before `at`."""
        with self._lock:
            for name in (key, *older) if older else (key,):
                first_time = self._first_times.get(name)
                if first_time is not None and abs(at - first_time) < self.seconds:  # later if the clock was set back
                    return False
            self._note(key, at)
            return True

    def note(self, key: StateKey, at: float) -> None:
        """Note a key, the oldest first."""
        with self._lock:
            self._note(key, at)

    def release(self, key: StateKey) -> None:
        """Forget a key of which nothing was stored."""
        with self._lock:
            self._first_times.pop(key, None)

    def __len__(self) -> int:
        return len(self._first_times)

    def _note(self, key: StateKey, at: float) -> None:
        first_times = self._first_times
        first_times[key] = at
        first_times.move_to_end(key)
        if len(first_times) > self.max_keys:
            first_times.popitem(last=False)
        if at >= self._next_expiry:
            self._remove_expired(at)

    def _remove_expired(self, at: float) -> None:
        while at - (oldest := next(iter(self._first_times.values()))) >= self.seconds:
            self._first_times.popitem(last=False)
        self._next_expiry = oldest + self.seconds


class Counters:
    """Numbers from 1; every caller gets another one."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._lock = threading.Lock()

    def take(self, counter: int) -> int:
        """Return the next number."""
        with self._lock:
            self._counts[counter] = self._counts.get(counter, 0) + 1
            return self._counts[counter]

    def get(self, counter: int) -> int:
        """Return the last number that this process knows."""
        return self._counts.get(counter, 0)

    def seed(self, counter: int, count: int) -> None:
        """Continue after `count`, where that is higher."""
        with self._lock:
            self._counts[counter] = max(count, self._counts.get(counter, 0))


class Values:
    """The values that were put last."""

    def __init__(self, max_values: int = MAX_VALUES) -> None:
        self.max_values = max_values
        self._values: OrderedDict[StateKey, Value] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: StateKey, value: Value) -> None:
        """Keep a value."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self.max_values:
                self._values.popitem(last=False)

    def get(self, key: StateKey) -> Value | None:
        """Return a value; None without one."""
        return self._values.get(key)


class RequestCounts:
    """Numbers of requests under keys that are forgotten after their time; those that began first also for space."""

    def __init__(self, max_keys: int = MAX_REQUEST_COUNTS) -> None:
        self.max_keys = max_keys
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()  # key -> (its end, number of requests)
        self._lock = threading.Lock()

    def count(self, key: str, seconds: int, now: float) -> int:
        """Count one more and return the number."""
        with self._lock:
            end, number = self._counts.get(key, (0.0, 0))
            if now >= end:
                self._counts.pop(key, None)
                end, number = now + seconds, 0
            self._counts[key] = (end, number + 1)
            if len(self._counts) > self.max_keys:
                self._counts.popitem(last=False)
            return number + 1
